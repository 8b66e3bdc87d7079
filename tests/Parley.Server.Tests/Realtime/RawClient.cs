using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Parley.Server.Tests.Realtime;

/// <summary>A client of bytes: sends what no library would, and reads only when it is told to.</summary>
internal sealed class RawClient : IDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);
    private readonly Socket _socket;
    private byte[] _received = [];

    private RawClient(Socket socket) => _socket = socket;

    /// <summary>The frame read last.</summary>
    public string Last { get; private set; } = "";

    public static async Task<RawClient> ConnectAsync(int port, int? receiveBuffer = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (receiveBuffer is { } size)
            socket.ReceiveBufferSize = size;
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return new RawClient(socket);
    }

    public static async Task<RawClient> OpenAsync(int port, string path, int? receiveBuffer = null)
    {
        var client = await ConnectAsync(port, receiveBuffer);
        await client.SendAsync(Handshake(path));
        var head = await client.ReadHeadAsync();
        return head.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal) ? client : throw new InvalidDataException(head);
    }

    public static byte[] Handshake(string path) => Encoding.ASCII.GetBytes(
        $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

    public Task SendAsync(string text) => SendAsync(Encoding.ASCII.GetBytes(text));

    public async Task SendAsync(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
            sent += await _socket.SendAsync(bytes.AsMemory(sent));
    }

    public async Task<string> ReadHeadAsync()
    {
        int end;
        while ((end = _received.AsSpan().IndexOf("\r\n\r\n"u8)) < 0)
            await ReceiveAsync();
        var head = Encoding.ASCII.GetString(_received, 0, end + 2);
        _received = _received[(end + 4)..];
        return head;
    }

    /// <summary>A response in chunks or of a known length, which is one piece here.</summary>
    public async Task<(string Head, string Body)> ReadResponseAsync()
    {
        var head = await ReadHeadAsync();
        while (_received.AsSpan().LastIndexOf((byte)'}') < 0)
            await ReceiveAsync();
        var body = Encoding.UTF8.GetString(_received);
        return (head, body[body.IndexOf('{')..(body.LastIndexOf('}') + 1)]);
    }

    /// <summary>The next frame, as <see cref="ServerFrames"/> tells it; <c>end</c> when the connection has ended.</summary>
    public async Task<string> NextAsync()
    {
        while (!TryTake())
        {
            if (!await ReceiveAsync())
                return Last = "end";
        }
        return Last;
    }

    /// <summary>Ends the connection as a crash does.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Dispose();
    }

    public void Dispose() => _socket.Dispose();

    private bool TryTake()
    {
        ReadOnlySpan<byte> rest = _received;
        if (!ServerFrames.TryRead(ref rest, out var frame))
            return false;
        _received = rest.ToArray();
        Last = frame;
        return true;
    }

    private async Task<bool> ReceiveAsync()
    {
        var buffer = new byte[64 * 1024];
        var received = await _socket.ReceiveAsync(buffer).WaitAsync(_limit);
        _received = [.. _received, .. buffer.AsSpan(0, received)];
        return received > 0;
    }
}
