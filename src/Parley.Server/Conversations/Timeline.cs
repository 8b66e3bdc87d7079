using System.Text.Json;

namespace Parley.Server.Conversations;

/// <summary>An entry that is to be: everything but its place in the log.</summary>
internal sealed class Draft
{
    public required Guid TenantId { get; init; }
    public required Guid ConversationId { get; init; }
    public EntryKind Kind { get; init; } = EntryKind.Text;
    public required Sender Sender { get; init; }
    public string Body { get; init; } = "";
    public IReadOnlyList<Attachment> Attachments { get; init; } = [];

    /// <summary>For the tenant's people alone: a note.</summary>
    public bool Private { get; init; }

    /// <summary>The sender's own name for it, at most 128 characters; the same one again in a conversation changes nothing.</summary>
    public string? ClientId { get; init; }

    public JsonElement? Metadata { get; init; }
    public string? Model { get; init; }
    public JsonElement? Usage { get; init; }

    /// <summary>Refused as stale unless the conversation's <c>owner_epoch</c> is this one; every write by an assistant says it.</summary>
    public long? IfEpoch { get; init; }

    /// <summary>Whether an assistant owes an answer to it, provided that the conversation is with the AI: a durable job is written with it.</summary>
    public bool WantsReply { get; init; }

    /// <summary>What changes in the conversation with this entry, in the same commit.</summary>
    public ConversationChange? Change { get; init; }
}

/// <summary>What an entry changes in its conversation; null leaves a field as it is.</summary>
internal sealed record ConversationChange
{
    /// <summary>A change of handler raises <c>owner_epoch</c>, also when it is the same handler again (one agent taking over from another).</summary>
    public Handler? Handler { get; init; }

    /// <summary>The new assignee; <see cref="Guid.Empty"/> for nobody.</summary>
    public Guid? AssigneeId { get; init; }

    public ConversationStatus? Status { get; init; }
    public Priority? Priority { get; init; }
    public IReadOnlyList<string>? Tags { get; init; }
    public short? RatingScore { get; init; }
    public string? RatingComment { get; init; }

    /// <summary>Refused as stale unless nobody is assigned.</summary>
    public bool OnlyIfUnassigned { get; init; }

    /// <summary>Refused as stale unless the handler is this one.</summary>
    public Handler? OnlyIfHandler { get; init; }
}

internal enum AppendOutcome
{
    Appended,

    /// <summary>The sender's <c>client_id</c> is in the log already; the result is the first one.</summary>
    Duplicate,

    /// <summary>The conversation's handler changed meanwhile; nothing was written.</summary>
    Stale,

    /// <summary>There is no such conversation in this tenant, or it is deleted.</summary>
    NotFound,
}

/// <param name="Seq">0 unless appended or duplicate.</param>
/// <param name="ReplyOwed">A job for the assistant was written with it.</param>
internal readonly record struct AppendResult(AppendOutcome Outcome, Guid Id, long Seq, DateTimeOffset CreatedAt, bool ReplyOwed)
{
    public bool IsStored => Outcome is AppendOutcome.Appended or AppendOutcome.Duplicate;
}

/// <summary>The one writer of entries.</summary>
internal sealed class Timeline
{
    /// <summary>
    /// Appends an entry; completes when it is durable, and by then it is on its way to all who listen.
    /// Throws <see cref="Npgsql.NpgsqlException"/> when the database is away: then nothing can be said of whether it was stored, and a resend with the same client id is safe.
    /// </summary>
    public ValueTask<AppendResult> AppendAsync(Draft draft, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Told after the commit, in order per conversation, on the delivery loop: must not block or throw. What must not be lost is a job, not this.</summary>
    public event Action<EntryAppended>? Appended;

    private void Tell(EntryAppended appended) => Appended?.Invoke(appended);
}

/// <param name="TenantId">The tenant of the conversation.</param>
/// <param name="Entry">As stored.</param>
/// <param name="Change">What changed in the conversation with it.</param>
/// <param name="ReplyOwed">A job of kind <c>reply</c> was written with it.</param>
/// <param name="Kind">The conversation's kind.</param>
internal sealed record EntryAppended(Guid TenantId, Entry Entry, ConversationChange? Change, bool ReplyOwed, ConversationKind Kind);
