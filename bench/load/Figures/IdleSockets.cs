using System.Globalization;
using Parley.Load.Client;
using Parley.Load.Servers;

namespace Parley.Load.Figures;

/// <summary>What a socket costs that only waits: memory, and the time to open many.</summary>
internal static class IdleSockets
{
    private const int RoomSize = 10;
    private static readonly TimeSpan _openLimit = TimeSpan.FromSeconds(60);

    private sealed record Run(string Server, double BytesEach, TimeSpan Opening, double OpeningMicroseconds, double IdleCores, long Base);

    /// <param name="starts">Each server gets a process that has done nothing else.</param>
    public static async Task MeasureAsync(IEnumerable<Func<CancellationToken, Task<RoomServer>>> starts, Options options, Report report, CancellationToken cancellationToken)
    {
        List<Run> runs = [];
        foreach (var start in starts)
        {
            await using var server = await start(cancellationToken);
            var wire = await server.PrepareAsync(options.Sockets, RoomSize, cancellationToken);
            // Code is compiled and pools are filled before the zero is taken.
            using (var first = new Swarm(wire, server.Process.Port, RoomSize))
                first.Open(200, atOnce: 64, _openLimit);
            await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);

            var (memory, cpu) = (ProcessFiles.Resident(server.Process.Id), server.Process.Cpu);
            using var swarm = new Swarm(wire, server.Process.Port, RoomSize);
            var opening = swarm.Open(options.Sockets, atOnce: 256, _openLimit);
            var openingCpu = server.Process.Cpu - cpu;
            swarm.Run(TimeSpan.FromSeconds(2));
            cpu = server.Process.Cpu;
            var settle = TimeSpan.FromSeconds(3);
            swarm.Run(settle);
            var run = new Run(server.Name, (double)(ProcessFiles.Resident(server.Process.Id) - memory) / options.Sockets, opening,
                openingCpu.TotalMicroseconds / options.Sockets, (server.Process.Cpu - cpu) / settle, memory);
            if (swarm.Closed > 0)
                throw new IOException($"{server.Name} closed {swarm.Closed} idle sockets. {swarm.FirstRefusal}");
            Console.WriteLine($"  {run}");
            runs.Add(run);
        }
        Tell(runs, options, report);
    }

    private static void Tell(List<Run> runs, Options options, Report report)
    {
        report.Add(new Table($"{options.Sockets:N0} idle sockets", ["server", "bytes each", "opened in s", "CPU to open one, µs", "cores while idle", "RSS before, MB"],
            [.. runs.Select(run => (string[])[
                run.Server, run.BytesEach.ToString("N0", CultureInfo.InvariantCulture), $"{run.Opening.TotalSeconds:0.00}",
                $"{run.OpeningMicroseconds:0}", $"{run.IdleCores:0.000}", $"{run.Base / 1e6:0}"])],
            "Memory is the growth of the process's resident set, without the kernel's own buffers."));
        if (runs.Find(run => run.Server is "Parley") is not { } parley)
            return;
        foreach (var (peer, most) in (ReadOnlySpan<(string, double)>)[("Kestrel", 1.25), ("SignalR", 0.7)])
        {
            if (runs.Find(run => run.Server == peer) is { } other)
                report.Add(new Verdict("memory of an idle authenticated socket", $"≤ {most} of {peer}'s", $"{parley.BytesEach / other.BytesEach:0.00} ({parley.BytesEach:N0} B)", parley.BytesEach / other.BytesEach <= most));
        }
        report.Add(new Verdict($"{options.Sockets:N0} sockets open", "≤ 4 s", $"{parley.Opening.TotalSeconds:0.00} s", parley.Opening <= TimeSpan.FromSeconds(4)));
    }
}
