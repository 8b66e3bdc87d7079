using System.Net.Http.Json;
using System.Text.Json;
using Parley.Load.Client;

namespace Parley.Load.Servers;

/// <summary>A server that can do the job that is compared: what a member sends is delivered to everybody in the room, the sender included.</summary>
internal abstract class RoomServer : IAsyncDisposable
{
    public abstract string Name { get; }
    public abstract ServerProcess Process { get; }

    /// <summary>True when each message is confirmed to its sender.</summary>
    public abstract bool Acknowledges { get; }

    /// <summary>CPU time of the database behind it so far; zero when it has none.</summary>
    public virtual TimeSpan DatabaseCpu => TimeSpan.Zero;

    /// <summary>Prepares rooms for <paramref name="connections"/> in blocks of <paramref name="roomSize"/>, and tells how to enter them.</summary>
    public abstract Task<Wire> PrepareAsync(int connections, int roomSize, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A small server on what ASP.NET Core has, from <c>bench/peers</c>.</summary>
internal sealed class PeerServer : RoomServer
{
    private readonly Wire _wire;

    private PeerServer(string name, ServerProcess process, Wire wire) => (Name, Process, _wire) = (name, process, wire);

    public override string Name { get; }
    public override ServerProcess Process { get; }
    public override bool Acknowledges => _wire is SignalRWire;

    public static async Task<PeerServer> StartKestrelAsync(int port, CancellationToken cancellationToken) =>
        new("Kestrel", await StartAsync("kestrel", port, cancellationToken), new KestrelWire());

    public static async Task<PeerServer> StartSignalRAsync(int port, CancellationToken cancellationToken)
    {
        var process = await StartAsync("signalr", port, cancellationToken);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        using var signedIn = await http.PostAsync("/login?name=load", content: null, cancellationToken);
        signedIn.EnsureSuccessStatusCode();
        var session = await signedIn.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        return new("SignalR", process, new SignalRWire(session.GetProperty("accessToken").GetString()!));
    }

    public override Task<Wire> PrepareAsync(int connections, int roomSize, CancellationToken cancellationToken) => Task.FromResult(_wire);

    public override ValueTask DisposeAsync() => Process.DisposeAsync();

    private static Task<ServerProcess> StartAsync(string mode, int port, CancellationToken cancellationToken) => ServerProcess.StartAsync(
        $"peer-{mode}", Repository.Program("bench/peers", "parley-peers"), [mode, $"{port}"], new Dictionary<string, string>(), port, cancellationToken);
}
