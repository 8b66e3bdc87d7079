using System.Collections.Concurrent;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests.Storage;

public sealed class JobsTests : IAsyncLifetime
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);
    private readonly List<IHost> _nodes = [];
    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.CreateAsync();

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
            await StopAsync(node);
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task A_job_is_done_once_and_is_gone()
    {
        var (node, work) = await StartAsync();
        var tenant = Guid.CreateVersion7();

        await EnqueueAsync(node, "letter", tenant);

        var (letter, context, seenTenant) = await work.NextAsync();
        Assert.Equal(("letter", tenant, 1, tenant), (letter.Text, context.TenantId, context.Attempt, seenTenant));
        await NoneLeftAsync();
    }

    [Fact]
    public async Task A_job_is_written_with_what_it_follows_from_or_not_at_all()
    {
        var (node, work) = await StartAsync();
        var db = node.Services.GetRequiredService<AppDbContext>();
        await using (var transaction = await db.Database.BeginTransactionAsync())
        {
            await Jobs.EnqueueAsync(db, "test", new Letter("rolled back"), LetterJson.Default.Letter, null, null, null, CancellationToken.None);
            await transaction.RollbackAsync();
        }
        await using (var transaction = await db.Database.BeginTransactionAsync())
        {
            await Jobs.EnqueueAsync(db, "test", new Letter("committed"), LetterJson.Default.Letter, null, null, null, CancellationToken.None);
            await transaction.CommitAsync();
        }

        Assert.Equal("committed", (await work.NextAsync()).Letter.Text);
        await NoneLeftAsync();
    }

    [Fact]
    public async Task A_job_written_by_plain_SQL_is_found_without_a_nudge()
    {
        var (_, work) = await StartAsync();

        await _database.ExecuteAsync("""insert into jobs (kind, payload) values ('test', '{"text": "plain"}')""" + Jobs.OnConflict);

        Assert.Equal("plain", (await work.NextAsync()).Letter.Text);
    }

    [Fact]
    public async Task A_job_that_fails_is_tried_again_later_and_then_put_aside_with_the_reason()
    {
        var (node, work) = await StartAsync(new JobOptions { MaxAttempts = 3, FirstRetry = TimeSpan.FromMilliseconds(1) });
        work.OnRun = (_, _) => throw new InvalidOperationException("The post office is closed.");

        await EnqueueAsync(node, "letter", key: "same");

        var attempts = new[] { await work.NextAsync(), await work.NextAsync(), await work.NextAsync() };
        Assert.Equal([(1, false), (2, false), (3, true)], attempts.Select(attempt => (attempt.Context.Attempt, attempt.Context.IsLastAttempt)));
        await UntilAsync("select count(*) = 1 from jobs where failed_at is not null and last_error = 'The post office is closed.' and locked_by is null");

        work.OnRun = null;
        await EnqueueAsync(node, "another", key: "same"); // a job put aside holds its key no more
        Assert.Equal("another", (await work.NextAsync()).Letter.Text);
    }

    [Fact]
    public async Task The_wait_grows_with_each_failure()
    {
        var (node, work) = await StartAsync(new JobOptions { MaxAttempts = 10, FirstRetry = TimeSpan.FromMinutes(1) });
        work.OnRun = (_, _) => throw new InvalidOperationException();
        await EnqueueAsync(node, "letter");
        var waits = new List<double>();

        for (var attempt = 1; attempt <= 6; attempt++)
        {
            await work.NextAsync();
            await UntilAsync($"select count(*) = 1 from jobs where kind = 'test' and attempts = {attempt} and locked_by is null");
            waits.Add(await _database.QueryAsync<double>("select extract(epoch from run_at - now())::float8 from jobs where kind = 'test'"));
            await _database.ExecuteAsync("update jobs set run_at = now() where kind = 'test'");
        }

        Assert.All(waits.Zip([60, 120, 240, 480, 600, 600]), wait => Assert.InRange(wait.First, wait.Second * 0.75, Math.Min(wait.Second * 1.25, 601)));
    }

    [Fact]
    public async Task A_job_waits_for_its_time()
    {
        var (node, work) = await StartAsync();
        var time = (TestClock)node.Services.GetRequiredService<TimeProvider>();
        await node.Services.GetRequiredService<Jobs>().EnqueueAsync(
            "test", new Letter("later"), LetterJson.Default.Letter, null, null, time.Now.AddHours(1), CancellationToken.None);
        await EnqueueAsync(node, "now");
        Assert.Equal("now", (await work.NextAsync()).Letter.Text);
        Assert.Equal(1L, await _database.QueryAsync<long>("select count(*) from jobs where kind = 'test' and locked_by is null and attempts = 0"));

        time.Advance(TimeSpan.FromHours(1));

        Assert.Equal("later", (await work.NextAsync()).Letter.Text);
    }

    [Fact]
    public async Task The_same_key_waits_once_with_the_latest_payload()
    {
        var (node, work) = await StartAsync();
        var runAt = DateTimeOffset.UnixEpoch.AddYears(200);
        var jobs = node.Services.GetRequiredService<Jobs>();
        await jobs.EnqueueAsync("test", new Letter("first"), LetterJson.Default.Letter, null, "key", runAt, CancellationToken.None);

        await jobs.EnqueueAsync("test", new Letter("second"), LetterJson.Default.Letter, null, "key", null, CancellationToken.None);

        Assert.Equal("second", (await work.NextAsync()).Letter.Text);
        await NoneLeftAsync();
    }

    [Fact]
    public async Task A_key_written_while_its_job_runs_has_it_run_once_more()
    {
        var (node, work) = await StartAsync();
        var release = new TaskCompletionSource();
        work.OnRun = (_, _) => release.Task;
        await EnqueueAsync(node, "first", key: "key");
        await work.NextAsync();

        await EnqueueAsync(node, "second", key: "key");
        release.SetResult();

        Assert.Equal("second", (await work.NextAsync()).Letter.Text);
        await NoneLeftAsync();
        Assert.Empty(work.Runs);
    }

    [Fact]
    public async Task No_more_run_at_once_than_allowed_and_all_get_done()
    {
        var (node, work) = await StartAsync(new JobOptions { Concurrency = 3 });
        var (running, most) = (0, 0);
        work.OnRun = async (_, cancellationToken) =>
        {
            InterlockedMax(ref most, Interlocked.Increment(ref running));
            await Task.Delay(5, cancellationToken);
            Interlocked.Decrement(ref running);
        };

        await _database.ExecuteAsync("""insert into jobs (kind, payload) select 'test', jsonb_build_object('text', n::text) from generate_series(1, 60) n""");

        var texts = new HashSet<string>();
        while (texts.Count < 60)
            texts.Add((await work.NextAsync()).Letter.Text);
        Assert.Equal(3, most);
        await NoneLeftAsync();
    }

    [Fact]
    public async Task Two_nodes_share_the_work_and_do_nothing_twice()
    {
        await _database.ExecuteAsync("""insert into jobs (kind, payload) select 'test', jsonb_build_object('text', n::text) from generate_series(1, 200) n""");

        var (_, first) = await StartAsync();
        var (_, second) = await StartAsync();

        await NoneLeftAsync();
        var done = first.Runs.Concat(second.Runs).Select(run => run.Letter.Text).ToArray();
        Assert.Equal(200, done.Length);
        Assert.Equal(200, done.Distinct().Count());
    }

    [Fact]
    public async Task A_job_of_a_node_that_died_is_taken_at_the_next_start()
    {
        await _database.ExecuteAsync(
            """
            insert into jobs (kind, payload, attempts, locked_by, locked_until)
            values ('test', '{"text": "left"}', 1, gen_random_uuid(), now() + interval '1 hour')
            """);

        var (_, work) = await StartAsync();

        var (letter, context, _) = await work.NextAsync();
        Assert.Equal(("left", 2), (letter.Text, context.Attempt));
    }

    [Fact]
    public async Task A_job_of_a_node_that_lives_is_left_to_it()
    {
        var (node, work) = await StartAsync();
        var release = new TaskCompletionSource();
        work.OnRun = (_, _) => release.Task;
        await EnqueueAsync(node, "mine");
        await work.NextAsync();

        var (other, otherWork) = await StartAsync();
        await EnqueueAsync(other, "yours");

        Assert.Equal("yours", (await otherWork.NextAsync()).Letter.Text);
        release.SetResult();
        await NoneLeftAsync();
        Assert.Empty(otherWork.Runs);
    }

    [Fact]
    public async Task A_job_whose_lease_is_over_is_taken_by_another_node()
    {
        var (_, work) = await StartAsync();
        await _database.ExecuteAsync(
            """
            insert into jobs (kind, payload, attempts, locked_by, locked_until)
            values ('test', '{"text": "lost"}', 1, gen_random_uuid(), now() - interval '1 second')
            """);

        Assert.Equal("lost", (await work.NextAsync()).Letter.Text);
    }

    [Fact]
    public async Task A_job_that_kills_its_server_each_time_is_put_aside()
    {
        await _database.ExecuteAsync("""insert into jobs (kind, payload, attempts) values ('test', '{"text": "deadly"}', 10)""");

        var (_, work) = await StartAsync(new JobOptions { MaxAttempts = 10 });

        await UntilAsync("select count(*) = 1 from jobs where failed_at is not null and last_error like 'The server died%'");
        Assert.Empty(work.Runs);
    }

    [Fact]
    public async Task A_stopping_node_gives_its_jobs_back_unspent()
    {
        var (node, work) = await StartAsync();
        work.OnRun = (_, cancellationToken) => Task.Delay(Timeout.Infinite, cancellationToken);
        await EnqueueAsync(node, "letter");
        await work.NextAsync();

        await StopAsync(node);

        Assert.Equal(1L, await _database.QueryAsync<long>("select count(*) from jobs where kind = 'test' and attempts = 0 and locked_by is null and run_at <= now() and last_error is null"));
    }

    [Fact]
    public async Task A_payload_that_cannot_be_read_does_not_stop_the_others()
    {
        var (node, work) = await StartAsync(new JobOptions { MaxAttempts = 1 });
        await _database.ExecuteAsync("""insert into jobs (kind, payload) values ('test', '[]')""");

        await EnqueueAsync(node, "letter");

        Assert.Equal("letter", (await work.NextAsync()).Letter.Text);
        await UntilAsync("select count(*) = 1 from jobs where failed_at is not null");
    }

    [Fact]
    public async Task Kinds_that_no_module_knows_are_left_alone()
    {
        await _database.ExecuteAsync("insert into jobs (kind) values ('of a later version')");
        var (node, work) = await StartAsync();

        await EnqueueAsync(node, "letter");

        await work.NextAsync();
        Assert.Equal(1L, await _database.QueryAsync<long>("select count(*) from jobs where kind = 'of a later version' and attempts = 0"));
    }

    [Fact]
    public async Task Jobs_go_on_after_the_database_was_away()
    {
        var (node, work) = await StartAsync();
        await EnqueueAsync(node, "before");
        await work.NextAsync();
        await NoneLeftAsync();

        await _database.QueryAsync<bool>("select bool_and(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
        await _database.ExecuteAsync("""insert into jobs (kind, payload) values ('test', '{"text": "after"}')""");

        Assert.Equal("after", (await work.NextAsync()).Letter.Text);
    }

    [Fact]
    public async Task A_sweep_runs_at_its_interval_on_one_node_at_a_time()
    {
        var (node, work) = await StartAsync();
        var (other, otherWork) = await StartAsync();
        await UntilAsync("select count(*) = 1 from jobs where kind = 'sweep:test' and run_at > now() and locked_by is null");
        Assert.Equal(1, work.Sweeps + otherWork.Sweeps);

        foreach (var clock in (TimeProvider[])[node.Services.GetRequiredService<TimeProvider>(), other.Services.GetRequiredService<TimeProvider>()])
            ((TestClock)clock).Advance(TimeSpan.FromHours(1));

        await UntilAsync("select count(*) = 1 from jobs where kind = 'sweep:test' and run_at > now() + interval '61 minutes' and locked_by is null");
        Assert.Equal(2, work.Sweeps + otherWork.Sweeps);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = most; value > seen;)
            seen = Interlocked.CompareExchange(ref most, value, seen) is var was && was == seen ? value : was;
    }

    private static Task EnqueueAsync(IHost node, string text, Guid? tenant = null, string? key = null) =>
        node.Services.GetRequiredService<Jobs>().EnqueueAsync(
            "test", new Letter(text), LetterJson.Default.Letter, tenant, key, runAt: null, CancellationToken.None);

    private async Task<(IHost Node, Work Work)> StartAsync(JobOptions? options = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        var work = new Work();
        builder.Services.AddLogging(logs => logs.SetMinimumLevel(LogLevel.None));
        builder.Services.AddSingleton<TimeProvider>(new TestClock());
        builder.Services.AddSingleton(NpgsqlDataSource.Create(_database.ConnectionString));
        builder.Services.AddScoped<CurrentTenant>();
        builder.Services.AddDbContext<AppDbContext>((services, db) => db.UseNpgsql(services.GetRequiredService<NpgsqlDataSource>()));
        builder.Services.AddSingleton<Jobs>();
        builder.Services.AddHostedService<JobRunner>();
        builder.Services.AddSingleton(work);
        builder.Services.AddJob<Handler, Letter>("test", LetterJson.Default.Letter, options);
        builder.Services.AddSweep<Sweep>("test", TimeSpan.FromHours(1));
        var node = builder.Build();
        _nodes.Add(node);
        await node.StartAsync();
        return (node, work);
    }

    private static async Task StopAsync(IHost node)
    {
        await node.StopAsync();
        if (node.Services.GetService<NpgsqlDataSource>() is { } pool)
            await pool.DisposeAsync();
    }

    private Task NoneLeftAsync() => UntilAsync("select count(*) = 0 from jobs where kind = 'test'");

    private async Task UntilAsync(string condition)
    {
        using var limit = new CancellationTokenSource(_limit);
        while (!await _database.QueryAsync<bool>(condition))
            await Task.Delay(10, limit.Token);
    }

    internal sealed record Letter(string Text);

    private sealed class Work
    {
        private readonly SemaphoreSlim _arrived = new(0);
        private int _sweeps;

        public ConcurrentQueue<(Letter Letter, JobContext Context, Guid Tenant)> Runs { get; } = [];

        public Func<Letter, CancellationToken, Task>? OnRun { get; set; }

        public int Sweeps => _sweeps;

        public void Swept() => Interlocked.Increment(ref _sweeps);

        public void Arrived(Letter letter, JobContext context, Guid tenant)
        {
            Runs.Enqueue((letter, context, tenant));
            _arrived.Release();
        }

        public async Task<(Letter Letter, JobContext Context, Guid Tenant)> NextAsync()
        {
            Assert.True(await _arrived.WaitAsync(_limit), "No job was run in time.");
            Assert.True(Runs.TryDequeue(out var run));
            return run;
        }
    }

    private sealed class Handler(Work work, CurrentTenant tenant) : IJobHandler<Letter>
    {
        public Task RunAsync(Letter payload, JobContext job, CancellationToken cancellationToken)
        {
            var run = work.OnRun;
            work.Arrived(payload, job, tenant.Id);
            return run?.Invoke(payload, cancellationToken) ?? Task.CompletedTask;
        }
    }

    private sealed class Sweep(Work work) : ISweep
    {
        public Task SweepAsync(CancellationToken cancellationToken)
        {
            work.Swept();
            return Task.CompletedTask;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(JobsTests.Letter))]
internal sealed partial class LetterJson : JsonSerializerContext;
