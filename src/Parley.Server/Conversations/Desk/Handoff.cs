using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Conversations.Widget;
using Parley.Server.Operations;

namespace Parley.Server.Conversations.Desk;

public enum HandoffTarget
{
    Agent,
    Ai,
}

/// <param name="To">`agent`: an agent takes it over, a visitor asks for a person. `ai`: it is given back to the assistant.</param>
/// <param name="ExpectedEpoch">The `owner_epoch` on which the decision was taken; another one by now is a 409.</param>
public sealed record HandoffRequest(HandoffTarget To, [StringLength(500)] string? Reason = null, long? ExpectedEpoch = null);

/// <param name="UserId">An agent; null takes it from whoever has it and puts it back into the queue.</param>
public sealed record AssignRequest(Guid? UserId, long? ExpectedEpoch = null);

/// <summary>
/// Who answers. Each change of handler is one entry with the change in the same commit, fenced by the `owner_epoch` it was decided on: of two who
/// act at once one wins, and what the assistant began before is refused.
/// </summary>
internal static class Handoff
{
    public static void MapHandoff(this IEndpointRouteBuilder api)
    {
        var conversation = api.MapGroup("/conversations/{id:guid}").WithTags("Conversations");
        conversation.MapPost("/handoff", HandOffAsync).WithName("HandOff").Allow(Role.Agent, Scopes.Conversations, visitors: true).RequireCors(WidgetCors.Policy);
        conversation.MapPost("/assign", AssignAsync).WithName("Assign").Allow(Role.Agent, Scopes.Conversations);
    }

    /// <summary>Takes a conversation over, asks for a person, or gives it back to the assistant. What is so already stays as it is.</summary>
    /// <response code="409">Somebody else was faster (`stale_owner`).</response>
    internal static async Task<Results<Ok<ConversationResponse>, Ok<VisitorConversationResponse>, ProblemHttpResult>> HandOffAsync(
        Guid id, HandoffRequest request, ClaimsPrincipal caller, ConversationRights rights, ConversationViews views, Timeline timeline, Briefings briefings,
        CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (access.IsRefused(out var problem) || IsRefused(access, request.ExpectedEpoch, out problem))
            return problem;
        if (access.IsVisitor && request.To is HandoffTarget.Ai)
            return ConversationProblems.Forbidden("A visitor asks for a person; giving back is for agents.");

        // An API key is nobody who could answer: it asks for a person as a visitor does.
        var to = request.To is HandoffTarget.Ai ? Handler.Ai : access.IsVisitor || caller.IsApiKey ? Handler.Queue : Handler.Agent;
        var isSo = to switch
        {
            Handler.Ai => access.Handler is Handler.Ai,
            Handler.Queue => access.Handler is not Handler.Ai && access.Status is not ConversationStatus.Resolved,
            _ => access.Handler is Handler.Agent && access.AssigneeId == caller.CallerId,
        };
        if (!isSo)
        {
            if (to is Handler.Agent)
                await briefings.PrepareAsync(access.TenantId, access.ConversationId, access.OwnerEpoch, cancellationToken);
            var result = await timeline.AppendAsync(
                access.Event(
                    TimelineEvents.Handoff(access.Handler, to, request.Reason, access.Sender),
                    new ConversationChange
                    {
                        Handler = to,
                        AssigneeId = to is Handler.Agent ? caller.CallerId : Guid.Empty,
                        Status = access.Status is ConversationStatus.Resolved ? ConversationStatus.Open : null,
                    },
                    ifEpoch: access.OwnerEpoch),
                cancellationToken);
            // A visitor who asks while an agent takes over has what it asked for.
            if (result.Outcome.IsRefused(out problem) && !(access.IsVisitor && result.Outcome is AppendOutcome.Stale))
                return problem;
            if (to is Handler.Agent)
                await briefings.BeginAsync(access.TenantId, access.ConversationId, access.OwnerEpoch, cancellationToken);
        }
        return await ConversationRoutes.ViewAsync(access, views, cancellationToken);
    }

    /// <summary>Gives a conversation to an agent, or takes it from one.</summary>
    /// <response code="409">Somebody else was faster (`stale_owner`).</response>
    internal static async Task<Results<Ok<ConversationResponse>, ProblemHttpResult>> AssignAsync(
        Guid id, AssignRequest request, ClaimsPrincipal caller, ConversationRights rights, ConversationViews views, Colleagues colleagues, Timeline timeline,
        Briefings briefings, CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (access.IsRefused(out var problem) || IsRefused(access, request.ExpectedEpoch, out problem))
            return problem;
        var to = request.UserId is { } userId ? await colleagues.FindAsync(access.TenantId, userId, cancellationToken) : null;
        if (request.UserId is not null && to is null)
            return Problems.BadRequest("user_not_found", "There is no such active user.", "user_id");
        if (to is { Role: < Role.Agent })
            return Problems.BadRequest("not_an_agent", "Conversations are assigned to agents.", "user_id");

        if (to?.Id != access.AssigneeId || (to is not null && access.Handler is not Handler.Agent))
        {
            var from = access.AssigneeId is { } assigneeId ? await colleagues.FindAsync(access.TenantId, assigneeId, cancellationToken) : null;
            if (to is not null)
                await briefings.PrepareAsync(access.TenantId, access.ConversationId, access.OwnerEpoch, cancellationToken);
            var result = await timeline.AppendAsync(
                access.Event(
                    TimelineEvents.Assigned(from?.ToName(), to?.ToName(), access.Sender),
                    new ConversationChange
                    {
                        Handler = to is not null ? Handler.Agent : access.Handler is Handler.Agent ? Handler.Queue : null,
                        AssigneeId = to?.Id ?? Guid.Empty,
                    },
                    ifEpoch: access.OwnerEpoch),
                cancellationToken);
            if (result.Outcome.IsRefused(out problem))
                return problem;
            if (to is not null)
                await briefings.BeginAsync(access.TenantId, access.ConversationId, access.OwnerEpoch, cancellationToken);
        }
        return await views.GetAsync(access, cancellationToken) is { } view ? TypedResults.Ok(view) : ConversationProblems.NotFound();
    }

    private static bool IsRefused(ConversationAccess access, long? expectedEpoch, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ProblemHttpResult? problem)
    {
        problem = access switch
        {
            { Kind: not ConversationKind.Support } => ConversationProblems.SupportOnly(),
            { MayWrite: false } => ConversationProblems.Archived(),
            _ when expectedEpoch is { } epoch && epoch != access.OwnerEpoch => ConversationProblems.StaleOwner(),
            _ => null,
        };
        return problem is not null;
    }
}
