using System.Text.Json;
using System.Text.Json.Serialization;
using Npgsql;
using NpgsqlTypes;
using Parley.Server.Conversations.Desk;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Storage;

namespace Parley.Server.Conversations;

/// <summary>A conversation as people of the tenant see it.</summary>
/// <param name="OwnerEpoch">Grows with each change of handler; a reply begun under an older one is refused.</param>
/// <param name="LastMessage">The latest entry that is not an event; its body is cut at 200 characters.</param>
/// <param name="Unread">Messages of others after <paramref name="MyReadSeq"/>, counted up to 100. Absent from frames that go to several people, as is <paramref name="MyReadSeq"/>.</param>
/// <param name="QueuePosition">From 1, while it waits for a person.</param>
/// <param name="Reply">The assistant's reply that runs now.</param>
/// <param name="Session">The visitor's latest session.</param>
internal sealed record ConversationResponse(
    Guid Id,
    ConversationKind Kind,
    string Title,
    ConversationStatus Status,
    Handler Handler,
    long OwnerEpoch,
    Priority Priority,
    PersonName? Assignee,
    ContactSummary? Contact,
    Guid? CreatedBy,
    string? Provider,
    string? Model,
    string? SystemPrompt,
    IReadOnlyList<string> Tags,
    long LastSeq,
    DateTimeOffset LastActivityAt,
    LastMessage? LastMessage,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Unread,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? MyReadSeq,
    DateTimeOffset? WaitingSince,
    int? QueuePosition,
    RatingResponse? Rating,
    ReplySummary? Reply,
    SessionSummary? Session,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt,
    DateTimeOffset? DeletedAt)
{
    public VisitorConversationResponse ForVisitor() =>
        new(Id, Kind, Status, Handler, OwnerEpoch, Assignee is null ? null : new(Assignee.Name), LastSeq, QueuePosition, Rating, CreatedAt);
}

/// <summary>A conversation as its visitor sees it.</summary>
internal sealed record VisitorConversationResponse(
    Guid Id,
    ConversationKind Kind,
    ConversationStatus Status,
    Handler Handler,
    long OwnerEpoch,
    VisitorAssignee? Assignee,
    long LastSeq,
    int? QueuePosition,
    RatingResponse? Rating,
    DateTimeOffset CreatedAt);

internal sealed record VisitorAssignee(string Name);

internal sealed record PersonName(Guid Id, string Name);

internal sealed record ContactSummary(Guid Id, string Name, string? Email);

internal sealed record LastMessage(long Seq, Sender Sender, string Body, EntryKind Kind, bool Private, DateTimeOffset CreatedAt);

internal sealed record RatingResponse(int Score, string? Comment);

internal sealed record ReplySummary(Guid Id, string Status, string Text);

internal sealed record SessionSummary(Guid Id, string State, string? PageUrl);

/// <summary>Reads conversations as callers see them: one query for one or for a page.</summary>
internal sealed class ConversationViews(NpgsqlDataSource database, IServiceProvider services)
{
    /// <summary>
    /// The columns of a view and where they come from. <c>$2</c> is the reader, who may be nobody. The conversations are <c>chosen</c> first, so that
    /// what is looked up for each is looked up for those of one page.
    /// </summary>
    private static readonly string _select =
        $"""
        , queue as materialized (
            -- Looked at when one of the conversations waits, and then once for all of them.
            select w.id, row_number() over (partition by w.tenant_id order by {WaitingOrder.Of("w")}) as position
            from conversations w
            where w.waiting_since is not null and w.deleted_at is null and w.tenant_id in (select tenant_id from chosen)
        )
        select c.id, c.kind, c.title, c.status, c.handler, c.owner_epoch, c.priority,
               c.assignee_id, coalesce(nullif(a.full_name, ''), a.username, '') as assignee_name,
               c.contact_id, p.name as contact_name, p.email as contact_email,
               c.created_by, c.provider, c.model, c.system_prompt, c.tags, c.last_seq, c.last_activity_at,
               m.seq, m.sender_type, m.sender_id, m.sender_name, m.body, m.kind, m.private, m.created_at,
               u.n, coalesce(r.seq, 0) as my_read_seq, c.waiting_since,
               case when c.waiting_since is not null then (select q.position from queue q where q.id = c.id) end as queue_position,
               c.rating_score, c.rating_comment, s.id, s.state, s.page_url, c.created_at, c.updated_at, c.deleted_at
        from chosen c
        left join users a on a.tenant_id = c.tenant_id and a.id = c.assignee_id
        left join contacts p on p.tenant_id = c.tenant_id and p.id = c.contact_id
        left join conversation_reads r on r.conversation_id = c.id and r.reader_id = $2
        left join lateral (
            select e.seq, e.sender_type, e.sender_id, e.sender_name, left(e.body, 200) as body, e.kind, e.private, e.created_at
            from timeline_entries e where e.conversation_id = c.id and e.kind <> 'event' order by e.seq desc limit 1) m on true
        left join lateral (
            select count(*)::int as n from (
                select from timeline_entries e
                where e.conversation_id = c.id and e.seq > coalesce(r.seq, 0) and e.kind <> 'event' and e.sender_id is distinct from $2
                limit 100) few) u on true
        left join lateral (
            select s.id, s.state, s.page_url from widget_sessions s where s.conversation_id = c.id order by s.last_seen_at desc limit 1) s on true
        order by c.last_activity_at desc, c.id desc
        """;

