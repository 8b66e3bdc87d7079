using System.Diagnostics;
using System.Text.Json;

namespace Parley.Load.Figures;

/// <summary>Runs the microbenchmarks of <c>bench/Parley.Bench</c> and takes their results over.</summary>
internal static class Micro
{
    public static async Task MeasureAsync(Report report, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(Repository.Artifacts, "micro");
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        var start = new ProcessStartInfo(Repository.Program("bench/Parley.Bench", "Parley.Bench"), ["--filter", "*", "--artifacts", folder])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start) ?? throw new IOException("The microbenchmarks did not start.");
        try
        {
            await process.StandardOutput.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
        var rows = Directory.EnumerateFiles(folder, "*-full-compressed.json", SearchOption.AllDirectories).Order().SelectMany(Read).ToList();
        report.Add(new Table("Microbenchmarks of the hot path", ["benchmark", "with", "median", "allocated"],
            [.. rows.Select(row => (string[])[row.Name, row.Parameters, Time(row.Nanoseconds), $"{row.Bytes:N0} B"])]));
        var allocated = rows.Where(row => row.Name.StartsWith("FanOut.PublishInBatch", StringComparison.Ordinal)).Select(row => row.Bytes).DefaultIfEmpty(-1).Max();
        report.Add(new Verdict("allocated per delivered frame beyond the frame, on the timeline's way", "0 B", $"{allocated:N0} B", allocated == 0));
    }

    private static IEnumerable<(string Name, string Parameters, double Nanoseconds, long Bytes)> Read(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        foreach (var benchmark in json.RootElement.GetProperty("Benchmarks").EnumerateArray())
        {
            var type = benchmark.GetProperty("Type").GetString()!.Replace("Benchmarks", "", StringComparison.Ordinal);
            yield return ($"{type}.{benchmark.GetProperty("Method").GetString()}", benchmark.GetProperty("Parameters").GetString()!,
                benchmark.GetProperty("Statistics").GetProperty("Median").GetDouble(), benchmark.GetProperty("Memory").GetProperty("BytesAllocatedPerOperation").GetInt64());
        }
    }

    private static string Time(double nanoseconds) => nanoseconds switch
    {
        < 1_000 => $"{nanoseconds:0.0} ns",
        < 1_000_000 => $"{nanoseconds / 1_000:0.00} µs",
        _ => $"{nanoseconds / 1_000_000:0.00} ms",
    };
}
