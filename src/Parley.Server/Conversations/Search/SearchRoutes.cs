using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using NpgsqlTypes;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Search;

/// <param name="Highlight">The part of the message around the first hit, with «» around what was found.</param>
internal sealed record SearchHit(FoundConversation Conversation, Entry Message, string Highlight);

internal sealed record FoundConversation(Guid Id, string Title, ConversationKind Kind, ConversationStatus Status, ContactSummary? Contact);

internal static class SearchRoutes
{
    private const int MaxQueryLength = 200;

    /// <summary>A word that is everywhere is not looked up everywhere.</summary>
    private const int MaxMatches = 5_000;

    public static void MapSearch(this IEndpointRouteBuilder api) =>
        api.MapGet("/search", FindAsync).WithName("Search").WithTags("Search").Allow(Role.Member, Scopes.Conversations);

    /// <summary>
    /// Messages that hold all words of `q`, from the conversations that the caller may see, the latest first. Any language; the last word may be only begun.
    /// </summary>
    internal static async Task<Results<Ok<Page<SearchHit>>, ProblemHttpResult>> FindAsync(
        ClaimsPrincipal caller, NpgsqlDataSource database, EntryLog log, CancellationToken cancellationToken, string? q = null, string? kind = null, int? limit = null)
    {
        if (string.IsNullOrWhiteSpace(q))
            return Problems.BadRequest("query_required", "Say what to look for.", "q");
        if (q.Length > MaxQueryLength)
            return Problems.BadRequest("too_long", $"At most {MaxQueryLength} characters.", "q");
        if (!QueryEnum.TryRead(kind, "kind", out ConversationKind? ofKind, out var problem))
            return problem;
        if (SearchQuery.Parse(q) is not { } query)
            return TypedResults.Ok(new Page<SearchHit>([], null)); // punctuation alone

        var found = new List<(FoundConversation Conversation, long Seq)>();
        await using (var command = database.CreateCommand(
            $"""
            select h.id, h.title, h.kind, h.status, p.id, p.name, p.email, h.seq
            from (
                select c.*, s.seq from timeline_search s join conversations c on c.id = s.conversation_id
                where s.tenant_id = $1 and s.tokens @@ $5::tsquery and {ConversationRights.Readable} and c.deleted_at is null
                  and ($6::text is null or c.kind = $6) and (not s.private or $3 or $4)
                limit {MaxMatches}) h
            left join contacts p on p.tenant_id = h.tenant_id and p.id = h.contact_id
            order by h.last_activity_at desc, h.id, h.seq desc
            limit {Paging.Limit(limit)}
            """))
        {
            foreach (var parameter in ConversationRights.ReadableParameters(caller))
                command.Parameters.Add(parameter);
            command.Parameters.Add(new NpgsqlParameter { Value = query.ToTsQuery(), NpgsqlDbType = NpgsqlDbType.Text });
            command.Parameters.Add(new NpgsqlParameter { Value = (object?)ofKind?.Name() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            while (await row.ReadAsync(cancellationToken))
            {
                found.Add((new FoundConversation(
                    row.GetGuid(0), row.GetString(1), EnumName.Parse<ConversationKind>(row.GetString(2)), EnumName.Parse<ConversationStatus>(row.GetString(3)),
                    row.OrNull<Guid>(4) is { } contactId ? new ContactSummary(contactId, row.GetString(5), row.TextOrNull(6)) : null), row.GetInt64(7)));
            }
        }

        var entries = (await log.ReadAtAsync([.. found.Select(hit => hit.Conversation.Id)], [.. found.Select(hit => hit.Seq)], cancellationToken))
            .ToDictionary(entry => (entry.ConversationId, entry.Seq));
        return TypedResults.Ok(new Page<SearchHit>(
            [.. found.Select(hit => new SearchHit(hit.Conversation, entries[(hit.Conversation.Id, hit.Seq)], query.Highlight(entries[(hit.Conversation.Id, hit.Seq)].Body)))],
            null));
    }
}
