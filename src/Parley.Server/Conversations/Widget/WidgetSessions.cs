using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Desk;
using Parley.Server.Conversations.Live;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Widget;

/// <param name="ExternalId">The visitor's id in the site's own systems. Counts with <paramref name="Signature"/> alone.</param>
/// <param name="Signature">HMAC-SHA256 of the external id under the widget's identity secret, in hex, made by the site's server.</param>
public sealed record VisitorRequest(
    [StringLength(200, MinimumLength = 1)] string? ExternalId = null,
    [StringLength(200)] string? Name = null,
    [StringLength(254)] string? Email = null,
    [StringLength(128)] string? Signature = null);

/// <param name="Token">The token of an earlier session, to go on with it.</param>
public sealed record WidgetSessionRequest(
    [StringLength(100)] string WidgetKey,
    [StringLength(4_096)] string? Token = null,
    VisitorRequest? Visitor = null,
    [StringLength(2_000)] string? PageUrl = null,
    [StringLength(2_000)] string? Referrer = null,
    [StringLength(35)] string? Locale = null);

/// <param name="Token">Opens this conversation alone; keep it and send it next time.</param>
/// <param name="ExpiresIn">In seconds.</param>
/// <param name="Resumed">Whether it goes on where it was.</param>
internal sealed record WidgetSessionResponse(
    Guid SessionId, Guid ConversationId, string Token, int ExpiresIn, WidgetConfig Config, SessionContact Contact, bool Resumed);

internal sealed record SessionContact(Guid Id, string Name);

internal static class WidgetSessionRoutes
{
    public static void MapWidgetSessions(this IEndpointRouteBuilder api) =>
        api.MapPost("/widget/sessions", BeginAsync).WithName("BeginWidgetSession").WithTags("Widget").AllowAnonymous().RequireCors(WidgetCors.Policy);

    /// <summary>
    /// Begins a visitor's session, or goes on with one by its token. A signed external id opens the same contact and conversation on every device; an
    /// unsigned one is kept as a remark and opens nothing.
    /// </summary>
    /// <response code="403">The page's origin is not one of the widget's (`origin_not_allowed`), or the signature is wrong (`bad_signature`).</response>
    /// <response code="404">No widget has this key (`widget_not_found`).</response>
    internal static async Task<Results<Ok<WidgetSessionResponse>, ProblemHttpResult>> BeginAsync(
        WidgetSessionRequest request, HttpContext context, NpgsqlDataSource database, Secrets secrets, AccessTokens tokens, WidgetSessions sessions,
        CancellationToken cancellationToken)
    {
        if (await Widget.FindAsync(database, request.WidgetKey, cancellationToken) is not { } widget)
            return Widget.NotFound();
        if (!IsAllowed(context.Request, widget))
            return Problems.Forbidden("origin_not_allowed", "This widget may not be used on this site.");
        var visitor = request.Visitor ?? new VisitorRequest();
        if (!Contacts.IsEmail(visitor.Email, out var problem))
            return problem;
        var isSigned = false;
        if (visitor.Signature is { } signature)
        {
            isSigned = visitor.ExternalId is { } externalId && VisitorIdentity.IsSigned(externalId, signature, widget, secrets);
            if (!isSigned)
                return Problems.Forbidden("bad_signature", "The signature is not that of this external_id.");
        }

        var earlier = request.Token is { } token && tokens.TryRead(token, out Caller? caller) && caller.Kind is CallerKind.Visitor && caller.TenantId == widget.TenantId
            ? caller
            : null;
        var arrival = new Arrival(
            widget, visitor, isSigned, earlier, AddressOf(request.PageUrl), AddressOf(request.Referrer), Shorten(context.Request.Headers.UserAgent.ToString()),
            context.Connection.RemoteIpAddress?.ToString(), request.Locale);
        var session = await sessions.OpenAsync(arrival, cancellationToken);
        return TypedResults.Ok(new WidgetSessionResponse(
            session.SessionId,
            session.ConversationId,
            tokens.IssueVisitor(widget.TenantId, session.ContactId, session.SessionId, session.ConversationId, session.ContactName, WidgetSessions.TokenLifetime),
            (int)WidgetSessions.TokenLifetime.TotalSeconds,
            widget.Config,
            new SessionContact(session.ContactId, session.ContactName),
            session.Resumed));
    }

