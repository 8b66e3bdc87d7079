using System.Globalization;
using Parley.Load;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (Options.Parse(args) is not { } options || !OperatingSystem.IsLinux())
{
    await Console.Error.WriteLineAsync($"Measures on Linux (epoll, /proc). Usage:\n{Options.Usage}");
    return 2;
}
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
var report = new Report();
await new Measurements(options, report).RunAsync(stop.Token);
Console.WriteLine(report.Save());
return 0;
