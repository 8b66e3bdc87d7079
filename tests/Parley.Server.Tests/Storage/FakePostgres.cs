using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Parley.Server.Tests.Storage;

/// <summary>
/// A server at the far end that is not as it should be: it speaks PostgreSQL's protocol (version 3) as far as the greeting, then answers as the test
/// says. https://www.postgresql.org/docs/current/protocol-message-formats.html
/// </summary>
internal sealed class FakePostgres : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    /// <param name="greeting">What is sent when a client has said hello; see the static ones.</param>
    /// <param name="hangsUp">Whether it closes the connection then.</param>
    public FakePostgres(byte[] greeting, bool hangsUp = false)
    {
        _listener.Start();
        _serving = ServeAsync(greeting, hangsUp);
    }

    /// <summary>Reading types from it is left out: it has none.</summary>
    public string ConnectionString =>
        $"Host=127.0.0.1;Port={((IPEndPoint)_listener.LocalEndpoint).Port};Username=ada;Password=topsecret;Database=chat;SSL Mode=Disable;GSS Encryption Mode=Disable;Server Compatibility Mode=NoTypeLoading;Timeout=5;Pooling=false";

    /// <summary>Lets in, and says that it is of <paramref name="version"/>.</summary>
    public static byte[] Welcome(string version) =>
        [.. Message('R', [0, 0, 0, 0]), .. Message('S', Encoding.UTF8.GetBytes($"server_version\0{version}\0")), .. Message('Z', "I"u8)];

    /// <summary>Refuses with an error.</summary>
    public static byte[] Refusal(string sqlState, string text) =>
        Message('E', Encoding.UTF8.GetBytes($"SFATAL\0VFATAL\0C{sqlState}\0M{text}\0\0"));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving;
        _stop.Dispose();
    }

    private async Task ServeAsync(byte[] greeting, bool hangsUp)
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                var stream = client.GetStream();
                await stream.ReadAtLeastAsync(new byte[8192], 1, throwOnEndOfStream: false, _stop.Token);
                await stream.WriteAsync(greeting, _stop.Token);
                if (!hangsUp)
                    await stream.ReadAtLeastAsync(new byte[8192], 1, throwOnEndOfStream: false, _stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or IOException or ObjectDisposedException)
        {
            // the test is over
        }
    }

    private static byte[] Message(char type, ReadOnlySpan<byte> body)
    {
        var message = new byte[5 + body.Length];
        message[0] = (byte)type;
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), 4 + body.Length);
        body.CopyTo(message.AsSpan(5));
        return message;
    }
}