    private readonly Lazy<IRunningReplies?> _replies = new(services.GetService<IRunningReplies>); // the assistants' module stands above and uses this one

    /// <summary>The conversation as the one to whom <paramref name="access"/> was given sees it.</summary>
    public Task<ConversationResponse?> GetAsync(ConversationAccess access, CancellationToken cancellationToken) =>
        GetAsync(access.TenantId, access.ConversationId, access.Sender.Id, cancellationToken);

    /// <summary>The conversation as <paramref name="readerId"/> sees it, deleted or not; without <c>unread</c> and <c>my_read_seq</c> when that is nobody in particular.</summary>
    public async Task<ConversationResponse?> GetAsync(Guid tenantId, Guid id, Guid? readerId, CancellationToken cancellationToken)
    {
        var found = await ListAsync("where c.tenant_id = $1 and c.id = $3", [Uuid(tenantId), Uuid(readerId ?? Guid.Empty), Uuid(id)], cancellationToken);
        return found is [var view] ? readerId is null ? view with { Unread = null, MyReadSeq = null } : view : null;
    }

    /// <summary>The JSON of <see cref="GetAsync(ConversationAccess, CancellationToken)"/>: the reduced one for a visitor. Null when it is gone.</summary>
    public async Task<byte[]?> GetJsonAsync(ConversationAccess access, CancellationToken cancellationToken)
    {
        if (await GetAsync(access, cancellationToken) is not { } view)
            return null;
        return access.IsVisitor
            ? JsonSerializer.SerializeToUtf8Bytes(view.ForVisitor(), ConversationsJson.Default.VisitorConversationResponse)
            : JsonSerializer.SerializeToUtf8Bytes(view, ConversationsJson.Default.ConversationResponse);
    }

    /// <summary>
    /// Those that <paramref name="tail"/>, a where clause that may have order and limit, selects of <c>conversations c</c>, newest activity first.
    /// Of the parameters <c>$2</c> is the reader.
    /// </summary>
    public async Task<List<ConversationResponse>> ListAsync(string tail, IReadOnlyList<NpgsqlParameter> parameters, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"with chosen as materialized (select c.* from conversations c {tail}) {_select}");
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var views = new List<ConversationResponse>();
        while (await row.ReadAsync(cancellationToken))
            views.Add(Read(row));
        return views;
    }

    private ConversationResponse Read(NpgsqlDataReader row)
    {
        var id = row.GetGuid(0);
        var contact = row.IsDBNull(9) ? null : new ContactSummary(row.GetGuid(9), row.GetString(10), row.TextOrNull(11));
        return new ConversationResponse(
            Id: id,
            Kind: EnumName.Parse<ConversationKind>(row.GetString(1)),
            Title: row.GetString(2),
            Status: EnumName.Parse<ConversationStatus>(row.GetString(3)),
            Handler: EnumName.Parse<Handler>(row.GetString(4)),
            OwnerEpoch: row.GetInt64(5),
            Priority: EnumName.Parse<Priority>(row.GetString(6)),
            Assignee: row.IsDBNull(7) ? null : new(row.GetGuid(7), row.GetString(8)),
            Contact: contact,
            CreatedBy: row.OrNull<Guid>(12),
            Provider: row.TextOrNull(13),
            Model: row.TextOrNull(14),
            SystemPrompt: row.TextOrNull(15),
            Tags: row.Get<string[]>(16),
            LastSeq: row.GetInt64(17),
            LastActivityAt: row.Get<DateTimeOffset>(18),
            LastMessage: row.IsDBNull(19) ? null : new(
                row.GetInt64(19),
                new Sender(EnumName.Parse<SenderType>(row.GetString(20)), row.OrNull<Guid>(21), row.GetString(22)),
                row.GetString(23),
                EnumName.Parse<EntryKind>(row.GetString(24)),
                row.GetBoolean(25),
                row.Get<DateTimeOffset>(26)),
            Unread: row.GetInt32(27),
            MyReadSeq: row.GetInt64(28),
            WaitingSince: row.OrNull<DateTimeOffset>(29),
            QueuePosition: row.IsDBNull(30) ? null : (int)row.GetInt64(30),
            Rating: row.IsDBNull(31) ? null : new(row.GetInt16(31), row.TextOrNull(32)),
            Reply: _replies.Value?.Find(id) is { } reply ? new(reply.Id, "running", reply.Text) : null,
            Session: row.IsDBNull(33) ? null : new(row.GetGuid(33), row.GetString(34), row.TextOrNull(35)),
            CreatedAt: row.Get<DateTimeOffset>(36),
            UpdatedAt: row.Get<DateTimeOffset>(37),
            DeletedAt: row.OrNull<DateTimeOffset>(38));
    }

    private static NpgsqlParameter<Guid> Uuid(Guid value) => new() { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Uuid };
}
