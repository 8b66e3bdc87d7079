using System.Security.Claims;
using System.Text.Json;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;
using Parley.Server.Storage;

namespace Parley.Server.Conversations;

/// <summary>What one caller may do in one conversation, as it stood when asked. Whoever holds one may read.</summary>
internal sealed record ConversationAccess
{
    public required Guid TenantId { get; init; }
    public required Guid ConversationId { get; init; }
    public required ConversationKind Kind { get; init; }
    public required ConversationStatus Status { get; init; }
    public required Handler Handler { get; init; }
    public required long OwnerEpoch { get; init; }
    public required long LastSeq { get; init; }
    public required Guid? AssigneeId { get; init; }
    public required Guid? ContactId { get; init; }
    public required Guid? CreatedBy { get; init; }

    /// <summary>The caller as the timeline names it.</summary>
    public required Sender Sender { get; init; }

    /// <summary>Whether the caller is of the tenant's people here: sees notes and may write them, hands off, assigns.</summary>
    public required bool IsStaff { get; init; }

    /// <summary>The visitor's widget session; null for everybody else.</summary>
    public required Guid? SessionId { get; init; }

    /// <summary>The visitor's session has ended; it gets nothing until it has a new one (sockets: 4009, routes: 401 <c>session_expired</c>).</summary>
    public required bool SessionExpired { get; init; }

    /// <summary>An archived conversation is read only.</summary>
    public bool MayWrite => Status is not ConversationStatus.Archived;

    public bool IsVisitor => Sender.Type is SenderType.Visitor;

    /// <summary>Which entries of the conversation the caller sees, and how much of each.</summary>
    public EntryView View => IsVisitor ? EntryView.Visitor : EntryView.Full;

    /// <summary>Which frames of the conversation the caller's subscriptions receive.</summary>
    public Audience Audience => View.Audience;

    /// <summary>Whether what the caller says is meant for the assistant, while the assistant has the conversation.</summary>
    public bool AsksAssistant => Kind is ConversationKind.Assistant || (Kind is ConversationKind.Support && IsVisitor);

    /// <summary>A message of the caller's.</summary>
    /// <param name="kind">By default what the attachments are.</param>
    /// <param name="reply">Whether the assistant is to answer; by default when a visitor, or a member in a conversation with the assistant, writes.</param>
    public Draft Message(string body, EntryKind? kind, IReadOnlyList<Attachment> attachments, bool isPrivate, string? clientId, bool? reply = null) => new()
    {
        TenantId = TenantId,
        ConversationId = ConversationId,
        Kind = kind ?? (attachments.Count == 0 ? EntryKind.Text
            : attachments.All(file => file.ContentType.StartsWith("image/", StringComparison.Ordinal)) ? EntryKind.Image : EntryKind.File),
        Sender = Sender,
        Body = body,
        Attachments = attachments,
        Private = isPrivate,
        ClientId = clientId,
        WantsReply = !isPrivate && (reply ?? AsksAssistant) && Kind is not ConversationKind.Group,
    };

    /// <summary>An event entry of the caller's that changes the conversation.</summary>
    public Draft Event(JsonElement metadata, ConversationChange? change, bool isPrivate = false, long? ifEpoch = null) => new()
    {
        TenantId = TenantId,
        ConversationId = ConversationId,
        Kind = EntryKind.Event,
        Sender = Sender,
        Metadata = metadata,
        Change = change,
        Private = isPrivate && Kind is ConversationKind.Support,
        IfEpoch = ifEpoch,
    };
}

