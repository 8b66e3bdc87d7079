using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;
using Parley.Server.Operations;
using Parley.Server.Realtime.Wire;

namespace Parley.Server.Realtime;

/// <summary>The WebSockets of this process: the handshake, the list of those that are open, their heartbeat and their end.</summary>
internal sealed partial class Sockets : IHostedLifecycleService
{
    /// <summary>The sub-protocol that is spoken; a browser offers it beside <c>bearer.&lt;token&gt;</c>.</summary>
    public const string Protocol = "parley.v1";

    private readonly ILogger<Sockets> _logger;
    private readonly Lock _gate = new();
    private Connection?[] _open = new Connection?[64];
    private Connection?[] _swept = [];
    private int _count;
    private bool _isStopping;
    private TaskCompletionSource? _empty;

    public Sockets(IOptions<RealtimeOptions> options, Heartbeat clock, RealtimeMetrics metrics, ILogger<Sockets> logger)
    {
        (Options, Clock, Metrics, _logger) = (options.Value, clock, metrics, logger);
        clock.Beats += Beat;
    }

    public int Count => Volatile.Read(ref _count);

    internal RealtimeOptions Options { get; }

    internal Heartbeat Clock { get; }

    internal RealtimeMetrics Metrics { get; }

    /// <summary>
    /// Shakes hands and runs the socket to its end. What is no WebSocket request is answered with a problem. The endpoint must hold nothing scoped meanwhile
    /// (no database context): it would live as long as the socket.
    /// </summary>
    public async Task AcceptAsync(HttpContext context, ISocketHandler handler)
    {
        if (await OpenAsync(context) is not { } stream)
            return;
        ForgetCredentials(context.Request.Headers);
        await RunAsync(new Connection(this, stream, context.Abort, handler));
    }

    /// <summary>
    /// Refuses a socket. Browsers show a page's script no HTTP status, so the handshake is made and the socket closed with <paramref name="code"/>.
    /// </summary>
    public Task RejectAsync(HttpContext context, CloseCode code, string reason) => AcceptAsync(context, new Refusal(code, reason));

    /// <summary>Runs a connection over any transport to its end.</summary>
    internal async Task RunAsync(Connection connection)
    {
        Metrics.Opened();
        if (!TryAdd(connection))
            connection.Close(CloseCode.Restarting, "restarting");
        await connection.RunAsync();
        Metrics.Closed(connection.CloseCode);
        Remove(connection);
    }

    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Before anything else stops: every socket gets its 1012 while the rest of the server still works, then Kestrel has nothing left to wait for.</summary>
    async Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken)
    {
        Task empty;
        lock (_gate)
        {
            _isStopping = true;
            _empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_count == 0)
                _empty.SetResult();
            empty = _empty.Task;
        }
        foreach (var connection in Snapshot())
            connection?.Close(CloseCode.Restarting, "restarting");
        try
        {
            await empty.WaitAsync(TimeSpan.FromSeconds(Options.StopSeconds), cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            foreach (var connection in Snapshot())
                connection?.Abort();
        }
    }

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>RFC 6455 §4.2.2.</summary>
    internal static string AcceptKey(string key)
    {
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
#pragma warning disable CA5350 // the protocol's choice, and no secret
        SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), hash);
