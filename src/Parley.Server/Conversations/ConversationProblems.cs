using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http.HttpResults;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Operations;

namespace Parley.Server.Conversations;

/// <summary>The answers that several routes of a conversation give.</summary>
internal static class ConversationProblems
{
    public static ProblemHttpResult NotFound() => Problems.NotFound("conversation_not_found", "There is no such conversation.");

    public static ProblemHttpResult Archived() => Problems.Conflict("conversation_archived", "An archived conversation is read only. Open it again first.");

    public static ProblemHttpResult StaleOwner() =>
        Problems.Conflict("stale_owner", "Somebody else took or gave this conversation at the same moment. Read it again.");

    public static ProblemHttpResult SupportOnly() => Problems.Conflict("not_a_support_conversation", "Only a conversation with a visitor can do this.");

    public static ProblemHttpResult Forbidden(string detail) => Problems.Forbidden("forbidden", detail);

    /// <summary>Whether there is no way in, and what to answer then.</summary>
    public static bool IsRefused([NotNullWhen(false)] this ConversationAccess? access, [NotNullWhen(true)] out ProblemHttpResult? problem)
    {
        problem = access switch
        {
            null => NotFound(),
            { SessionExpired: true } => Problems.Unauthorized("session_expired", "This session has ended. Begin a new one with POST /widget/sessions."),
            _ => null,
        };
        return problem is not null;
    }

    /// <summary>Whether <paramref name="outcome"/> means that nothing was stored, and what to answer then.</summary>
    public static bool IsRefused(this AppendOutcome outcome, [NotNullWhen(true)] out ProblemHttpResult? problem)
    {
        problem = outcome switch
        {
            AppendOutcome.Stale => StaleOwner(),
            AppendOutcome.NotFound => NotFound(),
            AppendOutcome.Archived => Archived(),
            _ => null,
        };
        return problem is not null;
    }
}