/// <summary>
/// Who may see which conversation, for routes and sockets alike: a visitor its own; people those with an assistant that they began and
/// the groups they are in; agents and above also all that are with visitors; API keys with the scope `conversations` all of the tenant.
/// </summary>
internal sealed class ConversationRights(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>
    /// The same rule as a condition on <c>conversations c</c>; <c>$1</c> is the tenant, <c>$2</c> the caller, <c>$3</c> whether it is staff, <c>$4</c> whether an API key.
    /// Not for visitors.
    /// </summary>
    public const string Readable =
        """
        c.tenant_id = $1 and (
            $4
            or ($3 and c.kind = 'support')
            or (c.kind = 'assistant' and c.created_by = $2)
            or (c.kind = 'group' and exists (select from conversation_members m where m.conversation_id = c.id and m.user_id = $2)))
        """;

    private const string Columns =
        """
        select c.tenant_id, c.id, c.kind, c.status, c.handler, c.owner_epoch, c.last_seq, c.assignee_id, c.contact_id, c.created_by
        """;

    // $1 tenant, $2 caller, $3 staff, $4 API key, $5 conversation or widget session, $6 with deleted ones
    private const string ForPeople =
        $"""
        {Columns}, '' as contact_name, null::uuid as session_id, null::text as session_state
        from conversations c
        where c.id = coalesce((select s.conversation_id from widget_sessions s where s.id = $5 and s.tenant_id = $1), $5)
          and ($6 or c.deleted_at is null)
          and {Readable}
        """;

    // $1 tenant, $2 conversation of the token, $3 session of the token, $4 conversation or widget session that is asked for, $5 now
    private const string ForVisitor =
        $"""
        with seen as (
            update widget_sessions set last_seen_at = $5, state = 'active'
            where id = $3 and conversation_id = $2 and state <> 'expired' and (state = 'idle' or last_seen_at < $5 - interval '15 seconds')
        )
        {Columns}, p.name as contact_name, s.id as session_id, s.state as session_state
        from conversations c
        join contacts p on p.id = c.contact_id
        left join widget_sessions s on s.id = $3 and s.conversation_id = c.id
        where c.tenant_id = $1 and c.id = $2 and c.deleted_at is null
          and ($4 = c.id or exists (select from widget_sessions o where o.id = $4 and o.conversation_id = c.id))
        """;

    /// <summary>The parameters of <see cref="Readable"/>; others may be added behind them.</summary>
    public static List<NpgsqlParameter> ReadableParameters(ClaimsPrincipal caller) =>
    [
        new NpgsqlParameter<Guid> { TypedValue = caller.TenantId },
        new NpgsqlParameter<Guid> { TypedValue = caller.CallerId },
        new NpgsqlParameter<bool> { TypedValue = caller.IsStaff },
        new NpgsqlParameter<bool> { TypedValue = caller.IsApiKey },
    ];

    /// <summary>What <paramref name="caller"/> may do in the conversation with this id, or that of the widget session with this id; null when there is none that it may see.</summary>
    public Task<ConversationAccess?> OpenAsync(ClaimsPrincipal caller, Guid conversationOrSessionId, CancellationToken cancellationToken) =>
        OpenAsync(caller, conversationOrSessionId, withDeleted: false, cancellationToken);

    public async Task<ConversationAccess?> OpenAsync(
        ClaimsPrincipal caller, Guid conversationOrSessionId, bool withDeleted, CancellationToken cancellationToken)
    {
        await using var command = caller.IsVisitor ? VisitorCommand(caller, conversationOrSessionId) : PeopleCommand(caller, conversationOrSessionId, withDeleted);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? Read(row, caller) : null;
    }

    private NpgsqlCommand PeopleCommand(ClaimsPrincipal caller, Guid id, bool withDeleted)
    {
        var command = database.CreateCommand(ForPeople);
        foreach (var parameter in ReadableParameters(caller))
            command.Parameters.Add(parameter);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = withDeleted });
        return command;
    }

    private NpgsqlCommand VisitorCommand(ClaimsPrincipal caller, Guid id)
    {
        var command = database.CreateCommand(ForVisitor);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = caller.TenantId });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = caller.VisitorConversationId ?? Guid.Empty });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = caller.SessionId });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.Now });
        return command;
    }

    private static ConversationAccess Read(NpgsqlDataReader row, ClaimsPrincipal caller)
    {
        var kind = EnumName.Parse<ConversationKind>(row.GetString(2));
        var contactId = row.OrNull<Guid>(8);
        var isStaff = caller.IsStaff && kind is ConversationKind.Support;
        return new ConversationAccess
        {
            TenantId = row.GetGuid(0),
            ConversationId = row.GetGuid(1),
            Kind = kind,
            Status = EnumName.Parse<ConversationStatus>(row.GetString(3)),
            Handler = EnumName.Parse<Handler>(row.GetString(4)),
            OwnerEpoch = row.GetInt64(5),
            LastSeq = row.GetInt64(6),
            AssigneeId = row.OrNull<Guid>(7),
            ContactId = contactId,
            CreatedBy = row.OrNull<Guid>(9),
            IsStaff = isStaff,
            // The contact's present id and name: it may have been merged or renamed since the token was made.
            Sender = caller.IsVisitor
                ? new Sender(SenderType.Visitor, contactId, row.GetString(10))
                : new Sender(isStaff ? SenderType.Agent : SenderType.Member, caller.CallerId, caller.DisplayName),
            SessionId = row.OrNull<Guid>(11),
            SessionExpired = caller.IsVisitor && (row.IsDBNull(12) || row.GetString(12) is "expired"),
        };
    }
}
