using System.Data;
using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;

namespace Parley.Server.Storage;

/// <summary>
/// Runs jobs. A node takes due ones under a lease that it renews while they run; a node that dies holds an advisory lock no more, and at its next
/// start, or when the lease is over, its jobs are taken again. One connection serves taking and renewing.
/// </summary>
internal sealed partial class JobRunner(
    IEnumerable<JobKind> kinds,
    Jobs jobs,
    NpgsqlDataSource database,
    IServiceScopeFactory scopes,
    TimeProvider time,
    IHostApplicationLifetime lifetime,
    ILogger<JobRunner> logger) : BackgroundService
{
    private static readonly TimeSpan _poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _lease = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _longestRetry = TimeSpan.FromMinutes(10);

    // A job written by now() is due now, also where a test has put our clock elsewhere. Leases are told by the database's clock: one for all nodes.
    private const string Take =
        """
        with due as materialized (
            select due.id
            from unnest($1, $2) as free (kind, slots)
            cross join lateral (
                select jobs.id from jobs
                where jobs.kind = free.kind and jobs.failed_at is null and jobs.run_at <= greatest($3, now())
                    and (jobs.locked_until is null or jobs.locked_until < now()) and jobs.id <> all($6)
                order by jobs.run_at
                limit free.slots
                for update skip locked
            ) due
        )
        update jobs set locked_by = $4, locked_until = now() + $5, attempts = attempts + 1
        from due where jobs.id = due.id
        returning jobs.id, jobs.tenant_id, jobs.kind, jobs.key, jobs.payload, jobs.attempts, jobs.revision
        """;

    private readonly Dictionary<string, JobKind> _kinds = kinds.ToDictionary(kind => kind.Name);
    private readonly Lock _gate = new();
    private readonly Dictionary<long, Running> _running = [];
    private readonly Guid _node = Guid.CreateVersion7();

    private sealed record Taken(long Id, Guid? TenantId, JobKind Kind, string? Key, string Payload, int Attempt, int Revision);

    private sealed record Running(JobKind Kind, CancellationTokenSource Stop, Task Task);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_kinds.Count == 0)
            return;
        try
        {
            await StartedAsync(stoppingToken);
            for (var (first, away) = (true, false); ; first = false)
            {
                try
                {
                    await using var connection = await database.OpenConnectionAsync(stoppingToken);
                    away = false;
                    await TakeAndRenewAsync(connection, first, stoppingToken);
                }
                catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
                {
                    if (!DatabaseFailure.IsUnavailable(e))
                        LogBroken(e);
                    else if (!away)
                        LogAway(e.Message);
                    away = true;
                }
                await Task.Delay(_poll, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // the jobs that run have been told to stop
        }
        Task[] running;
        lock (_gate)
            running = [.. _running.Values.Select(job => job.Task)];
        await Task.WhenAll(running);
    }

    private async Task StartedAsync(CancellationToken cancellationToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(cancellationToken);
    }

    private async Task TakeAndRenewAsync(NpgsqlConnection connection, bool first, CancellationToken cancellationToken)
    {
        await HoldOwnLockAsync(connection, cancellationToken);
        if (first)
        {
            await FreeJobsOfDeadNodesAsync(connection, cancellationToken);
            await ScheduleSweepsAsync(connection, cancellationToken);
        }
        var (renewed, polled) = (Stopwatch.StartNew(), Stopwatch.StartNew());
        IReadOnlySet<string>? nudged = null;
        while (true)
        {
            if (renewed.Elapsed > _lease / 3)
            {
                await RenewAsync(connection, cancellationToken);
                renewed.Restart();
            }
            foreach (var job in await TakeAsync(connection, nudged, cancellationToken))
                Start(job, cancellationToken);
            nudged = await jobs.WaitForNudgeAsync(_poll, cancellationToken);
            if (polled.Elapsed >= _poll) // also where nudges never cease
            {
                nudged = null;
                polled.Restart();
            }
        }
    }

    /// <summary>The number of a node's advisory lock: the random half of its id.</summary>
    private static string LockOf(string node) => $"('x' || right(replace({node}::text, '-', ''), 16))::bit(64)::bigint";

    private async Task HoldOwnLockAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select pg_advisory_lock({LockOf("$1")})", connection)
        {
            Parameters = { new() { Value = _node } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task FreeJobsOfDeadNodesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            with nodes as materialized (select distinct locked_by as id from jobs where locked_by is not null and locked_by <> $1),
            dead as materialized (select id from nodes where pg_try_advisory_xact_lock({LockOf("nodes.id")}))
            update jobs set locked_by = null, locked_until = null from dead where jobs.locked_by = dead.id
            """, connection)
        {
            Parameters = { new() { Value = _node } },
        };
        var freed = await command.ExecuteNonQueryAsync(cancellationToken);
        if (freed > 0)
            LogFreed(freed);
    }

    private async Task ScheduleSweepsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var sweeps = _kinds.Values.Where(kind => kind.Every is not null).ToArray();
        await using var command = new NpgsqlCommand(
            """
            insert into jobs (kind, key, run_at) select kind, 'every', now() from unnest($1) as sweep (kind)
            on conflict (kind, key) where key is not null and failed_at is null do nothing
            """, connection)
        {
            Parameters = { new() { Value = sweeps.Select(sweep => sweep.Name).ToArray() } },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <param name="nudged">The kinds to look for; null for all.</param>
    private async Task<List<Taken>> TakeAsync(NpgsqlConnection connection, IReadOnlySet<string>? nudged, CancellationToken cancellationToken)
    {
        long[] own;
        JobKind[] free;
        int[] slots;
        lock (_gate)
        {
            own = [.. _running.Keys];
            var busy = _running.Values.CountBy(job => job.Kind.Name).ToDictionary();
            free = [.. _kinds.Values.Where(kind => kind.Options.Concurrency > busy.GetValueOrDefault(kind.Name) && nudged?.Contains(kind.Name) != false)];
            slots = [.. free.Select(kind => kind.Options.Concurrency - busy.GetValueOrDefault(kind.Name))];
        }
        if (free.Length == 0)
            return [];
        await using var command = new NpgsqlCommand(Take, connection)
        {
            Parameters =
            {
                new() { Value = free.Select(kind => kind.Name).ToArray() },
                new() { Value = slots },
                new() { Value = time.Now },
                new() { Value = _node },
                new() { Value = _lease, NpgsqlDbType = NpgsqlDbType.Interval },
                new() { Value = own },
            },
        };
        var taken = new List<Taken>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            taken.Add(new(
                reader.GetInt64(0),
                await reader.IsDBNullAsync(1, cancellationToken) ? null : reader.GetGuid(1),
                _kinds[reader.GetString(2)],
                await reader.IsDBNullAsync(3, cancellationToken) ? null : reader.GetString(3),
                reader.GetString(4),
                reader.GetInt32(5),
                reader.GetInt32(6)));
        }
        return taken;
    }

    private void Start(Taken job, CancellationToken stopping)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        lock (_gate)
            _running.Add(job.Id, new(job.Kind, stop, Task.Run(() => RunAsync(job, stop, stopping), CancellationToken.None)));
    }

    private async Task RunAsync(Taken job, CancellationTokenSource stop, CancellationToken stopping)
    {
        try
        {
            var outcome = await TryRunAsync(job, stop.Token, stopping);
            await ReportAsync(job, outcome, stopping);
        }
        finally
        {
            lock (_gate)
                _running.Remove(job.Id);
            stop.Dispose();
            jobs.Nudge(job.Kind.Name);
        }
    }

    /// <returns>SQL that writes down how it went; it takes the job's id ($1), this node ($2) and the revision that was run ($3).</returns>
    private async Task<NpgsqlBatch> TryRunAsync(Taken job, CancellationToken cancellationToken, CancellationToken stopping)
    {
        try
        {
            if (job.Attempt > job.Kind.Options.MaxAttempts)
                return Failed(job, "The server died each time it ran.");
            await using var scope = scopes.CreateAsyncScope();
            if (job.TenantId is { } tenant)
                scope.ServiceProvider.GetRequiredService<CurrentTenant>().Id = tenant;
            var context = new JobContext(job.Id, job.TenantId, job.Key, job.Attempt, job.Attempt >= job.Kind.Options.MaxAttempts);
            await job.Kind.RunAsync(scope.ServiceProvider, job.Payload, context, cancellationToken);
            return Done(job);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return GivenBack(job);
        }
        catch (Exception e)
        {
            if (DatabaseFailure.IsUnavailable(e))
                LogFailedForDatabase(job.Kind.Name, job.Id, e.Message);
            else
                LogFailed(job.Kind.Name, job.Id, job.Attempt, e);
            return Failed(job, e.Message);
        }
    }

    /// <summary>Removes it, or, when it was written again meanwhile, leaves it for another run; a sweep is due again after its interval.</summary>
    private NpgsqlBatch Done(Taken job) => job.Kind.Every is { } interval
        ? Statements(job,
            ("update jobs set run_at = $4, attempts = 0, last_error = null, locked_by = null, locked_until = null where id = $1 and locked_by = $2 and $3 >= 0",
                [new() { Value = time.Now + interval }]))
        : Statements(job,
            ("delete from jobs where id = $1 and locked_by = $2 and revision = $3", []),
            ("update jobs set attempts = 0, last_error = null, locked_by = null, locked_until = null where id = $1 and locked_by = $2 and revision <> $3", []));

    private NpgsqlBatch GivenBack(Taken job) => Statements(job,
        ("update jobs set attempts = attempts - 1, locked_by = null, locked_until = null where id = $1 and locked_by = $2 and $3 >= 0", []));

    /// <summary>Has it tried again later, or puts it aside after the last attempt; what was written meanwhile starts afresh.</summary>
    private NpgsqlBatch Failed(Taken job, string error)
    {
        var last = job.Attempt >= job.Kind.Options.MaxAttempts;
        if (last)
            LogPutAside(job.Kind.Name, job.Id, job.Attempt);
        var retry = job.Kind.Options.FirstRetry * Math.Pow(2, Math.Min(job.Attempt - 1, 20)) * (0.8 + 0.4 * Random.Shared.NextDouble());
        var longest = job.Kind.Every ?? _longestRetry;
        return Statements(job,
            ("""
            update jobs set
                last_error = $4, locked_by = null, locked_until = null, run_at = $5,
                attempts = case when revision = $3 then attempts else 0 end,
                failed_at = case when revision = $3 and $6 then $7 end
            where id = $1 and locked_by = $2
            """,
            [
                new() { Value = error.Length > 2_000 ? error[..2_000] : error },
                new() { Value = time.Now + (retry < longest ? retry : longest) },
                new() { Value = last },
                new() { Value = time.Now },
            ]));
    }

    private NpgsqlBatch Statements(Taken job, params ReadOnlySpan<(string Sql, NpgsqlParameter[] More)> statements)
    {
        var batch = database.CreateBatch();
        foreach (var (sql, more) in statements)
        {
            var command = new NpgsqlBatchCommand(sql) { Parameters = { new() { Value = job.Id }, new() { Value = _node }, new() { Value = job.Revision } } };
            foreach (var parameter in more)
                command.Parameters.Add(parameter);
            batch.BatchCommands.Add(command);
        }
        return batch;
    }

    /// <summary>Writes the outcome down. While the database is away it tries again: the job is still ours, and doing it twice is worse than waiting.</summary>
    private async Task ReportAsync(Taken job, NpgsqlBatch outcome, CancellationToken stopping)
    {
        await using (outcome)
        {
            while (true)
            {
                try
                {
                    await outcome.ExecuteNonQueryAsync(CancellationToken.None);
                    return;
                }
                catch (Exception e) when (DatabaseFailure.IsUnavailable(e) && !stopping.IsCancellationRequested)
                {
                    await Task.Delay(_poll, CancellationToken.None);
                }
                catch (Exception e)
                {
                    LogNotReported(job.Kind.Name, job.Id, e);
                    return;
                }
            }
        }
    }

    /// <summary>Renews the leases of what runs; what another node has taken meanwhile is told to stop.</summary>
    private async Task RenewAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        long[] own;
        lock (_gate)
            own = [.. _running.Keys];
        if (own.Length == 0)
            return;
        await using var command = new NpgsqlCommand("update jobs set locked_until = now() + $3 where id = any($1) and locked_by = $2 returning id", connection)
        {
            Parameters = { new() { Value = own }, new() { Value = _node }, new() { Value = _lease, NpgsqlDbType = NpgsqlDbType.Interval } },
        };
        var kept = new HashSet<long>();
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
                kept.Add(reader.GetInt64(0));
        }
        Running[] lost;
        lock (_gate)
            lost = [.. own.Where(id => !kept.Contains(id) && _running.ContainsKey(id)).Select(id => _running[id])];
        foreach (var job in lost)
            await job.Stop.CancelAsync();
    }

    [LoggerMessage(LogLevel.Warning, "The database is away, jobs wait: {Reason}")]
    private partial void LogAway(string reason);

    [LoggerMessage(LogLevel.Error, "Taking jobs failed")]
    private partial void LogBroken(Exception exception);

    [LoggerMessage(LogLevel.Information, "{Count} jobs were running in a server that died; they are run again")]
    private partial void LogFreed(int count);

    [LoggerMessage(LogLevel.Warning, "Job {Kind} {JobId} failed at attempt {Attempt}")]
    private partial void LogFailed(string kind, long jobId, int attempt, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Job {Kind} {JobId} failed because the database is away: {Reason}")]
    private partial void LogFailedForDatabase(string kind, long jobId, string reason);

    [LoggerMessage(LogLevel.Error, "Job {Kind} {JobId} is put aside after {Attempts} attempts; see last_error in the table jobs")]
    private partial void LogPutAside(string kind, long jobId, int attempts);

    [LoggerMessage(LogLevel.Error, "How job {Kind} {JobId} went could not be written down; it is run again when its lease is over")]
    private partial void LogNotReported(string kind, long jobId, Exception exception);
}
