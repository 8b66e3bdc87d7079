using System.Net.NetworkInformation;
using Npgsql;
using Parley.Load.Figures;
using Parley.Load.Servers;

namespace Parley.Load;

/// <summary>All figures of one run, one after the other; one that cannot be measured does not keep the others from it.</summary>
internal sealed class Measurements(Options options, Report report)
{
    private int _port = options.Port;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await FigureAsync("micro", () => Micro.MeasureAsync(report, cancellationToken), cancellationToken);
        await FigureAsync("memory", () => StartUp.MeasureMemoryAsync(NextPort, report, cancellationToken), cancellationToken);
        await FigureAsync("startup", async () =>
        {
            await using var server = await ParleyServer.StartAsync(NextPort(), cancellationToken);
            await StartUp.MeasureAsync(server, NextPort, options, report, cancellationToken);
        }, cancellationToken);
        await FigureAsync("sockets", () => IdleSockets.MeasureAsync(options.Servers.Select(Start), options, report, cancellationToken), cancellationToken);
        await FigureAsync("durable", async () =>
        {
            await using var server = await ParleyServer.StartAsync(NextPort(), cancellationToken);
            await Durable.MeasureAsync(server, options, report, cancellationToken);
        }, cancellationToken);
        await FigureAsync("fanout", async () =>
        {
            List<RoomServer> servers = [];
            try
            {
                foreach (var name in options.Servers)
                    servers.Add(await Start(name)(cancellationToken));
                await FanOut.MeasureAsync(servers, options, report, cancellationToken);
            }
            finally
            {
                foreach (var server in servers)
                    await server.DisposeAsync();
            }
        }, cancellationToken);
    }

    /// <summary>A port that nobody listens on: another server there would answer for ours.</summary>
    private int NextPort()
    {
        var taken = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(listener => listener.Port).ToHashSet();
        while (taken.Contains(_port))
            _port++;
        return _port++;
    }

    private Func<CancellationToken, Task<RoomServer>> Start(string name) => name switch
    {
        "parley" => async cancellationToken => await ParleyServer.StartAsync(NextPort(), cancellationToken),
        "kestrel" => async cancellationToken => await PeerServer.StartKestrelAsync(NextPort(), cancellationToken),
        "signalr" => async cancellationToken => await PeerServer.StartSignalRAsync(NextPort(), cancellationToken),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such server."),
    };

    private async Task FigureAsync(string name, Func<Task> measure, CancellationToken cancellationToken)
    {
        if (!options.Only.Contains(name) || cancellationToken.IsCancellationRequested)
            return;
        Console.WriteLine($"{name} …");
        try
        {
            await measure();
        }
        catch (Exception e) when (e is IOException or HttpRequestException or NpgsqlException)
        {
            report.Fail(name, e.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            report.Fail(name, "stopped");
        }
    }
}
