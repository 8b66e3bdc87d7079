using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;

namespace Parley.Server.Conversations;

/// <summary>A reply that an assistant is giving at this moment.</summary>
/// <param name="Index">Of the last delta that is part of <paramref name="Text"/>; -1 before the first.</param>
/// <param name="Text">What it has said so far.</param>
internal sealed record RunningReply(Guid Id, string? Model, int Index, string Text);

/// <summary>
/// What conversations ask of the assistants above them.
/// <para>
/// How a socket joins a reply without gap or repeat: all frames of a conversation's reply (<c>reply.start</c>, <c>reply.delta</c>, <c>reply.done</c>,
/// <c>reply.error</c>) are published to <see cref="TopicKind.Reply"/> of the conversation under one lock, and <see cref="Join"/> holds that same
/// lock. In the callback the socket subscribes to that topic and queues the <c>reply.start</c> that it is given: the next frame is the delta after
/// <see cref="RunningReply.Index"/>, the end of the reply, or the start of another.
/// </para>
/// </summary>
internal interface IRunningReplies
{
    /// <summary>
    /// Calls <paramref name="goLive"/> once, before it returns, with the frame <c>reply.start {reply_id, model, text, index}</c> of the reply that
    /// runs, or with null when none does. It must not block, throw, or call back.
    /// </summary>
    /// <param name="view">What the socket may see of it: a visitor is not told the model.</param>
    void Join(Guid conversationId, EntryView view, Action<Frame?> goLive);

    /// <summary>The reply that runs in this conversation, as of now; null when none does.</summary>
    RunningReply? Find(Guid conversationId);

    /// <summary>Ends the reply that runs in this conversation, as cancelled; what it has said so far is kept.</summary>
    /// <returns>False when none runs.</returns>
    ValueTask<bool> CancelAsync(Guid conversationId, CancellationToken cancellationToken);
}
