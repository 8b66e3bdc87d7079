using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Desk;
using Parley.Server.Conversations.Live;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations;

public sealed record MembersRequest([MinLength(1), MaxLength(100)] Guid[] UserIds);

internal sealed record MembersResponse(IReadOnlyList<PersonName> Items);

/// <summary>Who is in a group.</summary>
internal static class Members
{
    private const int MaxMembers = 500;

    public static void MapMembers(this IEndpointRouteBuilder api)
    {
        var members = api.MapGroup("/conversations/{id:guid}/members").WithTags("Conversations").Allow(Role.Member, Scopes.Conversations);
        members.MapGet("/", ListAsync).WithName("ListMembers");
        members.MapPost("/", AddAsync).WithName("AddMembers");
        members.MapDelete("/{userId:guid}", RemoveAsync).WithName("RemoveMember");
    }

    /// <summary>The members of a group.</summary>
    internal static async Task<Results<Ok<MembersResponse>, ProblemHttpResult>> ListAsync(
        Guid id, ClaimsPrincipal caller, ConversationRights rights, Colleagues colleagues, AppDbContext db, CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (IsRefused(access, out var problem))
            return problem;
        var ids = await db.ConversationMembers.Where(m => m.ConversationId == access!.ConversationId).Select(m => m.UserId).ToListAsync(cancellationToken);
        var members = await colleagues.FindAsync(caller.TenantId, ids, cancellationToken);
        return TypedResults.Ok(new MembersResponse([.. members.Select(person => person.ToName())]));
    }

    /// <summary>Takes people into a group; they see all of it. Who is in it already stays.</summary>
    internal static async Task<Results<NoContent, ProblemHttpResult>> AddAsync(
        Guid id, MembersRequest request, ClaimsPrincipal caller, ConversationRights rights, Colleagues colleagues, AppDbContext db, Timeline timeline, ConversationFeed feed, EventFeed events,
        TimeProvider time, CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (IsRefused(access, out var problem))
            return problem;
        var present = await db.ConversationMembers.Where(m => m.ConversationId == access!.ConversationId).Select(m => m.UserId).ToListAsync(cancellationToken);
        var wanted = request.UserIds.Distinct().Except(present).ToArray();
        var added = await colleagues.FindAsync(caller.TenantId, wanted, cancellationToken);
        if (added.Count != wanted.Length)
            return Problems.BadRequest("user_not_found", "One of them is not an active user.", "user_ids");
        if (present.Count + added.Count > MaxMembers)
            return Problems.BadRequest("too_many_members", $"A group has up to {MaxMembers} members.", "user_ids");
        if (added.Count == 0)
            return TypedResults.NoContent();
        var (conversationId, now) = (access!.ConversationId, time.Now);
        foreach (var person in added)
        {
            await db.Database.ExecuteSqlAsync(
                $"insert into conversation_members (tenant_id, conversation_id, user_id, joined_at) values ({caller.TenantId}, {conversationId}, {person.Id}, {now}) on conflict do nothing",
                cancellationToken);
        }
        events.ForgetFollowers(conversationId);
        await timeline.AppendAsync(access.Event(TimelineEvents.Members(added.Select(person => person.ToName()), [], access.Sender), change: null), cancellationToken);
        feed.Changed(conversationId);
        return TypedResults.NoContent();
    }

    /// <summary>Takes somebody out of a group, or oneself.</summary>
    /// <response code="403">Only who began the group takes others out of it.</response>
    internal static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(
        Guid id, Guid userId, ClaimsPrincipal caller, ConversationRights rights, Colleagues colleagues, AppDbContext db, Timeline timeline, ConversationFeed feed, EventFeed events,
        CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (IsRefused(access, out var problem))
            return problem;
        var conversationId = access!.ConversationId;
        if (userId != caller.CallerId && access.CreatedBy != caller.CallerId && !caller.IsApiKey)
            return ConversationProblems.Forbidden("Only who began the group takes others out of it.");
        if (await db.ConversationMembers.Where(m => m.ConversationId == conversationId && m.UserId == userId).ExecuteDeleteAsync(cancellationToken) == 0)
            return Problems.NotFound("member_not_found", "They are not in this group.");
        events.ForgetFollowers(conversationId);
        var removed = await colleagues.FindAsync(caller.TenantId, userId, cancellationToken);
        await timeline.AppendAsync(
            access.Event(TimelineEvents.Members([], [removed?.ToName() ?? new PersonName(userId, "")], access.Sender), change: null), cancellationToken);
        feed.Changed(conversationId);
        return TypedResults.NoContent();
    }

    private static bool IsRefused(ConversationAccess? access, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ProblemHttpResult? problem)
    {
        if (access.IsRefused(out problem))
            return true;
        problem = access switch
        {
            { Kind: not ConversationKind.Group } => Problems.Conflict("not_a_group", "Only a group has members."),
            { MayWrite: false } => ConversationProblems.Archived(),
            _ => null,
        };
        return problem is not null;
    }
}
