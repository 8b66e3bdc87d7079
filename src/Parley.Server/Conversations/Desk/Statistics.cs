using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Desk;

/// <param name="Conversations">With visitors, begun in the time and with something said in them.</param>
/// <param name="Messages">Of everybody in them.</param>
/// <param name="AiResolutionRate">The part of the resolved that no person answered in; null when none was resolved.</param>
/// <param name="FirstResponseS">Seconds from the beginning to an agent's first answer.</param>
/// <param name="ResolutionS">Seconds from the beginning to the resolution.</param>
/// <param name="Rating">Of those that were rated, the mean.</param>
internal sealed record Overview(
    DateTimeOffset From, DateTimeOffset To, int Conversations, int Messages, int Resolved, double? AiResolutionRate, Spread FirstResponseS, Spread ResolutionS,
    double? Rating, IReadOnlyDictionary<string, int> Calls, IReadOnlyList<AgentOverview> PerAgent, IReadOnlyList<DayOverview> PerDay);

/// <summary>Null when there is nothing to measure.</summary>
internal sealed record Spread(double? Median, double? P90);

internal sealed record AgentOverview(Guid Id, string Name, int Conversations, int Messages, int Resolved, Spread FirstResponseS);

/// <param name="Date">A day in UTC.</param>
internal sealed record DayOverview(DateOnly Date, int Conversations, int Messages);

internal static class Statistics
{
    private static readonly TimeSpan _usual = TimeSpan.FromDays(30);
    private static readonly TimeSpan _longest = TimeSpan.FromDays(366);

    public static void MapStatistics(this IEndpointRouteBuilder api) =>
        api.MapGet("/stats/overview", GetOverviewAsync).WithName("GetOverview").WithTags("Statistics").Allow(Role.Supervisor, Scopes.Admin);

    /// <summary>How much there was to do and how well it went: conversations with visitors that were begun from `from` to before `to`, by default the last 30 days.</summary>
    internal static async Task<Results<Ok<Overview>, ProblemHttpResult>> GetOverviewAsync(
        ClaimsPrincipal caller, NpgsqlDataSource database, TimeProvider time, CancellationToken cancellationToken, DateTimeOffset? from = null, DateTimeOffset? to = null)
    {
        var until = to?.ToUniversalTime() ?? time.Now;
        var since = from?.ToUniversalTime() ?? (until - DateTimeOffset.MinValue > _usual ? until - _usual : DateTimeOffset.MinValue);
        if (since >= until)
            return Problems.BadRequest("invalid_range", "must be before `to`", "from");
        if (until - since > _longest)
            return Problems.BadRequest("range_too_long", "At most a year.", "from");

        await using var batch = database.CreateBatch();
        Add(
            """
            select count(*)::int, count(*) filter (where c.resolved_at is not null)::int,
                   (count(*) filter (where c.resolved_at is not null and c.first_response_at is null))::float8 / nullif(count(*) filter (where c.resolved_at is not null), 0),
                   percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from c.first_response_at - c.created_at)::float8)
                       filter (where c.first_response_at is not null),
                   percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from c.resolved_at - c.created_at)::float8) filter (where c.resolved_at is not null),
                   avg(c.rating_score)::float8
            from chosen c
            """);
        Add(
            """
            select u.id, coalesce(nullif(u.full_name, ''), u.username), count(distinct c.id)::int, coalesce(sum(m.n), 0)::int,
                   count(distinct c.id) filter (where c.resolved_at is not null and c.assignee_id = u.id)::int,
                   percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from m.first_at - c.created_at)::float8)
            from chosen c
            join lateral (
                select e.sender_id, count(*) as n, min(e.created_at) as first_at from timeline_entries e
                where e.conversation_id = c.id and e.sender_type = 'agent' and e.kind <> 'event' and not e.private group by e.sender_id) m on true
            join users u on u.tenant_id = $1 and u.id = m.sender_id
            group by u.id order by 3 desc, 2
            """);
        Add(
            """
            select d.day::date, count(c.id)::int, coalesce(sum(m.n), 0)::int
            from generate_series(date_trunc('day', $2 at time zone 'UTC'), ($3 - interval '1 microsecond') at time zone 'UTC', interval '1 day') as d (day)
            left join chosen c on c.created_at at time zone 'UTC' >= d.day and c.created_at at time zone 'UTC' < d.day + interval '1 day'
            left join lateral (select count(*) as n from timeline_entries e where e.conversation_id = c.id and e.kind <> 'event') m on true
            group by d.day order by d.day
            """);
        await using var row = await batch.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        var (conversations, resolved, byAi, rating) = (row.GetInt32(0), row.GetInt32(1), row.OrNull<double>(2), row.OrNull<double>(5));
        var (firstResponse, resolution) = (SpreadAt(3), SpreadAt(4));

        await row.NextResultAsync(cancellationToken);
        var agents = new List<AgentOverview>();
        while (await row.ReadAsync(cancellationToken))
            agents.Add(new AgentOverview(row.GetGuid(0), row.GetString(1), row.GetInt32(2), row.GetInt32(3), row.GetInt32(4), SpreadAt(5)));

        await row.NextResultAsync(cancellationToken);
        var days = new List<DayOverview>();
        while (await row.ReadAsync(cancellationToken))
            days.Add(new DayOverview(row.Get<DateOnly>(0), row.GetInt32(1), row.GetInt32(2)));

        return TypedResults.Ok(new Overview(
            since, until, conversations, days.Sum(day => day.Messages), resolved, byAi, firstResponse, resolution, rating, new Dictionary<string, int>(), agents, days));

        Spread SpreadAt(int column) => row.IsDBNull(column) || row.Get<double?[]>(column) is not [var median, var p90] ? new Spread(null, null) : new Spread(median, p90);
        void Add(string sql) => batch.BatchCommands.Add(new NpgsqlBatchCommand(
            $"""
            with chosen as (
                select * from conversations
                where tenant_id = $1 and kind = 'support' and created_at >= $2 and created_at < $3 and last_seq > 0 and deleted_at is null
            )
            {sql}
            """)
        {
            Parameters =
            {
                new NpgsqlParameter<Guid> { TypedValue = caller.TenantId },
                new NpgsqlParameter<DateTimeOffset> { TypedValue = since },
                new NpgsqlParameter<DateTimeOffset> { TypedValue = until },
            },
        });
    }
}
