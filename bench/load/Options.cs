using System.Globalization;

namespace Parley.Load;

/// <summary>What to measure, and for how long.</summary>
internal sealed record Options
{
    public static readonly string[] AllFigures = ["micro", "startup", "memory", "sockets", "durable", "fanout"];

    private static readonly string[] AllServers = ["parley", "kestrel", "signalr"];

    public IReadOnlyList<string> Only { get; init; } = AllFigures;
    public IReadOnlyList<string> Servers { get; init; } = AllServers;
    public IReadOnlyList<int> Rooms { get; init; } = [2, 10, 100, 1000];

    /// <summary>Deliveries per second offered to each server.</summary>
    public int Rate { get; init; } = 20_000;

    public int Sockets { get; init; } = 10_000;
    public int Repeats { get; init; } = 2;

    /// <summary>Length of one fan-out or saturated measurement.</summary>
    public TimeSpan Measure { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Length of the run at 5,000 durable messages per second.</summary>
    public TimeSpan Steady { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The servers listen on this port of loopback and those after it.</summary>
    public int Port { get; init; } = 18_500;

    public static string Usage =>
        $"""
        parley-load [--quick] [--only {string.Join(',', AllFigures)}] [--servers parley,kestrel,signalr] [--rooms 2,10,100,1000]
                    [--rate 20000] [--sockets 10000] [--repeats 2] [--seconds 4] [--steady 60] [--port 18500]
        """;

    /// <returns>Null when the arguments cannot be understood.</returns>
    public static Options? Parse(ReadOnlySpan<string> arguments)
    {
        var options = new Options();
        for (; !arguments.IsEmpty; arguments = arguments[1..])
        {
            if (arguments[0] is "--quick")
            {
                options = options with { Repeats = 1, Measure = TimeSpan.FromSeconds(1.5), Steady = TimeSpan.FromSeconds(5), Sockets = 2_000 };
                continue;
            }
            if (arguments is not [var name, var value, ..])
                return null;
            var words = value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            var numbers = words.Select(word => int.TryParse(word, CultureInfo.InvariantCulture, out var number) ? number : -1).ToArray();
            var read = (name, numbers) switch
            {
                ("--only", _) when words.All(AllFigures.Contains) => options with { Only = words },
                ("--servers", _) when words.All(AllServers.Contains) => options with { Servers = words },
                ("--rooms", [> 0, ..]) when numbers.All(n => n > 0) => options with { Rooms = numbers },
                ("--rate", [> 0 and var rate]) => options with { Rate = rate },
                ("--sockets", [> 0 and var sockets]) => options with { Sockets = sockets },
                ("--repeats", [> 0 and var repeats]) => options with { Repeats = repeats },
                ("--seconds", [> 0 and var seconds]) => options with { Measure = TimeSpan.FromSeconds(seconds) },
                ("--steady", [> 0 and var seconds]) => options with { Steady = TimeSpan.FromSeconds(seconds) },
                ("--port", [> 0 and var port]) => options with { Port = port },
                _ => null,
            };
            if (read is null)
                return null;
            options = read;
            arguments = arguments[1..];
        }
        return options;
    }
}
