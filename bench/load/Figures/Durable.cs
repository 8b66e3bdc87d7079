using System.Diagnostics;
using Npgsql;
using Parley.Load.Client;
using Parley.Load.Servers;

namespace Parley.Load.Figures;

/// <summary>Messages that are on disk before they are acknowledged: how many at most, and how long each takes at a load of every day.</summary>
internal static class Durable
{
    private const int Writers = 50;
    private const int SteadyPerSecond = 5_000;
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);

    public static async Task MeasureAsync(ParleyServer server, Options options, Report report, CancellationToken cancellationToken)
    {
        List<double> sockets = [], inserts = [];
        for (var repeat = 0; repeat < options.Repeats; repeat++)
        {
            sockets.Add(await SaturateAsync(server, options.Measure, report, cancellationToken));
            inserts.Add(await InsertEachAsync(server.Database, options.Measure, cancellationToken));
            Console.WriteLine($"  acknowledged {sockets[^1]:N0}/s, inserted one by one {inserts[^1]:N0}/s");
        }
        var (acknowledged, inserted) = (sockets.Median(), inserts.Median());
        report.Add(new Verdict("durable messages acknowledged, saturated", "≥ 30,000/s", $"{acknowledged:N0}/s", acknowledged >= 30_000));
        report.Add(new Verdict("the same beside one INSERT and commit each, 50 writers", "≥ 2.5 times", $"{acknowledged / inserted:0.0} times ({inserted:N0}/s)", acknowledged >= 2.5 * inserted));
        await SteadyAsync(server, options.Steady, report, cancellationToken);
    }

    /// <summary>200 sockets in rooms of two, each with 64 messages under way.</summary>
    private static async Task<double> SaturateAsync(ParleyServer server, TimeSpan duration, Report report, CancellationToken cancellationToken)
    {
        const int Sockets = 200, RoomSize = 2, Window = 64;
        using var swarm = new Swarm(await server.PrepareAsync(Sockets, RoomSize, cancellationToken), server.Process.Port, RoomSize);
        swarm.Open(Sockets, atOnce: 64, _limit);
        swarm.Saturate(swarm.Connections, Window, Refill.WhenAcknowledged);
        swarm.Run(TimeSpan.FromSeconds(1));
        swarm.AckLatency.Clear();
        var (started, acknowledged, cpu, database) = (Stopwatch.GetTimestamp(), swarm.AcknowledgedCount, server.Process.Cpu, server.DatabaseCpu);
        swarm.Run(duration);
        var took = Stopwatch.GetElapsedTime(started);
        var (count, cores, databaseCores) = (swarm.AcknowledgedCount - acknowledged, (server.Process.Cpu - cpu) / took, (server.DatabaseCpu - database) / took);
        swarm.Refill = Refill.None;
        Console.WriteLine($"  saturated: {count / took.TotalSeconds:N0}/s, server {cores:0.00} cores, PostgreSQL {databaseCores:0.00}, ack p50 {swarm.AckLatency.Percentile(50):0.0} ms, p99 {swarm.AckLatency.Percentile(99):0.0} ms");
        var missing = swarm.Drain(acknowledged: true, _limit);
        if (Wrong(swarm, missing) > 0)
            report.Fail("durable, saturated", Told(swarm, missing));
        return count / took.TotalSeconds;
    }

    /// <summary>The plain way on the same database: a table of the same shape, and each of 50 writers commits each message.</summary>
    private static async Task<double> InsertEachAsync(NpgsqlDataSource database, TimeSpan duration, CancellationToken cancellationToken)
    {
        await using (var create = database.CreateCommand(
            "drop table if exists bench_entries; create table bench_entries (like timeline_entries including all)"))
            await create.ExecuteNonQueryAsync(cancellationToken);
        var started = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(() => WriteAsync(cancellationToken), cancellationToken)));
        var took = Stopwatch.GetElapsedTime(started);
        await using (var drop = database.CreateCommand("drop table bench_entries"))
            await drop.ExecuteNonQueryAsync(cancellationToken);
        return counts.Sum() / took.TotalSeconds;

        async Task<int> WriteAsync(CancellationToken cancellationToken)
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var insert = new NpgsqlCommand(
                """
                insert into bench_entries (tenant_id, conversation_id, seq, id, kind, sender_type, sender_id, sender_name, body, private, client_id, created_at)
                values ($1, $2, $3, $4, 'text', 'member', $5, 'Member of the load', $6, false, $7, now())
                """, connection);
            var (tenant, conversation, body) = (Guid.CreateVersion7(), Guid.CreateVersion7(), new string('x', Body.Size));
            var seq = new NpgsqlParameter<long>();
            var (id, clientId) = (new NpgsqlParameter<Guid>(), new NpgsqlParameter<string>());
            insert.Parameters.AddRange(new NpgsqlParameter[] { new NpgsqlParameter<Guid> { TypedValue = tenant }, new NpgsqlParameter<Guid> { TypedValue = conversation }, seq, id,
                new NpgsqlParameter<Guid> { TypedValue = tenant }, new NpgsqlParameter<string> { TypedValue = body }, clientId });
            await insert.PrepareAsync(cancellationToken);
            while (Stopwatch.GetElapsedTime(started) < duration)
            {
                seq.TypedValue++;
                id.TypedValue = Guid.CreateVersion7();
                clientId.TypedValue = id.TypedValue.ToString();
                await insert.ExecuteNonQueryAsync(cancellationToken);
            }
            return (int)seq.TypedValue;
        }
    }

    /// <summary>5,000 messages per second from 1,000 sockets into rooms of ten.</summary>
    private static async Task SteadyAsync(ParleyServer server, TimeSpan duration, Report report, CancellationToken cancellationToken)
    {
        const int Sockets = 1_000, RoomSize = 10;
        using var swarm = new Swarm(await server.PrepareAsync(Sockets, RoomSize, cancellationToken), server.Process.Port, RoomSize);
        swarm.Open(Sockets, atOnce: 64, _limit);
        swarm.Pace(SteadyPerSecond, TimeSpan.FromSeconds(1));
        swarm.AckLatency.Clear();
        swarm.DeliveryLatency.Clear();
        var (cpu, database) = (server.Process.Cpu, server.DatabaseCpu);
        swarm.Pace(SteadyPerSecond, duration);
        var (cores, databaseCores) = ((server.Process.Cpu - cpu) / duration, (server.DatabaseCpu - database) / duration);
        var (p50, p99) = (swarm.AckLatency.Percentile(50), swarm.AckLatency.Percentile(99));
        var missing = swarm.Drain(acknowledged: true, _limit);
        report.Add(new Table($"{SteadyPerSecond:N0} durable messages/s into rooms of {RoomSize} for {duration.TotalSeconds:0} s",
            ["sent", "acknowledged", "delivered", "missing", "lost, repeated or out of order", "ack p50 / p99, ms", "delivery p50 / p99, ms", "server, cores", "PostgreSQL, cores"],
            [[$"{swarm.Sent:N0}", $"{swarm.AcknowledgedCount:N0}", $"{swarm.DeliveredCount:N0}", $"{missing:N0}", $"{swarm.Disordered + swarm.OutOfSequence:N0}",
                $"{p50:0.00} / {p99:0.00}", $"{swarm.DeliveryLatency.Percentile(50):0.00} / {swarm.DeliveryLatency.Percentile(99):0.00}", $"{cores:0.00}", $"{databaseCores:0.00}"]]));
        report.Add(new Verdict("nothing lost or reordered at 5,000/s", "0", Told(swarm, missing), Wrong(swarm, missing) == 0));
        report.Add(new Verdict("ack p99 at 5,000/s", "< 25 ms", $"{p99:0.0} ms (p50 {p50:0.0})", p99 < 25));
        report.Add(new Verdict("server and PostgreSQL at 5,000/s", "< 1.3 cores", $"{cores + databaseCores:0.00} ({cores:0.00} + {databaseCores:0.00})", cores + databaseCores < 1.3));
    }

    private static long Wrong(Swarm swarm, long missing) => missing + swarm.Disordered + swarm.OutOfSequence + swarm.RefusedCount + swarm.Closed;

    private static string Told(Swarm swarm, long missing) =>
        $"{missing} missing, {swarm.Disordered} disordered, {swarm.OutOfSequence} gaps in seq, {swarm.RefusedCount} refused, {swarm.Closed} closed {swarm.FirstRefusal}".TrimEnd();
}