#pragma warning restore CA5350
        return Convert.ToBase64String(hash);
    }

    /// <summary>The open socket as a stream, or null after the answer that says what was wrong.</summary>
    private static async Task<Stream?> OpenAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = null; // an idle socket is not a slow download
        var headers = context.Request.Headers;
        var isExtendedConnect = context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: "websocket" };
        var upgrade = context.Features.Get<IHttpUpgradeFeature>();
        if (!isExtendedConnect && !(upgrade is { IsUpgradableRequest: true } && IsWebSocket(headers)))
        {
            await ProblemAsync(context, StatusCodes.Status426UpgradeRequired, "websocket_required", "This address speaks WebSocket only.");
            return null;
        }
        if (headers.SecWebSocketVersion != "13")
        {
            headers = context.Response.Headers;
            headers.SecWebSocketVersion = "13";
            await ProblemAsync(context, StatusCodes.Status426UpgradeRequired, "websocket_version", "WebSocket version 13 is spoken here.");
            return null;
        }
        var key = headers.SecWebSocketKey.ToString();
        if (!isExtendedConnect && !(Base64.IsValid(key, out var length) && length == 16))
        {
            await ProblemAsync(context, StatusCodes.Status400BadRequest, "websocket_key", "Sec-WebSocket-Key must be 16 bytes in base64.");
            return null;
        }
        if (headers.GetCommaSeparatedValues("Sec-WebSocket-Protocol").Contains(Protocol, StringComparer.Ordinal))
            context.Response.Headers.SecWebSocketProtocol = Protocol;
        if (isExtendedConnect)
            return await context.Features.GetRequiredFeature<IHttpExtendedConnectFeature>().AcceptAsync(); // RFC 8441
        context.Response.Headers.Upgrade = "websocket";
        context.Response.Headers.SecWebSocketAccept = AcceptKey(key);
        var stream = await upgrade!.UpgradeAsync();
        var isEncrypted = context.Features.Get<ITlsHandshakeFeature>() is not null;
        return !isEncrypted && context.Features.Get<IConnectionSocketFeature>() is { Socket: var socket } ? new SocketStream(stream, socket) : stream;
    }

    /// <summary>What let the socket in is not kept for the hours that it is open: a kilobyte each, and a secret.</summary>
    private static void ForgetCredentials(IHeaderDictionary headers)
    {
        headers.Authorization = default;
        headers.SecWebSocketProtocol = default;
        headers.Cookie = default;
    }

    private static bool IsWebSocket(IHeaderDictionary headers) =>
        headers.GetCommaSeparatedValues("Upgrade").Contains("websocket", StringComparer.OrdinalIgnoreCase);

    private static Task ProblemAsync(HttpContext context, int status, string code, string detail) =>
        Problems.Of(status, code, detail).ExecuteAsync(context);

    private bool TryAdd(Connection connection)
    {
        lock (_gate)
        {
            if (_count == _open.Length)
                Array.Resize(ref _open, _count * 2);
            connection.Slot = _count;
            _open[_count++] = connection;
            return !_isStopping;
        }
    }

    private void Remove(Connection connection)
    {
        lock (_gate)
        {
            var last = _open[--_count]!;
            _open[_count] = null;
            if (last != connection)
            {
                _open[connection.Slot] = last;
                last.Slot = connection.Slot;
            }
            if (_count == 0)
                _empty?.TrySetResult();
        }
    }

    private Connection?[] Snapshot()
    {
        lock (_gate)
            return _open.AsSpan(0, _count).ToArray();
    }

    /// <summary>Once a second, on the heartbeat's thread, over a copy in an array that is kept: nobody waits for the sweep to come or go.</summary>
    private void Beat()
    {
        int count;
        lock (_gate)
        {
            count = _count;
            if (_swept.Length < count)
                _swept = new Connection?[_open.Length];
            Array.Copy(_open, _swept, count);
        }
        var now = Clock.Seconds;
        foreach (var connection in _swept.AsSpan(0, count))
            connection!.Beat(now);
        Array.Clear(_swept, 0, count);
    }

    [LoggerMessage(LogLevel.Error, "A socket's handler or transport failed")]
    internal partial void LogFailed(Exception exception);

    /// <summary>Closes as soon as it is open.</summary>
    private sealed class Refusal(CloseCode code, string reason) : ISocketHandler
    {
        public ValueTask OpenedAsync(Connection connection)
        {
            connection.Close(code, reason);
            return ValueTask.CompletedTask;
        }

        public ValueTask ReceivedAsync(ReadOnlyMemory<byte> message) => ValueTask.CompletedTask;

        public void Closed(CloseCode code)
        {
        }
    }
}