    /// <summary>Whether the page may have this widget. Our own pages may, and programs, which send no origin and could send any.</summary>
    private static bool IsAllowed(HttpRequest request, Widget widget) =>
        widget.AllowedOrigins.Count == 0
        || request.Headers.Origin is not [{ Length: > 0 } origin]
        || (WidgetOrigins.TryNormalize(origin, out var normal)
            && (widget.AllowedOrigins.Contains(normal, StringComparer.OrdinalIgnoreCase)
                || normal.Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase)));

    /// <summary>A page's address; agents will click on it, so nothing else will do.</summary>
    private static string? AddressOf(string? text) => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? uri.AbsoluteUri : null;

    private static string Shorten(string text) => text.Length <= 500 ? text : text[..500];
}

/// <summary>A visitor who opens the widget.</summary>
/// <param name="IsSigned">The site vouched for the external id.</param>
/// <param name="Earlier">Whom the token that it brings was made for.</param>
internal sealed record Arrival(
    Widget Widget, VisitorRequest Visitor, bool IsSigned, Caller? Earlier, string? PageUrl, string? Referrer, string UserAgent, string? Ip, string? Locale);

internal sealed record OpenedSession(Guid SessionId, Guid ContactId, string ContactName, Guid ConversationId, bool Resumed);

/// <summary>Sessions of visitors: `active`, after a while without a sign `idle`, and in the end `expired`, when the next visit begins a new one.</summary>
internal sealed class WidgetSessions(NpgsqlDataSource database, ContactMerge merge, ConversationFeed feed, TimeProvider time)
{
    /// <summary>How long a visitor may stay away and still find its conversation.</summary>
    public static readonly TimeSpan TokenLifetime = TimeSpan.FromDays(90);

    /// <summary>Finds or makes contact, conversation and session.</summary>
    public async Task<OpenedSession> OpenAsync(Arrival arrival, CancellationToken cancellationToken)
    {
        var tenantId = arrival.Widget.TenantId;
        var known = arrival.Earlier is { } earlier ? await FindContactAsync(tenantId, earlier.Id, cancellationToken) : null;
        // Another person at the same browser: what the token opens is not theirs.
        if (known is not null && arrival.IsSigned && known.ExternalId is not null && known.ExternalId != arrival.Visitor.ExternalId)
            known = null;
        var contactId = arrival.IsSigned ? await IdentifyAsync(arrival, known, cancellationToken) : known?.Id ?? await AddContactAsync(arrival, cancellationToken);
        var contactName = await UpdateContactAsync(contactId, arrival, cancellationToken);

        var conversationId = await FindConversationAsync(tenantId, contactId, known is null ? null : arrival.Earlier?.ConversationId, arrival.IsSigned, cancellationToken);
        var resumed = conversationId is not null;
        conversationId ??= await AddConversationAsync(arrival, contactId, cancellationToken);
        var sessionId = await TouchAsync(known is null ? null : arrival.Earlier?.SessionId, conversationId.Value, arrival, cancellationToken)
            ?? await AddSessionAsync(contactId, conversationId.Value, arrival, cancellationToken);
        if (resumed)
            feed.Changed(conversationId.Value);
        return new OpenedSession(sessionId, contactId, contactName, conversationId.Value, resumed);
    }

    /// <summary>The contact of a token, or the one into whom it was merged meanwhile.</summary>
    private async Task<KnownContact?> FindContactAsync(Guid tenantId, Guid id, CancellationToken cancellationToken)
    {
        await using var command = Command(
            """
            select i.id, i.external_id from contacts c join contacts i on i.id = coalesce(c.merged_into, c.id)
            where c.tenant_id = $1 and c.id = $2 and i.tenant_id = $1 and i.deleted_at is null
            """, tenantId, id);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? new KnownContact(row.GetGuid(0), row.TextOrNull(1)) : null;
    }

    /// <summary>The contact with the signed external id. Who was anonymous until now becomes it, or is merged into it.</summary>
    private async Task<Guid> IdentifyAsync(Arrival arrival, KnownContact? anonymous, CancellationToken cancellationToken)
    {
        var (tenantId, externalId) = (arrival.Widget.TenantId, arrival.Visitor.ExternalId!);
        if (anonymous?.ExternalId is not null)
        {
            await using var vouched = Command("update contacts set verified = true where tenant_id = $1 and id = $2 and not verified", tenantId, anonymous.Id);
            await vouched.ExecuteNonQueryAsync(cancellationToken);
            return anonymous.Id;
        }
        await using var command = Command(
            """
            insert into contacts as c (tenant_id, id, external_id, verified, locale, created_at, updated_at) values ($1, $2, $3, true, $4, $5, $5)
            on conflict (tenant_id, external_id) where external_id is not null and deleted_at is null do update set verified = true
            returning id
            """, tenantId, Guid.CreateVersion7(), externalId, arrival.Locale, time.Now);
        var contactId = (Guid)(await command.ExecuteScalarAsync(cancellationToken))!;
        if (anonymous is not null)
            await merge.MergeAsync(tenantId, anonymous.Id, contactId, cancellationToken);
        return contactId;
    }

