using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Parley.Load;

/// <param name="Met">Null when there was nothing to compare with in this run.</param>
internal sealed record Verdict(string Figure, string Target, string Measured, bool? Met);

/// <summary>Figures of several servers side by side.</summary>
internal sealed record Table(string Title, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows, string? Note = null);

/// <summary>What one run measured, as Markdown and as JSON.</summary>
internal sealed class Report
{
    private static readonly JsonSerializerOptions _json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly List<Verdict> _verdicts = [];
    private readonly List<Table> _tables = [];
    private readonly List<string> _failures = [];

    public void Add(Verdict verdict) => _verdicts.Add(verdict);

    public void Add(Table table)
    {
        _tables.Add(table);
        var text = new StringBuilder();
        Write(text, table);
        Console.WriteLine(text);
    }

    /// <summary>A measurement that could not be made; the others go on.</summary>
    public void Fail(string figure, string reason)
    {
        _failures.Add($"{figure}: {reason}");
        Console.WriteLine($"FAILED {figure}: {reason}");
    }

    /// <summary>Writes <c>report.md</c> and <c>report.json</c>.</summary>
    /// <returns>The table of targets, as Markdown.</returns>
    public string Save()
    {
        var facts = new Dictionary<string, string>
        {
            ["taken"] = TimeProvider.System.GetUtcNow().ToString("u", CultureInfo.InvariantCulture),
            ["took"] = Stopwatch.GetElapsedTime(_started).ToString(@"m\:ss", CultureInfo.InvariantCulture),
            ["processor"] = $"{Environment.ProcessorCount} × {ProcessorName()}",
            ["system"] = RuntimeInformation.OSDescription,
            ["runtime"] = RuntimeInformation.FrameworkDescription,
        };
        var targets = new StringBuilder();
        Write(targets, new Table("Targets", ["figure", "target", "measured", ""],
            [.. _verdicts.Select(v => (string[])[v.Figure, v.Target, v.Measured, v.Met switch { true => "ok", false => "miss", null => "–" }])]));
        foreach (var failure in _failures)
            targets.AppendLine(CultureInfo.InvariantCulture, $"- not measured: {failure}");

        var text = new StringBuilder("# Parley bench\n\n");
        foreach (var (name, value) in facts)
            text.AppendLine(CultureInfo.InvariantCulture, $"- {name}: {value}");
        text.AppendLine().Append(targets);
        foreach (var table in _tables)
            Write(text, table);

        Directory.CreateDirectory(Repository.Artifacts);
        File.WriteAllText(Path.Combine(Repository.Artifacts, "report.md"), text.ToString());
        File.WriteAllText(Path.Combine(Repository.Artifacts, "report.json"),
            JsonSerializer.Serialize(new { facts, verdicts = _verdicts, tables = _tables, failures = _failures }, _json));
        return targets.ToString();
    }

    private static void Write(StringBuilder text, Table table)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"## {table.Title}").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"| {string.Join(" | ", table.Columns)} |");
        text.AppendLine(CultureInfo.InvariantCulture, $"| {string.Join(" | ", table.Columns.Select(_ => "---"))} |");
        foreach (var row in table.Rows)
            text.AppendLine(CultureInfo.InvariantCulture, $"| {string.Join(" | ", row)} |");
        text.AppendLine();
        if (table.Note is not null)
            text.AppendLine(table.Note).AppendLine();
    }

    private static string ProcessorName() => File.ReadLines("/proc/cpuinfo")
        .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(": ")[^1] ?? RuntimeInformation.ProcessArchitecture.ToString();
}

internal static class Medians
{
    public static double Median(this IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length is 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
