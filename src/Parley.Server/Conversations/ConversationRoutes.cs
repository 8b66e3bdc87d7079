using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Desk;
using Parley.Server.Conversations.Live;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Conversations.Widget;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations;

/// <param name="Kind">By default `support` with a contact, `group` with members, else `assistant`.</param>
/// <param name="ContactId">Whom a `support` conversation is with.</param>
/// <param name="MemberIds">Who is in a `group` besides the one who begins it.</param>
/// <param name="SystemPrompt">What the assistant is told before everything else.</param>
public sealed record ConversationRequest(
    ConversationKind? Kind = null,
    [StringLength(200)] string? Title = null,
    [StringLength(100)] string? Provider = null,
    [StringLength(200)] string? Model = null,
    Guid? ContactId = null,
    [MaxLength(100)] Guid[]? MemberIds = null,
    [StringLength(16_000)] string? SystemPrompt = null);

/// <param name="Tags">All of them; up to 20, each up to 40 characters.</param>
/// <param name="Model">Null for whatever the routes say.</param>
public sealed record ConversationPatch(
    [StringLength(200)] string? Title = null,
    ConversationStatus? Status = null,
    Priority? Priority = null,
    [MaxLength(20)] string[]? Tags = null,
    Optional<string?> Provider = default,
    Optional<string?> Model = default,
    Optional<string?> SystemPrompt = default);

internal static class ConversationRoutes
{
    private const int MaxTagLength = 40;
    private const int MaxModelLength = 200;
    private const int MaxPromptLength = 16_000;

    public static void MapConversationRoutes(this IEndpointRouteBuilder api)
    {
        var conversations = api.MapGroup("/conversations").WithTags("Conversations");
        conversations.MapPost("/", CreateAsync).WithName("CreateConversation").Allow(Role.Member, Scopes.Conversations);
        conversations.MapGet("/{id:guid}", GetAsync).WithName("GetConversation").Allow(Role.Member, Scopes.Conversations, visitors: true)
            .RequireCors(WidgetCors.Policy);
        conversations.MapPatch("/{id:guid}", UpdateAsync).WithName("UpdateConversation").Allow(Role.Member, Scopes.Conversations);
        conversations.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteConversation").Allow(Role.Member, Scopes.Conversations);
        conversations.MapPost("/{id:guid}/restore", RestoreAsync).WithName("RestoreConversation").Allow(Role.Member, Scopes.Conversations);
    }

    /// <summary>Begins a conversation: with the assistant, with a contact, or among members.</summary>
    /// <response code="403">Only agents begin a conversation with a contact.</response>
    internal static async Task<Results<Created<ConversationResponse>, ProblemHttpResult>> CreateAsync(
        ConversationRequest request, ClaimsPrincipal caller, AppDbContext db, Colleagues colleagues, ConversationViews views, ConversationFeed feed, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var kind = request.Kind ?? (request.ContactId is not null ? ConversationKind.Support : request.MemberIds is null ? ConversationKind.Assistant : ConversationKind.Group);
        var members = (request.MemberIds ?? []).Where(id => id != caller.CallerId).Distinct().ToArray();
        if (kind is ConversationKind.Support && !caller.IsStaff)
            return ConversationProblems.Forbidden("Only agents begin a conversation with a contact.");
        if (kind is ConversationKind.Support && request.ContactId is null)
            return Problems.BadRequest("contact_required", "A support conversation is with a contact.", "contact_id");
        if (kind is not ConversationKind.Support && request.ContactId is not null)
            return Problems.BadRequest("contact_not_allowed", "Only a support conversation is with a contact.", "contact_id");
        if (kind is not ConversationKind.Group && members.Length > 0)
            return Problems.BadRequest("members_not_allowed", "Only a group has members.", "member_ids");
        if (request.ContactId is { } contactId && !await db.Contacts.AnyAsync(c => c.Id == contactId && c.DeletedAt == null, cancellationToken))
            return Problems.BadRequest("contact_not_found", "There is no such contact.", "contact_id");
        if ((await colleagues.FindAsync(caller.TenantId, members, cancellationToken)).Count != members.Length)
            return Problems.BadRequest("user_not_found", "One of the members is not an active user.", "member_ids");

        var now = time.Now;
        var conversation = new Conversation
        {
            TenantId = caller.TenantId,
            Kind = kind,
            Title = request.Title ?? "",
            // Who writes to a contact first goes on with it.
            Handler = kind is ConversationKind.Assistant || (kind is ConversationKind.Support && caller.IsApiKey) ? Handler.Ai : Handler.Agent,
            AssigneeId = kind is ConversationKind.Support && !caller.IsApiKey ? caller.CallerId : null,
            ContactId = request.ContactId,
            CreatedBy = caller.CallerId,
            Provider = request.Provider,
            Model = request.Model,
            SystemPrompt = request.SystemPrompt,
            LastActivityAt = now,
            CreatedAt = now,
            UpdatedAt = now,
        };
        db.Add(conversation);
        if (kind is ConversationKind.Group)
        {
            db.AddRange(members.Append(caller.CallerId).Where(id => !caller.IsApiKey || id != caller.CallerId)
                .Select(id => new ConversationMember { TenantId = caller.TenantId, ConversationId = conversation.Id, UserId = id, JoinedAt = now }));
        }
        await db.SaveChangesAsync(cancellationToken);
        feed.Changed(conversation.Id);
        var view = await views.GetAsync(caller.TenantId, conversation.Id, caller.CallerId, cancellationToken);
        return TypedResults.Created($"/api/v1/conversations/{conversation.Id}", view);
    }