    private async Task<Guid> AddContactAsync(Arrival arrival, CancellationToken cancellationToken)
    {
        var id = Guid.CreateVersion7();
        await using var command = Command(
            """
            insert into contacts (tenant_id, id, locale, attributes, created_at, updated_at)
            values ($1, $2, $3, case when $4::text is null then '{}' else jsonb_build_object('claimed_external_id', $4::text) end, $5, $5)
            """, arrival.Widget.TenantId, id, arrival.Locale, arrival.Visitor.ExternalId, time.Now);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return id;
    }

    /// <summary>What the visitor says of itself, where nothing better is known: words of the site's server count more than those of a page.</summary>
    private async Task<string> UpdateContactAsync(Guid contactId, Arrival arrival, CancellationToken cancellationToken)
    {
        await using var command = Command(
            """
            update contacts set
                name = case when $3::text is not null and (name = '' or $5 or not verified) then $3 else name end,
                email = case when $4::text is not null and (email is null or $5 or not verified) then $4 else email end,
                locale = coalesce(locale, $6), last_seen_at = $7
            where tenant_id = $1 and id = $2 returning name
            """,
            arrival.Widget.TenantId, contactId, NullIfBlank(arrival.Visitor.Name), NullIfBlank(arrival.Visitor.Email), arrival.IsSigned, arrival.Locale, time.Now);
        return (string?)await command.ExecuteScalarAsync(cancellationToken) ?? "";
    }

    /// <summary>The conversation to go on with: the token's; or, for who is known by a signature, the latest one.</summary>
    private async Task<Guid?> FindConversationAsync(Guid tenantId, Guid contactId, Guid? ofToken, bool isSigned, CancellationToken cancellationToken)
    {
        await using var command = Command(
            """
            select id from conversations
            where tenant_id = $1 and contact_id = $2 and kind = 'support' and status <> 'archived' and deleted_at is null and (id = $3 or $4)
            order by id is distinct from $3, last_seq = 0, last_activity_at desc limit 1
            """, tenantId, contactId, ofToken, isSigned);
        return await command.ExecuteScalarAsync(cancellationToken) as Guid?;
    }

    private async Task<Guid> AddConversationAsync(Arrival arrival, Guid contactId, CancellationToken cancellationToken)
    {
        var id = Guid.CreateVersion7();
        await using var command = Command(
            """
            insert into conversations (tenant_id, id, kind, handler, contact_id, last_activity_at, created_at, updated_at) values ($1, $2, 'support', $3, $4, $5, $5, $5)
            """, arrival.Widget.TenantId, id, (arrival.Widget.Config.Assistant ? Handler.Ai : Handler.Queue).Name(), contactId, time.Now);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return id;
    }

    /// <summary>Goes on with a session that has not expired; null when there is none.</summary>
    private async Task<Guid?> TouchAsync(Guid? sessionId, Guid conversationId, Arrival arrival, CancellationToken cancellationToken)
    {
        if (sessionId is not { } id)
            return null;
        await using var command = Command(
            """
            update widget_sessions set state = 'active', last_seen_at = $4, page_url = coalesce($5, page_url), user_agent = $6, ip = $7
            where tenant_id = $1 and id = $2 and conversation_id = $3 and state <> 'expired' returning id
            """, arrival.Widget.TenantId, id, conversationId, time.Now, arrival.PageUrl, arrival.UserAgent, arrival.Ip);
        return await command.ExecuteScalarAsync(cancellationToken) as Guid?;
    }

    private async Task<Guid> AddSessionAsync(Guid contactId, Guid conversationId, Arrival arrival, CancellationToken cancellationToken)
    {
        var id = Guid.CreateVersion7();
        await using var command = Command(
            """
            insert into widget_sessions (tenant_id, id, contact_id, conversation_id, state, page_url, referrer, user_agent, ip, locale, created_at, last_seen_at)
            values ($1, $2, $3, $4, 'active', $5, $6, $7, $8, $9, $10, $10)
            """,
            arrival.Widget.TenantId, id, contactId, conversationId, arrival.PageUrl, arrival.Referrer, arrival.UserAgent, arrival.Ip, arrival.Locale, time.Now);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return id;
    }

    private static string? NullIfBlank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private NpgsqlCommand Command(string sql, params ReadOnlySpan<object?> values)
    {
        var command = database.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(value is null ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Unknown } : new NpgsqlParameter { Value = value });
        return command;
    }

    private sealed record KnownContact(Guid Id, string? ExternalId);
}
