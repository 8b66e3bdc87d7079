using System.Globalization;
using Parley.Load.Client;
using Parley.Load.Servers;

namespace Parley.Load.Figures;

/// <summary>What it costs a server to deliver a message, at an offered load and at its limit. The servers take turns, so that noise of the machine meets all.</summary>
internal static class FanOut
{
    private const int Connections = 1_000;
    private static readonly TimeSpan _warmUp = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _openLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _drainLimit = TimeSpan.FromSeconds(5);

    /// <param name="Microseconds">Of the server's CPU per delivery.</param>
    /// <param name="Wrong">Deliveries lost, repeated or out of order.</param>
    private sealed record Run(string Server, int RoomSize, double Microseconds, double PerSecond, double P50, double P99, double DatabaseCores, long Wrong);

    public static async Task MeasureAsync(IReadOnlyList<RoomServer> servers, Options options, Report report, CancellationToken cancellationToken)
    {
        // A server that runs for days has its hot path compiled; each gets the same time for that.
        foreach (var server in servers)
            await RunAsync(server, roomSize: 10, _warmUp, static _ => { }, swarm => swarm.Pace(options.Rate / 10.0, _warmUp), cancellationToken);
        List<Run> offered = [], saturated = [];
        foreach (var roomSize in options.Rooms)
        {
            for (var repeat = 0; repeat < options.Repeats; repeat++)
            {
                foreach (var server in servers)
                {
                    offered.Add(await RunAsync(server, roomSize, options.Measure,
                        swarm => swarm.Pace((double)options.Rate / roomSize, TimeSpan.FromSeconds(1)),
                        swarm => swarm.Pace((double)options.Rate / roomSize, options.Measure), cancellationToken));
                }
            }
            foreach (var server in servers)
            {
                saturated.Add(await RunAsync(server, roomSize, options.Measure, swarm =>
                {
                    swarm.Saturate(SendersOf(swarm, roomSize), window: 1, Refill.WhenDelivered);
                    swarm.Run(TimeSpan.FromSeconds(1));
                }, swarm => swarm.Run(options.Measure), cancellationToken));
            }
        }
        Tell(servers, offered, saturated, options, report);
    }

    private static async Task<Run> RunAsync(
        RoomServer server, int roomSize, TimeSpan duration, Action<Swarm> warmUp, Action<Swarm> load, CancellationToken cancellationToken)
    {
        var wire = await server.PrepareAsync(Connections, roomSize, cancellationToken);
        using var swarm = new Swarm(wire, server.Process.Port, roomSize);
        swarm.Open(Connections, atOnce: 64, _openLimit);
        warmUp(swarm);
        swarm.DeliveryLatency.Clear();
        var (cpu, database, delivered) = (server.Process.Cpu, server.DatabaseCpu, swarm.DeliveredCount);
        load(swarm);
        (cpu, database, delivered) = (server.Process.Cpu - cpu, server.DatabaseCpu - database, swarm.DeliveredCount - delivered);
        swarm.Refill = Refill.None;
        var (p50, p99) = (swarm.DeliveryLatency.Percentile(50), swarm.DeliveryLatency.Percentile(99));
        var wrong = swarm.Drain(server.Acknowledges, _drainLimit) + swarm.Disordered + swarm.OutOfSequence + swarm.RefusedCount + swarm.Closed;
        var run = new Run(server.Name, roomSize, cpu.TotalMicroseconds / delivered, delivered / duration.TotalSeconds, p50, p99, database / duration, wrong);
        Console.WriteLine($"  {run}{(wrong > 0 ? $" {swarm.FirstRefusal}" : "")}");
        return run;
    }

    /// <summary>Some 256 to 512 messages under way in all, from as many members.</summary>
    private static IEnumerable<Connection> SendersOf(Swarm swarm, int roomSize)
    {
        var each = Math.Clamp(256 / swarm.Rooms, 1, Math.Min(roomSize, 32));
        return swarm.Connections.Where(connection => connection.Index % roomSize < each);
    }

    private static void Tell(IReadOnlyList<RoomServer> servers, List<Run> offered, List<Run> saturated, Options options, Report report)
    {
        var names = servers.Select(server => server.Name).ToList();
        double Median(List<Run> runs, string server, int roomSize, Func<Run, double> figure) =>
            runs.Where(run => run.Server == server && run.RoomSize == roomSize).Select(figure).Median();
        List<string[]> Rows(List<Run> runs, string format, params Func<Run, double>[] figures) => [.. options.Rooms.Select(roomSize => (string[])[
            $"{roomSize}",
            .. names.Select(name => string.Join(" / ", figures.Select(figure => Median(runs, name, roomSize, figure).ToString(format, CultureInfo.InvariantCulture)))),
            .. names.Skip(1).Select(peer => (Median(runs, names[0], roomSize, figures[0]) / Median(runs, peer, roomSize, figures[0])).ToString("0.00", CultureInfo.InvariantCulture))])];
        string[] columns = ["room", .. names, .. names.Skip(1).Select(peer => $"{names[0]} : {peer}")];

        report.Add(new Table($"Server CPU in µs per delivery, {options.Rate:N0} deliveries/s offered, {Connections:N0} connections", columns, Rows(offered, "0.0", r => r.Microseconds)));
        report.Add(new Table("Delivery p99 / p50 in ms at that load", columns, Rows(offered, "0.00", r => r.P99, r => r.P50)));
        report.Add(new Table("Deliveries per CPU second of the server, saturated", columns, Rows(saturated, "N0", r => 1e6 / r.Microseconds)));
        report.Add(new Table("Deliveries per second, saturated", columns, Rows(saturated, "N0", r => r.PerSecond),
            $"Deliveries lost, repeated or out of order in all these runs: {offered.Concat(saturated).Sum(run => run.Wrong)}."));

        if (names is not ["Parley", ..] || !names.Contains("SignalR"))
            return;
        foreach (var roomSize in options.Rooms)
        {
            double Ratio(List<Run> runs, Func<Run, double> figure) => Median(runs, "Parley", roomSize, figure) / Median(runs, "SignalR", roomSize, figure);
            var most = roomSize < 100 ? 0.5 : 0.7;
            var (cost, wait, saturation) = (Ratio(offered, r => r.Microseconds), Ratio(offered, r => r.P99), Ratio(saturated, r => 1 / r.Microseconds));
            report.Add(new Verdict($"CPU per delivery, rooms of {roomSize}", $"≤ {most:0.0} of SignalR's", $"{cost:0.00} ({Median(offered, "Parley", roomSize, r => r.Microseconds):0.0} µs)", cost <= most));
            report.Add(new Verdict($"delivery p99, rooms of {roomSize}", "≤ SignalR's", $"{wait:0.00} of it ({Median(offered, "Parley", roomSize, r => r.P99):0.00} ms)", wait <= 1));
            report.Add(new Verdict($"saturated deliveries per CPU second, rooms of {roomSize}", "≥ 1.5 times SignalR's", $"{saturation:0.00}", saturation >= 1.5));
        }
    }
}
