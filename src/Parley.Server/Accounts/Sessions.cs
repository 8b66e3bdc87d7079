using System.Collections.Concurrent;
using Npgsql;

namespace Parley.Server.Accounts;

/// <summary>What a signed-in user may do now, whatever the token said when it was issued.</summary>
internal sealed record LiveSession(Guid TenantId, Guid UserId, Guid SessionId, Role Role, string Name, bool Operator);

/// <summary>
/// Which sessions live. Each is asked of the database once and then remembered for <see cref="_memory"/>; one that is revoked
/// through this node is forgotten at once, one revoked through another node stops here within that time.
/// </summary>
internal sealed class Sessions(NpgsqlDataSource database, TimeProvider time)
{
    private static readonly TimeSpan _memory = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<Guid, Remembered> _remembered = new();
    private long _sweepAt;

    /// <summary>Raised with the ids of sessions that have ended, so that their sockets can be closed (4001). On the revoking thread: do little.</summary>
    public event Action<IReadOnlyCollection<Guid>>? Revoked;

    /// <summary>The session with its user as they are now; null when it has ended, or the user or the tenant is suspended.</summary>
    public async ValueTask<LiveSession?> FindAsync(Guid sessionId, CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        if (_remembered.TryGetValue(sessionId, out var remembered) && time.GetElapsedTime(remembered.At, now) < _memory)
            return remembered.Session;

        var session = await ReadAsync(sessionId, cancellationToken);
        _remembered[sessionId] = new(session, now);
        SweepNowAndThen(now);
        return session;
    }

    /// <summary>Forgets what was known of these sessions and tells who listens that they ended. To be called once the database says so.</summary>
    public void Ended(IReadOnlyCollection<Guid> sessionIds)
    {
        Forget(sessionIds);
        if (sessionIds.Count > 0)
            Revoked?.Invoke(sessionIds);
    }

    /// <summary>A role, a name or a status has changed: ask again at the next request.</summary>
    public void Forget(IReadOnlyCollection<Guid> sessionIds)
    {
        foreach (var id in sessionIds)
            _remembered.TryRemove(id, out _);
    }

    private async Task<LiveSession?> ReadAsync(Guid sessionId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with seen as (
                update sessions set last_seen_at = $2 where id = $1 and revoked_at is null and last_seen_at < $2 - interval '1 minute'
                returning tenant_id, user_id
            ), seen_user as (
                update users u set last_seen_at = $2 from seen where u.tenant_id = seen.tenant_id and u.id = seen.user_id
            )
            select s.tenant_id, s.user_id, u.role, u.full_name, u.username, u.operator
            from sessions s
            join users u on u.tenant_id = s.tenant_id and u.id = s.user_id
            join tenants t on t.id = s.tenant_id
            where s.id = $1 and s.revoked_at is null and s.expires_at > $2
              and u.status = 'active' and u.deleted_at is null and t.status = 'active'
            """);
        command.Parameters.AddWithValue(sessionId);
        command.Parameters.AddWithValue(time.GetUtcNow());
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken))
            return null;
        var fullName = row.GetString(3);
        return new(
            row.GetGuid(0), row.GetGuid(1), sessionId, Enum.Parse<Role>(row.GetString(2), ignoreCase: true),
            fullName.Length > 0 ? fullName : row.GetString(4), row.GetBoolean(5));
    }

    private void SweepNowAndThen(long now)
    {
        var due = Volatile.Read(ref _sweepAt);
        if (now < due || Interlocked.CompareExchange(ref _sweepAt, now + (long)(_memory.TotalSeconds * time.TimestampFrequency), due) != due)
            return;
        foreach (var (id, remembered) in _remembered)
        {
            if (time.GetElapsedTime(remembered.At, now) >= _memory)
                _remembered.TryRemove(id, out _);
        }
    }

    private sealed record Remembered(LiveSession? Session, long At);
}
