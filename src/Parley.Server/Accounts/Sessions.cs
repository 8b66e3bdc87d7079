using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

/// <summary>What a signed-in user may do now, whatever the token said when it was issued.</summary>
internal sealed record LiveSession(Guid TenantId, Guid UserId, Guid SessionId, Role Role, string Name, bool Operator);

/// <summary>From where a session was opened.</summary>
internal readonly record struct Device(string Address, string UserAgent)
{
    private const int MaxUserAgentLength = 300;

    public static Device Of(HttpContext context)
    {
        var userAgent = context.Request.Headers.UserAgent.ToString();
        return new(AddressOf(context), userAgent.Length <= MaxUserAgentLength ? userAgent : userAgent[..MaxUserAgentLength]);
    }

    public static string AddressOf(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address ? (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString() : "unknown";
}

/// <param name="ExpiresIn">Seconds for which the access token is good.</param>
/// <param name="RefreshToken">Good for one `POST /auth/refresh`, within 30 days.</param>
internal sealed record SessionResponse(string AccessToken, string TokenType, int ExpiresIn, string RefreshToken, UserResponse User);

/// <summary>
/// Which sessions live. Each is asked of the database once and then remembered for <see cref="_memory"/>; one that is revoked
/// through this node is forgotten at once, one revoked through another node stops here within that time.
/// </summary>
internal sealed class Sessions(NpgsqlDataSource database, AccessTokens tokens, TimeProvider time) : ISweep
{
    private static readonly TimeSpan _lifetime = TimeSpan.FromDays(30);
    private static readonly TimeSpan _keptAfterEnd = TimeSpan.FromDays(7);
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

    /// <summary>Opens a session for <paramref name="user"/>, in the connection's open transaction if there is one.</summary>
    public async Task<SessionResponse> OpenAsync(NpgsqlConnection connection, UserResponse user, Device device, CancellationToken cancellationToken)
    {
        var (sessionId, now) = (Guid.CreateVersion7(), time.Now);
        await using var command = new NpgsqlCommand(
            """
            insert into sessions (tenant_id, id, user_id, ip, user_agent, created_at, last_seen_at, expires_at) values ($1, $2, $3, $4, $5, $6, $6, $7)
            """, connection);
        command.Parameters.AddWithValue(user.TenantId);
        command.Parameters.AddWithValue(sessionId);
        command.Parameters.AddWithValue(user.Id);
        command.Parameters.AddWithValue(device.Address);
        command.Parameters.AddWithValue(device.UserAgent);
        command.Parameters.AddWithValue(now);
        command.Parameters.AddWithValue(now + _lifetime);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return await IssueAsync(connection, user, sessionId, now, cancellationToken);
    }

    /// <summary>
    /// Spends a refresh token for a new session answer; null when it is not good. One that was spent before has been stolen, by whoever spent it or by
    /// whoever shows it now: the session ends for both.
    /// </summary>
    public async Task<SessionResponse?> RefreshAsync(string refreshToken, CancellationToken cancellationToken)
    {
        var hash = Hash(refreshToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var now = time.Now;
        if (await SpendAsync(connection, hash, now, cancellationToken) is not { } sessionId)
        {
            var stolen = await EndFamilyOfSpentAsync(connection, hash, now, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            Ended(stolen);
            return null;
        }
        if (await FindUserAsync(connection, sessionId, cancellationToken) is not { } user)
            return null; // suspended or deleted: the token is not spent, for it would buy nothing
        var session = await IssueAsync(connection, user, sessionId, now, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return session;
    }

    /// <summary>Ends one session of a user; false when it is not there or has ended.</summary>
    public async Task<bool> EndAsync(Guid tenantId, Guid userId, Guid sessionId, CancellationToken cancellationToken) =>
        (await EndWhereAsync("tenant_id = $2 and user_id = $3 and id = $4", [tenantId, userId, sessionId], cancellationToken)).Count > 0;

    /// <summary>Ends all sessions of a user, but for <paramref name="except"/>.</summary>
    public Task<IReadOnlyCollection<Guid>> EndAllAsync(Guid tenantId, Guid userId, Guid? except, CancellationToken cancellationToken) =>
        EndWhereAsync("tenant_id = $2 and user_id = $3 and id is distinct from $4", [tenantId, userId, (object?)except ?? DBNull.Value], cancellationToken);

    /// <summary>Ends all sessions of a tenant.</summary>
    public Task<IReadOnlyCollection<Guid>> EndAllAsync(Guid tenantId, CancellationToken cancellationToken) =>
        EndWhereAsync("tenant_id = $2", [tenantId], cancellationToken);

    /// <summary>A role, a name or a status has changed: ask again at the next request.</summary>
    public void ForgetUser(Guid userId)
    {
        foreach (var (id, remembered) in _remembered)
        {
            if (remembered.Session?.UserId == userId)
                _remembered.TryRemove(id, out _);
        }
    }

    /// <summary>Deletes sessions that ended a week ago, and refresh tokens that are too old to be good or to be stolen goods.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with old as (delete from sessions where revoked_at < $2 or expires_at < $2)
            delete from refresh_tokens where expires_at < $1
            """);
        command.Parameters.AddWithValue(time.Now);
        command.Parameters.AddWithValue(time.Now - _keptAfterEnd);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<SessionResponse> IssueAsync(
        NpgsqlConnection connection, UserResponse user, Guid sessionId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var refreshToken = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        await using var command = new NpgsqlCommand(
            "insert into refresh_tokens (tenant_id, hash, session_id, created_at, expires_at) values ($1, $2, $3, $4, $5)", connection);
        command.Parameters.AddWithValue(user.TenantId);
        command.Parameters.AddWithValue(Hash(refreshToken));
        command.Parameters.AddWithValue(sessionId);
        command.Parameters.AddWithValue(now);
        command.Parameters.AddWithValue(now + _lifetime);
        await command.ExecuteNonQueryAsync(cancellationToken);
        var name = user.FullName.Length > 0 ? user.FullName : user.Username;
        var accessToken = tokens.IssueUser(user.TenantId, user.Id, sessionId, user.Role, name, user.Operator);
        return new(accessToken, "Bearer", (int)AccessTokens.UserLifetime.TotalSeconds, refreshToken, user);
    }

    // Of two that spend the same token at once, the second waits for the first one's row and then finds it spent.
    private static async Task<Guid?> SpendAsync(NpgsqlConnection connection, byte[] hash, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            with spent as (
                update refresh_tokens t set spent_at = $2
                from sessions s
                where t.hash = $1 and t.spent_at is null and t.expires_at > $2 and s.id = t.session_id and s.revoked_at is null and s.expires_at > $2
                returning t.session_id
            )
            update sessions s set last_seen_at = $2, expires_at = $3 from spent where s.id = spent.session_id returning s.id
            """, connection);
        command.Parameters.AddWithValue(hash);
        command.Parameters.AddWithValue(now);
        command.Parameters.AddWithValue(now + _lifetime);
        return await command.ExecuteScalarAsync(cancellationToken) as Guid?;
    }

    private static async Task<IReadOnlyCollection<Guid>> EndFamilyOfSpentAsync(
        NpgsqlConnection connection, byte[] hash, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            with stolen as (
                update sessions s set revoked_at = $2
                from refresh_tokens t
                where t.hash = $1 and t.spent_at is not null and s.id = t.session_id and s.revoked_at is null
                returning s.tenant_id, s.id, s.user_id, s.ip
            ), told as (
                insert into audit_entries (tenant_id, id, at, actor_type, actor_id, actor_name, action, target_type, target_id)
                select tenant_id, $3, $2, 'system', null, '', 'session.refresh_token_reused', 'user', user_id::text from stolen
            )
            select id from stolen
            """, connection);
        command.Parameters.AddWithValue(hash);
        command.Parameters.AddWithValue(now);
        command.Parameters.AddWithValue(Guid.CreateVersion7());
        return await ReadIdsAsync(command, cancellationToken);
    }

    private static async Task<UserResponse?> FindUserAsync(NpgsqlConnection connection, Guid sessionId, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select {UserRow.Columns} from sessions s
            join users u on u.tenant_id = s.tenant_id and u.id = s.user_id
            join tenants t on t.id = u.tenant_id
            where s.id = $1 and u.status = 'active' and u.deleted_at is null and t.status = 'active'
            """, connection);
        command.Parameters.AddWithValue(sessionId);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? UserRow.Read(row) : null;
    }

    private async Task<IReadOnlyCollection<Guid>> EndWhereAsync(string which, object[] parameters, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"update sessions set revoked_at = $1 where {which} and revoked_at is null returning id");
        command.Parameters.AddWithValue(time.Now);
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter is DBNull ? new() { Value = parameter, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Uuid } : new() { Value = parameter });
        var ended = await ReadIdsAsync(command, cancellationToken);
        Ended(ended);
        return ended;
    }

    private static async Task<IReadOnlyCollection<Guid>> ReadIdsAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var ids = new List<Guid>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            ids.Add(row.GetGuid(0));
        return ids;
    }

    private static byte[] Hash(string refreshToken) => SHA256.HashData(Encoding.UTF8.GetBytes(refreshToken));

    /// <summary>Forgets what was known of these sessions and tells who listens that they ended.</summary>
    private void Ended(IReadOnlyCollection<Guid> sessionIds)
    {
        foreach (var id in sessionIds)
            _remembered.TryRemove(id, out _);
        if (sessionIds.Count > 0)
            Revoked?.Invoke(sessionIds);
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
        command.Parameters.AddWithValue(time.Now);
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
