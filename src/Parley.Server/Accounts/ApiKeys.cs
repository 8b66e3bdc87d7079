using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Parley.Server.Accounts;

/// <summary>Keys with which machines call. A key is shown once; the database has its SHA-256.</summary>
internal sealed class ApiKeys(NpgsqlDataSource database, TimeProvider time)
{
    public const string Prefix = "pk_";

    private static readonly TimeSpan _memory = TimeSpan.FromSeconds(15);
    private const int MaxRemembered = 10_000;

    private readonly ConcurrentDictionary<string, (Caller Caller, long At)> _remembered = new(StringComparer.Ordinal);

    /// <summary>The caller that <paramref name="key"/> stands for; null when there is no such key.</summary>
    public async ValueTask<Caller?> FindAsync(string key, CancellationToken cancellationToken)
    {
        if (key.Length > 128)
            return null;
        var now = time.GetTimestamp();
        var hash = Hash(key);
        var remembered = Convert.ToHexString(hash);
        if (_remembered.TryGetValue(remembered, out var known) && time.GetElapsedTime(known.At, now) < _memory)
            return known.Caller;

        var caller = await ReadAsync(hash, cancellationToken);
        if (caller is null)
        {
            _remembered.TryRemove(remembered, out _);
            return null;
        }
        if (_remembered.Count >= MaxRemembered)
            _remembered.Clear();
        _remembered[remembered] = (caller, now);
        return caller;
    }

    /// <summary>The key has been deleted: it opens nothing from now on.</summary>
    public void Forget(Guid keyId)
    {
        foreach (var (hash, known) in _remembered)
        {
            if (known.Caller.Id == keyId)
                _remembered.TryRemove(hash, out _);
        }
    }

    private async Task<Caller?> ReadAsync(byte[] hash, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with used as (
                update api_keys set last_used_at = $2
                where hash = $1 and (last_used_at is null or last_used_at < $2 - interval '1 minute')
            )
            select k.tenant_id, k.id, k.name, k.scopes
            from api_keys k join tenants t on t.id = k.tenant_id
            where k.hash = $1 and t.status = 'active'
            """);
        command.Parameters.AddWithValue(hash);
        command.Parameters.AddWithValue(time.GetUtcNow());
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? Caller.ApiKey(row.GetGuid(0), row.GetGuid(1), row.GetString(2), await row.GetFieldValueAsync<string[]>(3, cancellationToken))
            : null;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
