using Parley.Load.Servers;

namespace Parley.Load.Figures;

/// <summary>From the start of the process until it is ready, and what it holds when nothing happens.</summary>
internal static class StartUp
{
    public static async Task MeasureAsync(ParleyServer beside, Func<int> nextPort, Options options, Report report, CancellationToken cancellationToken)
    {
        List<double> cold = [], warm = [];
        for (var repeat = 0; repeat < options.Repeats + 1; repeat++)
        {
            await using var server = await ParleyServer.StartAsync(nextPort(), cancellationToken);
            cold.Add(server.Process.StartUp.TotalSeconds);
        }
        var folder = Directory.CreateTempSubdirectory("parley-bench-");
        try
        {
            var database = await beside.CreateDatabaseAsync("bench_start_up", cancellationToken);
            // The first start makes the tables; it is not counted.
            for (var repeat = -1; repeat < options.Repeats + 3; repeat++)
            {
                await using var server = await ParleyServer.StartOnAsync(database, folder.FullName, nextPort(), cancellationToken);
                if (repeat >= 0)
                    warm.Add(server.StartUp.TotalSeconds);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
        report.Add(new Table("Start-up in seconds, until /health/ready answers 200", ["", "median", "each"],
        [
            ["database running", $"{warm.Median():0.00}", string.Join(", ", warm.Select(s => $"{s:0.00}"))],
            ["cold, with the embedded database", $"{cold.Median():0.00}", string.Join(", ", cold.Select(s => $"{s:0.00}"))],
        ]));
        report.Add(new Verdict("start-up, database running", "< 1 s", $"{warm.Median():0.00} s", warm.Median() < 1));
        report.Add(new Verdict("start-up, cold, embedded database", "< 3 s", $"{cold.Median():0.00} s", cold.Median() < 3));
    }

    public static async Task MeasureMemoryAsync(Func<int> nextPort, Report report, CancellationToken cancellationToken)
    {
        await using var server = await ParleyServer.StartAsync(nextPort(), cancellationToken);
        var atStart = ProcessFiles.Resident(server.Process.Id);
        await Task.Delay(TimeSpan.FromSeconds(8), cancellationToken);
        var (resident, proportional) = (ProcessFiles.Resident(server.Process.Id), ProcessFiles.Proportional(server.Process.Id));
        report.Add(new Table("Idle memory of the server process, without PostgreSQL, MB", ["RSS when ready", "RSS after 8 s", "PSS after 8 s"],
            [[$"{atStart / 1e6:0.0}", $"{resident / 1e6:0.0}", $"{proportional / 1e6:0.0}"]]));
        report.Add(new Verdict("idle memory", "< 95 MB", $"{resident / 1e6:0} MB", resident < 95e6));
    }
}
