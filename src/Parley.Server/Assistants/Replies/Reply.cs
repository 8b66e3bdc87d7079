using System.Text.Json.Serialization;

namespace Parley.Server.Assistants.Replies;

internal enum ReplyStatus
{
    Running,
    Done,

    /// <summary>Stopped by the one who asked, or by a person who took over.</summary>
    Cancelled,

    /// <summary>It broke off; what it had said is kept, and says so.</summary>
    Truncated,

    /// <summary>Nobody answered.</summary>
    Failed,
}

/// <param name="Outcome">`done`, or why not: `cancelled`, `interrupted` (the server stopped), `timeout`, `rate_limited`, `server_error`, …</param>
/// <param name="TtftMs">Until the first word.</param>
/// <param name="Tokens">Of the answer.</param>
/// <param name="Detail">For the operator.</param>
internal sealed record Attempt(
    string Provider, string Model, string Outcome, int? TtftMs, int? Tokens, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Detail = null);

/// <summary>A reply as it stands in the database.</summary>
/// <param name="LastIndex">Of the last delta that is in <paramref name="Text"/>.</param>
/// <param name="MessageSeq">Of the entry that it became.</param>
internal sealed record StoredReply(
    Guid TenantId, Guid Id, Guid ConversationId, ReplyStatus Status, string? Model, string Text, int LastIndex, IReadOnlyList<Attempt> Attempts, string? Code, long? MessageSeq,
    DateTimeOffset CreatedAt, DateTimeOffset? EndedAt);

/// <summary>What a job is to do: give this reply, which is new or was left behind by a process that died.</summary>
/// <param name="JobId">Of the job that gives it; any other job for the conversation only records what else is owed.</param>
/// <param name="AnswersSeq">It answers everything up to this entry.</param>
/// <param name="OwnerEpoch">The conversation's when it began; under another one it is stale.</param>
internal sealed record Claim(
    Guid TenantId, Guid ConversationId, Guid ReplyId, long JobId, long AnswersSeq, long OwnerEpoch, int LastIndex, IReadOnlyList<Attempt> Attempts, bool IsNew);

internal enum SavedState
{
    Running,
    CancelRequested,

    /// <summary>It ended, or another process gives it now, whatever this one thinks.</summary>
    Gone,
}