    /// <summary>One conversation; a visitor gets its own in a reduced form.</summary>
    internal static async Task<Results<Ok<ConversationResponse>, Ok<VisitorConversationResponse>, ProblemHttpResult>> GetAsync(
        Guid id, ClaimsPrincipal caller, ConversationRights rights, ConversationViews views, CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        return access.IsRefused(out var problem) ? problem : await ViewAsync(access, views, cancellationToken);
    }

    /// <summary>The conversation as it is now for the one with <paramref name="access"/>.</summary>
    internal static async Task<Results<Ok<ConversationResponse>, Ok<VisitorConversationResponse>, ProblemHttpResult>> ViewAsync(
        ConversationAccess access, ConversationViews views, CancellationToken cancellationToken) =>
        await views.GetAsync(access, cancellationToken) switch
        {
            null => ConversationProblems.NotFound(),
            var view when access.IsVisitor => TypedResults.Ok(view.ForVisitor()),
            var view => TypedResults.Ok(view),
        };

    /// <summary>Changes what is given. Status, priority and tags leave an entry in the timeline.</summary>
    internal static async Task<Results<Ok<ConversationResponse>, ProblemHttpResult>> UpdateAsync(
        Guid id, ConversationPatch patch, ClaimsPrincipal caller, ConversationRights rights, ConversationViews views, Timeline timeline, ConversationFeed feed,
        NpgsqlDataSource database, TimeProvider time, CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (access.IsRefused(out var problem))
            return problem;
        var tags = patch.Tags?.Select(tag => (tag ?? "").Trim()).Distinct(StringComparer.OrdinalIgnoreCase).ToArray();
        if (tags?.Any(tag => tag.Length is 0 or > MaxTagLength) is true)
            return Problems.BadRequest("invalid_tag", $"A tag has 1 to {MaxTagLength} characters.", "tags");
        if (patch.Provider.Value?.Length > MaxModelLength || patch.Model.Value?.Length > MaxModelLength)
            return Problems.BadRequest("too_long", $"At most {MaxModelLength} characters.", patch.Model.Value?.Length > MaxModelLength ? "model" : "provider");
        if (patch.SystemPrompt.Value?.Length > MaxPromptLength)
            return Problems.BadRequest("too_long", $"At most {MaxPromptLength} characters.", "system_prompt");
        if (await views.GetAsync(access, cancellationToken) is not { } before)
            return ConversationProblems.NotFound();

        if (patch.Title is not null || patch.Provider.IsGiven || patch.Model.IsGiven || patch.SystemPrompt.IsGiven)
        {
            await using var command = database.CreateCommand("update conversations set title = $3, provider = $4, model = $5, system_prompt = $6, updated_at = $7 where tenant_id = $1 and id = $2");
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = access.TenantId });
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = access.ConversationId });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = patch.Title?.Trim() ?? before.Title });
            command.Parameters.Add(Text(patch.Provider.Or(before.Provider)));
            command.Parameters.Add(Text(patch.Model.Or(before.Model)));
            command.Parameters.Add(Text(patch.SystemPrompt.Or(before.SystemPrompt)));
            command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.Now });
            await command.ExecuteNonQueryAsync(cancellationToken);
            feed.Changed(access.ConversationId);
        }

        var changes = new List<Draft>();
        if (patch.Status is { } status && status != before.Status)
            changes.Add(access.Event(TimelineEvents.Status(before.Status, status, access.Sender), new ConversationChange { Status = status }));
        if (patch.Priority is { } priority && priority != before.Priority)
            changes.Add(access.Event(TimelineEvents.Priority(before.Priority, priority, access.Sender), new ConversationChange { Priority = priority }, isPrivate: true));
        if (tags is not null && !tags.ToHashSet().SetEquals(before.Tags))
        {
            changes.Add(access.Event(
                TimelineEvents.Tags(tags.Except(before.Tags), before.Tags.Except(tags), access.Sender), new ConversationChange { Tags = tags }, isPrivate: true));
        }
        foreach (var change in changes)
        {
            if ((await timeline.AppendAsync(change, cancellationToken)).Outcome.IsRefused(out problem))
                return problem;
        }
        return await views.GetAsync(access, cancellationToken) is { } view ? TypedResults.Ok(view) : ConversationProblems.NotFound();
    }

    /// <summary>Hides a conversation from everybody; it can be restored.</summary>
    /// <response code="403">Only who began it may, or, for one with a visitor, agents.</response>
    internal static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        Guid id, ClaimsPrincipal caller, ConversationRights rights, ConversationFeed feed, AppDbContext db, TimeProvider time, CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (access.IsRefused(out var problem))
            return problem;
        if (!MayDelete(access, caller))
            return ConversationProblems.Forbidden("Only who began this conversation may delete it.");
        await SetDeletedAsync(access, time.Now, caller, feed, db, time, cancellationToken);
        return TypedResults.NoContent();
    }

    /// <summary>Brings a deleted conversation back as it was.</summary>
    internal static async Task<Results<Ok<ConversationResponse>, ProblemHttpResult>> RestoreAsync(
        Guid id, ClaimsPrincipal caller, ConversationRights rights, ConversationViews views, ConversationFeed feed, AppDbContext db,
        TimeProvider time, CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, withDeleted: true, cancellationToken);
        if (access.IsRefused(out var problem))
            return problem;
        if (!MayDelete(access, caller))
            return ConversationProblems.Forbidden("Only who began this conversation may restore it.");
        await SetDeletedAsync(access, null, caller, feed, db, time, cancellationToken);
        return await views.GetAsync(access, cancellationToken) is { } view ? TypedResults.Ok(view) : ConversationProblems.NotFound();
    }

    private static bool MayDelete(ConversationAccess access, ClaimsPrincipal caller) => access.IsStaff || caller.IsApiKey || access.CreatedBy == caller.CallerId;

    private static async Task SetDeletedAsync(
        ConversationAccess access, DateTimeOffset? at, ClaimsPrincipal caller, ConversationFeed feed, AppDbContext db, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var conversation = await db.Conversations.SingleAsync(c => c.Id == access.ConversationId, cancellationToken);
        if (conversation.DeletedAt is null == at is null)
            return;
        conversation.DeletedAt = at;
        db.Record(caller, at is null ? "conversation.restored" : "conversation.deleted", "conversation", access.ConversationId.ToString(), time);
        await db.SaveChangesAsync(cancellationToken);
        feed.Changed(access.ConversationId);
    }

    private static NpgsqlParameter Text(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };
}
