using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;
using NpgsqlTypes;

namespace Parley.Server.Storage;

/// <summary>What the handler of a job is told besides the payload.</summary>
/// <param name="TenantId">On whose behalf it runs; also the <see cref="CurrentTenant"/> of its scope.</param>
/// <param name="Attempt">1 the first time.</param>
/// <param name="IsLastAttempt">When this one fails too, the job is put aside for good.</param>
internal sealed record JobContext(long Id, Guid? TenantId, string? Key, int Attempt, bool IsLastAttempt);

/// <summary>
/// Does one kind of job. A job is done when this returns, and tried again later when it throws. It may be given the same job twice
/// (the server died before it could say that the job was done), so doing it again must be harmless. Made anew in a scope for each job.
/// </summary>
internal interface IJobHandler<in TPayload>
{
    Task RunAsync(TPayload payload, JobContext job, CancellationToken cancellationToken);
}

/// <summary>Runs again and again, on one node at a time, at the interval given to <see cref="JobRegistration.AddSweep{TSweep}"/>.</summary>
internal interface ISweep
{
    Task SweepAsync(CancellationToken cancellationToken);
}

/// <summary>How jobs of one kind are run.</summary>
internal sealed record JobOptions
{
    /// <summary>Jobs of this kind that run at once on one node.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>After so many failures a job is put aside.</summary>
    public int MaxAttempts { get; init; } = 10;

    /// <summary>The wait after the first failure; it doubles with each one, up to ten minutes.</summary>
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>
/// The durable work list. A job is written in the transaction of what it follows from; some node runs it soon after, and again after a crash.
/// Hot paths write rows by their own SQL: <c>insert into jobs (tenant_id, kind, key, payload) …</c> and then <see cref="OnConflict"/>.
/// </summary>
internal sealed class Jobs(NpgsqlDataSource database) : IDisposable
{
    /// <summary>
    /// Ends an <c>insert into jobs</c>: a job with the same kind and key that still waits takes the new payload and the earlier time; one that
    /// runs at this moment will run once more. One statement may name a key once only.
    /// </summary>
    public const string OnConflict =
        """
         on conflict (kind, key) where key is not null and failed_at is null
         do update set payload = excluded.payload, run_at = least(jobs.run_at, excluded.run_at), revision = jobs.revision + 1
        """;

    private const string Insert = "insert into jobs (tenant_id, kind, key, payload, run_at) values ($1, $2, $3, $4, coalesce($5, now()))" + OnConflict;

    private readonly SemaphoreSlim _wake = new(0);
    private readonly Lock _gate = new();
    private HashSet<string> _nudged = [];
    private bool _disposed;

    /// <summary>Writes a job in a transaction of its own, and has it picked up at once when it is due.</summary>
    public async Task EnqueueAsync<TPayload>(
        string kind, TPayload payload, JsonTypeInfo<TPayload> json, Guid? tenantId, string? key, DateTimeOffset? runAt, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await EnqueueAsync(connection, kind, payload, json, tenantId, key, runAt, cancellationToken);
        Nudge(kind);
    }

    /// <summary>Writes a job in the transaction that is open on <paramref name="connection"/>; <see cref="Nudge"/> after the commit.</summary>
    public static async Task EnqueueAsync<TPayload>(
        NpgsqlConnection connection, string kind, TPayload payload, JsonTypeInfo<TPayload> json, Guid? tenantId, string? key, DateTimeOffset? runAt,
        CancellationToken cancellationToken)
    {
        await using var insert = new NpgsqlCommand(Insert, connection)
        {
            Parameters =
            {
                new() { Value = tenantId ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid },
                new() { Value = kind },
                new() { Value = key ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new() { Value = JsonSerializer.Serialize(payload, json), NpgsqlDbType = NpgsqlDbType.Jsonb },
                new() { Value = runAt?.ToUniversalTime() ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            },
        };
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Writes a job in <paramref name="db"/>'s open transaction, or in one of its own; <see cref="Nudge"/> after the commit.</summary>
    public static async Task EnqueueAsync<TPayload>(
        AppDbContext db, string kind, TPayload payload, JsonTypeInfo<TPayload> json, Guid? tenantId, string? key, DateTimeOffset? runAt,
        CancellationToken cancellationToken)
    {
        await db.Database.OpenConnectionAsync(cancellationToken);
        try
        {
            await EnqueueAsync((NpgsqlConnection)db.Database.GetDbConnection(), kind, payload, json, tenantId, key, runAt, cancellationToken);
        }
        finally
        {
            await db.Database.CloseConnectionAsync();
        }
    }

    /// <summary>Has this node look for due jobs of <paramref name="kind"/> now rather than at its next poll. Never waits, never throws.</summary>
    public void Nudge(string kind)
    {
        lock (_gate)
        {
            if (_nudged.Add(kind) && _nudged.Count == 1 && !_disposed)
                _wake.Release();
        }
    }

    /// <summary>Waits for a nudge, at most for <paramref name="limit"/>.</summary>
    /// <returns>The kinds that were nudged; null when the time was over.</returns>
    internal async Task<IReadOnlySet<string>?> WaitForNudgeAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        if (!await _wake.WaitAsync(limit, cancellationToken))
            return null;
        lock (_gate)
        {
            var nudged = _nudged;
            _nudged = [];
            return nudged;
        }
    }

    public void Dispose()
    {
        lock (_gate)
            _disposed = true;
        _wake.Dispose();
    }
}

/// <summary>One kind of job as this program knows it.</summary>
/// <param name="Every">For a sweep: when to run again after it is done. Null for a job, which is done once.</param>
/// <param name="RunAsync">Runs a job in the scope it is given; the string is the payload's JSON.</param>
internal sealed record JobKind(
    string Name, JobOptions Options, TimeSpan? Every, Func<IServiceProvider, string, JobContext, CancellationToken, Task> RunAsync);

internal static class JobRegistration
{
    /// <summary>Has jobs of <paramref name="kind"/> done by <typeparamref name="THandler"/>.</summary>
    public static void AddJob<THandler, TPayload>(this IServiceCollection services, string kind, JsonTypeInfo<TPayload> json, JobOptions? options = null)
        where THandler : class, IJobHandler<TPayload>
    {
        services.TryAddScoped<THandler>();
        services.AddSingleton(new JobKind(kind, options ?? new(), Every: null, (scope, payload, job, cancellationToken) =>
            scope.GetRequiredService<THandler>().RunAsync(JsonSerializer.Deserialize(payload, json)!, job, cancellationToken)));
    }

    /// <summary>Has <typeparamref name="TSweep"/> run every <paramref name="interval"/>, on one node at a time; the first time at the first start.</summary>
    public static void AddSweep<TSweep>(this IServiceCollection services, string name, TimeSpan interval)
        where TSweep : class, ISweep
    {
        services.TryAddScoped<TSweep>();
        var options = new JobOptions { Concurrency = 1, MaxAttempts = int.MaxValue, FirstRetry = interval };
        services.AddSingleton(new JobKind($"sweep:{name}", options, interval, (scope, _, _, cancellationToken) =>
            scope.GetRequiredService<TSweep>().SweepAsync(cancellationToken)));
    }
}
