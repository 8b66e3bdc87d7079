using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Live;
using Parley.Server.Realtime;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Widget;

internal sealed class WidgetOptions
{
    /// <summary>Seconds without a sign of the visitor after which its session is idle.</summary>
    [Range(1, 86_400)]
    public int IdleSeconds { get; init; } = 5 * 60;

    /// <summary>Seconds without a sign of the visitor after which its session has expired.</summary>
    [Range(2, 90 * 86_400)]
    public int ExpireSeconds { get; init; } = 24 * 60 * 60;
}

[OptionsValidator]
internal sealed partial class WidgetOptionsValidator : IValidateOptions<WidgetOptions>;

/// <summary>Lets visitors' sessions grow idle and expire. One whose socket is open on this node may be idle and does not expire.</summary>
internal sealed class WidgetSessionSweep(
    NpgsqlDataSource database, SessionSockets sockets, ConversationFeed feed, IOptions<WidgetOptions> options, TimeProvider time) : ISweep
{
    public const string Name = "widget_sessions";
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        var now = time.Now;
        await using var command = database.CreateCommand(
            """
            with seen as (
                -- Whoever has the conversation open while something is said in it is there.
                select s.id, greatest(s.last_seen_at, case when s.id = any($3) then c.last_activity_at end) as at
                from widget_sessions s join conversations c on c.id = s.conversation_id
                where s.state <> 'expired' and s.last_seen_at < $2
            )
            update widget_sessions s
            set last_seen_at = seen.at,
                state = case when seen.at >= $2 then 'active' when seen.at < $1 and s.id <> all($3) then 'expired' else 'idle' end
            from seen
            where s.id = seen.id and (s.state = 'active' or seen.at > s.last_seen_at or (seen.at < $1 and s.id <> all($3)))
            returning s.id, s.conversation_id, s.state
            """);
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now.AddSeconds(-options.Value.ExpireSeconds) });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now.AddSeconds(-options.Value.IdleSeconds) });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. sockets.Open] });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            if (row.GetString(2) is "expired")
                sockets.Close([row.GetGuid(0)], CloseCode.SessionExpired, "session_expired");
            feed.Changed(row.GetGuid(1));
        }
    }
}
