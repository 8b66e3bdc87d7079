using System.Runtime.CompilerServices;

namespace Parley.Server.Assistants.Replies;

/// <summary>A piece of a reply, or, last, how it ended.</summary>
internal readonly record struct FollowedReply(Guid ReplyId, ReplyPiece? Piece, StoredReply? Ended);

/// <summary>Follows a reply to its end, whichever process gives it: from memory when that is this one, else from what is saved of it.</summary>
internal sealed class ReplyFollower(ReplyEngine engine, ReplyStore replies, TimeProvider time)
{
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(300);

    /// <summary>All that comes after the piece <paramref name="afterIndex"/>; -1 for all.</summary>
    public async IAsyncEnumerable<FollowedReply> FollowAsync(Guid tenantId, Guid replyId, int afterIndex, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var index = Math.Max(afterIndex, -1);
        string? saved = null;
        while (true)
        {
            if (engine.FindById(replyId) is { } live)
            {
                while (true)
                {
                    if (live.TryRead(index, out var piece, out var changed, out var end))
                    {
                        index = piece.Index;
                        yield return new FollowedReply(replyId, piece, Ended: null);
                    }
                    else if (end is not null || live.IsSilenced)
                        break;
                    else
                        await changed.WaitAsync(cancellationToken);
                }
                saved = live.Snapshot().Text;
            }
            if (await replies.FindAsync(tenantId, replyId, cancellationToken) is not { } stored)
                yield break;
            if (PieceOf(stored, saved, index) is { } grown)
            {
                (index, saved) = (grown.Index, stored.Text);
                yield return new FollowedReply(replyId, grown, Ended: null);
            }
            if (stored.Status is not ReplyStatus.Running)
            {
                yield return new FollowedReply(replyId, Piece: null, stored);
                yield break;
            }
            await Task.Delay(_look, time, cancellationToken);
        }
    }

    /// <summary>Follows the reply that answers the message at <paramref name="seq"/>, from before its beginning on.</summary>
    public async IAsyncEnumerable<FollowedReply> FollowAnswerAsync(Guid tenantId, Guid conversationId, long seq, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var replyId = await engine.WaitForBeginAsync(
            conversationId,
            async () => engine.FindAnswer(conversationId, seq)?.Id ?? (await replies.FindAnswerAsync(tenantId, conversationId, seq, cancellationToken))?.Id,
            _look,
            cancellationToken);
        await foreach (var followed in FollowAsync(tenantId, replyId, afterIndex: -1, cancellationToken))
            yield return followed;
    }

    /// <summary>What is saved beyond what was sent; null when that is nothing.</summary>
    private static ReplyPiece? PieceOf(StoredReply stored, string? sent, int index)
    {
        if (index == stored.LastIndex || stored.Text.Length == 0 || stored.Text == sent)
            return null;
        if (index < 0 && sent is null)
            return new ReplyPiece(Replaces: false, stored.LastIndex, stored.Text, stored.Model);
        return sent is not null && stored.Text.StartsWith(sent, StringComparison.Ordinal)
            ? new ReplyPiece(Replaces: false, stored.LastIndex, stored.Text[sent.Length..], stored.Model)
            : new ReplyPiece(Replaces: true, stored.LastIndex, stored.Text, stored.Model);
    }
}
