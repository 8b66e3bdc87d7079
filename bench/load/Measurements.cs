using Parley.Load.Figures;
using Parley.Load.Servers;

namespace Parley.Load;

/// <summary>All figures of one run, one after the other.</summary>
internal static class Measurements
{
    public static async Task RunAsync(Options options, Report report, CancellationToken cancellationToken)
    {
        var port = options.Port;
        var starts = options.Servers.Select(name => (Func<CancellationToken, Task<RoomServer>>)(name switch
        {
            "kestrel" => async cancellation => await PeerServer.StartKestrelAsync(port++, cancellation),
            "signalr" => async cancellation => await PeerServer.StartSignalRAsync(port++, cancellation),
            _ => throw new NotSupportedException(name),
        })).ToList();

        await FigureAsync("sockets", () => IdleSockets.MeasureAsync(starts, options, report, cancellationToken));
        await FigureAsync("fanout", async () =>
        {
            List<RoomServer> servers = [];
            try
            {
                foreach (var start in starts)
                    servers.Add(await start(cancellationToken));
                await FanOut.MeasureAsync(servers, options, report, cancellationToken);
            }
            finally
            {
                foreach (var server in servers)
                    await server.DisposeAsync();
            }
        });

        async Task FigureAsync(string name, Func<Task> measure)
        {
            if (!options.Only.Contains(name) || cancellationToken.IsCancellationRequested)
                return;
            Console.WriteLine($"{name} …");
            try
            {
                await measure();
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                report.Fail(name, e.Message);
            }
        }
    }
}
