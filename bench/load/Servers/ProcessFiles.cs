using System.Globalization;

namespace Parley.Load.Servers;

/// <summary>What Linux tells of a process in <c>/proc</c>.</summary>
internal static class ProcessFiles
{
    // USER_HZ, which is 100 on every architecture that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>User and system time of all its threads.</summary>
    public static TimeSpan Cpu(int process) =>
        Stat(process) is { } fields ? TimeSpan.FromSeconds((Number(fields[11]) + Number(fields[12])) / TicksPerSecond) : TimeSpan.Zero;

    /// <summary>Its own time, that of its children now, and that of its children which have ended.</summary>
    public static TimeSpan CpuWithChildren(int process)
    {
        var total = Cpu(process);
        if (Stat(process) is { } fields)
            total += TimeSpan.FromSeconds((Number(fields[13]) + Number(fields[14])) / TicksPerSecond);
        foreach (var child in Children(process))
            total += Cpu(child);
        return total;
    }

    public static int Parent(int process) => Stat(process) is { } fields ? (int)Number(fields[1]) : 0;

    /// <summary>Resident memory in bytes, pages shared with other processes in full.</summary>
    public static long Resident(int process) => Kilobytes($"/proc/{process}/status", "VmRSS:") * 1024;

    /// <summary>Resident memory in bytes, shared pages divided by those who share them.</summary>
    public static long Proportional(int process) => Kilobytes($"/proc/{process}/smaps_rollup", "Pss:") * 1024;

    private static IEnumerable<int> Children(int process) => Directory.EnumerateDirectories("/proc")
        .Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0)
        .Where(id => id > 0 && Parent(id) == process);

    /// <summary>The fields after the name in parentheses, which may hold spaces; the first is the state. proc(5).</summary>
    private static string[]? Stat(int process)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{process}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null; // It has ended.
        }
    }

    private static long Kilobytes(string file, string name) =>
        File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line
            ? Number(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim())
            : 0;

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
