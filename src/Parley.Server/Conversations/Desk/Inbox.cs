using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Desk;

/// <summary>The agents' ways to look at what is with visitors.</summary>
public enum InboxView
{
    /// <summary>Open, and assigned to the caller.</summary>
    Mine,

    /// <summary>Open, and waiting for a person.</summary>
    Waiting,

    /// <summary>Open, and with the assistant.</summary>
    Ai,

    /// <summary>Whatever is open.</summary>
    All,

    /// <summary>Resolved or archived.</summary>
    Closed,
}

/// <param name="Unread">Of the caller's own, how many have something unread.</param>
internal sealed record InboxCounts(int Mine, int Waiting, int Ai, int Unassigned, int AllOpen, int Unread);

internal static class Inbox
{
    private const int MaxQueryLength = 200;
    private const string IsOpen = "c.status in ('open', 'pending')";

    public static void MapInbox(this IEndpointRouteBuilder api)
    {
        api.MapGet("/conversations", ListAsync).WithName("ListConversations").WithTags("Conversations").Allow(Role.Member, Scopes.Conversations);
        api.MapGet("/inbox/counts", CountAsync).WithName("CountInbox").WithTags("Conversations").Allow(Role.Agent, Scopes.Conversations);
    }

    /// <summary>The conversations that the caller may see, newest activity first.</summary>
    /// <param name="view">One of the inbox's views; it holds conversations with visitors in which something was said.</param>
    /// <param name="q">Part of a title, or of a contact's name or email; `GET /search` looks into messages.</param>
    /// <param name="deleted">True for those that were deleted and can be restored.</param>
    internal static async Task<Results<Ok<Page<ConversationResponse>>, ProblemHttpResult>> ListAsync(
        ClaimsPrincipal caller, ConversationViews views, CancellationToken cancellationToken,
        string? view = null, string? kind = null, string? status = null, string? handler = null, string? priority = null, Guid? assignee_id = null,
        Guid? contact_id = null, string? tag = null, string? q = null, bool deleted = false, int? limit = null, Cursor? cursor = null)
    {
        if (!QueryEnum.TryRead(view, "view", out InboxView? inbox, out var problem)
            || !QueryEnum.TryRead(kind, "kind", out ConversationKind? ofKind, out problem)
            || !QueryEnum.TryRead(status, "status", out ConversationStatus? ofStatus, out problem)
            || !QueryEnum.TryRead(handler, "handler", out Handler? ofHandler, out problem)
            || !QueryEnum.TryRead(priority, "priority", out Priority? ofPriority, out problem))
            return problem;
        if (q?.Length > MaxQueryLength)
            return Problems.BadRequest("too_long", $"At most {MaxQueryLength} characters.", "q");

        var where = new Conditions(caller);
        where.Add(deleted ? "c.deleted_at is not null" : "c.deleted_at is null");
        if (ConditionOf(inbox) is { } condition)
            where.Add(condition);
        if (ofKind is { } aKind)
            where.Add("c.kind = {0}", aKind.Name());
        if (ofStatus is { } aStatus)
            where.Add("c.status = {0}", aStatus.Name());
        if (ofHandler is { } aHandler)
            where.Add("c.handler = {0}", aHandler.Name());
        if (ofPriority is { } aPriority)
            where.Add("c.priority = {0}", aPriority.Name());
        if (assignee_id is { } assignee)
            where.Add("c.assignee_id = {0}", assignee);
        if (contact_id is { } contact)
            where.Add("c.contact_id = {0}", contact);
        if (tag is not null)
            where.Add("{0} = any(c.tags)", tag);
        if (!string.IsNullOrWhiteSpace(q))
        {
            where.Add(
                """
                (c.title ilike {0} or exists (
                    select from contacts p where p.tenant_id = c.tenant_id and p.id = c.contact_id and (p.name ilike {0} or p.email ilike {0})))
                """,
                Like.Containing(q.Trim()));
        }
        if (cursor is { } after)
            where.Add("(c.last_activity_at, c.id) < ({0}, {1})", after.At, after.Id);
        var size = Paging.Limit(limit);
        var rows = await views.ListAsync($"{where} order by c.last_activity_at desc, c.id desc limit {size + 1}", where.Parameters, cancellationToken);
        return TypedResults.Ok(Page<ConversationResponse>.Of(rows, size, row => new Cursor(row.LastActivityAt, row.Id)));
    }

    /// <summary>How many conversations each view of the inbox holds.</summary>
    internal static async Task<Ok<InboxCounts>> CountAsync(ClaimsPrincipal caller, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            select count(*) filter (where c.assignee_id = $2)::int,
                   count(*) filter (where c.handler = 'queue')::int,
                   count(*) filter (where c.handler = 'ai')::int,
                   count(*) filter (where c.assignee_id is null and c.handler <> 'ai')::int,
                   count(*)::int,
                   count(*) filter (where c.assignee_id = $2 and exists (
                       select from timeline_entries e
                       where e.conversation_id = c.id and e.kind <> 'event' and e.sender_id is distinct from $2
                         and e.seq > coalesce((select r.seq from conversation_reads r where r.conversation_id = c.id and r.reader_id = $2), 0)))::int
            from conversations c
            where c.tenant_id = $1 and c.kind = 'support' and c.deleted_at is null and {IsOpen} and c.last_seq > 0
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = caller.TenantId });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = caller.CallerId });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return TypedResults.Ok(new InboxCounts(row.GetInt32(0), row.GetInt32(1), row.GetInt32(2), row.GetInt32(3), row.GetInt32(4), row.GetInt32(5)));
    }

    private static string? ConditionOf(InboxView? view) => view switch
    {
        InboxView.Mine => $"c.kind = 'support' and {IsOpen} and c.last_seq > 0 and c.assignee_id = $2",
        InboxView.Waiting => $"c.kind = 'support' and {IsOpen} and c.last_seq > 0 and c.handler = 'queue'",
        InboxView.Ai => $"c.kind = 'support' and {IsOpen} and c.last_seq > 0 and c.handler = 'ai'",
        InboxView.All => $"c.kind = 'support' and {IsOpen} and c.last_seq > 0",
        InboxView.Closed => "c.kind = 'support' and c.status in ('resolved', 'archived')",
        _ => null,
    };

    /// <summary>A where clause that begins with what the caller may see.</summary>
    private sealed class Conditions(ClaimsPrincipal caller)
    {
        private readonly StringBuilder _text = new($"where {ConversationRights.Readable}");

        public List<NpgsqlParameter> Parameters { get; } = ConversationRights.ReadableParameters(caller);

        /// <param name="condition">Values stand in it as <c>{0}</c>, <c>{1}</c>…</param>
        public void Add(string condition, params ReadOnlySpan<object> values)
        {
            for (var i = 0; i < values.Length; i++)
            {
                Parameters.Add(new NpgsqlParameter { Value = values[i] });
                condition = condition.Replace($"{{{i}}}", $"${Parameters.Count}", StringComparison.Ordinal);
            }
            _text.Append(" and ").Append(condition);
        }

        public override string ToString() => _text.ToString();
    }
}

internal static class Like
{
    /// <summary>A pattern for <c>like</c> that finds this text anywhere, its own wildcards taken as they are.</summary>
    public static string Containing(string text) =>
        $"%{text.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("%", @"\%", StringComparison.Ordinal).Replace("_", @"\_", StringComparison.Ordinal)}%";
}
