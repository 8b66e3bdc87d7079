using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Xunit;

namespace Parley.Server.Tests.Realtime;

/// <summary>Sockets over Kestrel and a real network, with a foreign client where one can be had.</summary>
public sealed class SocketTests : IAsyncLifetime
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private readonly CancellationTokenSource _patience = new(_limit);
    private readonly X509Certificate2 _certificate = SelfSigned();
    private WebApplication _app = null!;
    private Topics _topics = null!;
    private HttpRequest _request = null!;
    private Func<ISocketHandler> _handler = static () => new TestHandler { Received = Echo };

    private CancellationToken Patience => _patience.Token;

    private int Port => new Uri(_app.Urls.First(url => url.StartsWith("http:", StringComparison.Ordinal))).Port;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(new TestClock());
        builder.AddRealtime();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(_certificate));
        });
        _app = builder.Build();
        var sockets = _app.Services.GetRequiredService<Sockets>();
        _topics = _app.Services.GetRequiredService<Topics>();
        _app.Map("/ws", context =>
        {
            _request = context.Request;
            return sockets.AcceptAsync(context, _handler());
        });
        _app.Map("/refused", context => sockets.RejectAsync(context, CloseCode.Unauthenticated, "unauthenticated"));
        await _app.StartAsync(Patience);
    }

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        _certificate.Dispose();
        _patience.Dispose();
    }

    [Theory]
    [InlineData("http", "1.1")]
    [InlineData("https", "1.1")]
    [InlineData("https", "2.0")]
    public async Task A_foreign_client_is_understood_on_every_transport(string scheme, string version)
    {
        using var socket = await ConnectAsync(scheme, version);

        foreach (var text in (string[])["", "你好 😀", new string('x', 126), new string('y', 64 * 1024)])
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, Patience);
            Assert.Equal(text, await ReceiveAsync(socket));
        }
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", Patience);

        Assert.Equal(Sockets.Protocol, socket.SubProtocol);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
    }

    [Fact]
    public void The_accept_key_is_that_of_the_RFC() =>
        Assert.Equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Sockets.AcceptKey("dGhlIHNhbXBsZSBub25jZQ==")); // RFC 6455 §1.3

    [Theory]
    [InlineData("", 426, "websocket_required")]
    [InlineData("Connection: Upgrade\r\nUpgrade: h2c\r\n", 426, "websocket_required")]
    [InlineData("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426, "websocket_version")]
    [InlineData("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400, "websocket_key")]
    [InlineData("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: too short\r\n", 400, "websocket_key")]
    public async Task What_is_no_handshake_gets_a_problem(string headers, int status, string code)
    {
        using var client = await RawClient.ConnectAsync(Port);

        await client.SendAsync($"GET /ws HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        var (head, body) = await client.ReadResponseAsync();

        Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
        Assert.Equal(code, JsonDocument.Parse(body).RootElement.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_refused_socket_is_opened_and_closed_with_the_reason()
    {
        using var socket = await ConnectAsync("http", "1.1", "/refused");

        Assert.Equal("", await ReceiveAsync(socket));

        Assert.Equal((WebSocketCloseStatus)4001, socket.CloseStatus);
        Assert.Equal("unauthenticated", socket.CloseStatusDescription);
    }

    [Fact]
    public async Task What_let_a_socket_in_is_not_kept_with_it()
    {
        using var socket = await ConnectAsync("http", "1.1");
        await socket.SendAsync("echo"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, Patience);
        await ReceiveAsync(socket);

        Assert.DoesNotContain(_request.Headers, header => header.Value.ToString().Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Frames_that_come_with_the_handshake_are_not_lost()
    {
        using var client = await RawClient.ConnectAsync(Port);

        await client.SendAsync([.. RawClient.Handshake("/ws"), .. ClientFrames.Text("at once")]);
        await client.ReadHeadAsync();

        Assert.Equal("at once", await client.NextAsync());
    }

    [Fact]
    public async Task Bytes_that_come_one_by_one_are_put_together()
    {
        using var client = await RawClient.OpenAsync(Port, "/ws");

        foreach (var b in (byte[])[.. ClientFrames.Encode(Opcode.Text, "one "u8, isLast: false), .. ClientFrames.Encode(Opcode.Ping, "p"u8), .. ClientFrames.Encode(Opcode.Continuation, "by one"u8)])
            await client.SendAsync([b]);

        Assert.Equal("pong p", await client.NextAsync());
        Assert.Equal("one by one", await client.NextAsync());
    }

    [Theory]
    [InlineData(new byte[] { 0x81, 0x02, (byte)'{', (byte)'}' }, "close 1002")]         // not masked
    [InlineData(new byte[] { 0x82, 0x80, 1, 2, 3, 4 }, "close 1003")]                   // binary
    [InlineData(new byte[] { 0x81, 0x81, 0, 0, 0, 0, 0xff }, "close 1007")]             // not UTF-8
    public async Task Bytes_that_are_not_spoken_here_close_the_socket_with_their_code(byte[] frame, string close)
    {
        using var client = await RawClient.OpenAsync(Port, "/ws");

        await client.SendAsync(frame);

        Assert.StartsWith(close, await client.NextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_of_a_megabyte_gets_an_error_and_a_close()
    {
        using var socket = await ConnectAsync("http", "1.1");

        await socket.SendAsync(new byte[1024 * 1024], WebSocketMessageType.Text, endOfMessage: true, Patience);

        Assert.Contains("\"frame_too_large\"", await ReceiveAsync(socket), StringComparison.Ordinal);
        Assert.Equal("", await ReceiveAsync(socket));
        Assert.Equal(WebSocketCloseStatus.MessageTooBig, socket.CloseStatus);
    }

    [Fact]
    public async Task A_flood_of_ten_thousand_frames_closes_its_socket_and_no_other()
    {
        using var flooder = await RawClient.OpenAsync(Port, "/ws");
        using var other = await ConnectAsync("http", "1.1");

        var flood = flooder.SendAsync(Enumerable.Repeat(ClientFrames.Text("x"), 10_000).SelectMany(frame => frame).ToArray());
        await other.SendAsync("still here"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, Patience);

        Assert.Equal("still here", await ReceiveAsync(other));
        await flood;
        var echoed = 0;
        while (await flooder.NextAsync() is "x")
            echoed++;
        Assert.Equal(new RealtimeOptions().InboundBurst, echoed);
        Assert.StartsWith("close 4029", flooder.Last, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_stops_reading_is_closed_with_4008_and_the_others_get_everything()
    {
        const int Frames = 4_000;
        var topic = new Topic(TopicKind.Conversation, Guid.CreateVersion7());
        List<Connection> open = [];
        _handler = () => new TestHandler
        {
            Opened = connection =>
            {
                _topics.Subscribe(topic, connection, Audience.Everyone);
                connection.TrySend(Frame.Text("ready"u8));
                open.Add(connection);
                return ValueTask.CompletedTask;
            },
        };
        using var slow = await RawClient.OpenAsync(Port, "/ws", receiveBuffer: 4096);
        Assert.Equal("ready", await slow.NextAsync());
        using var quick = await RawClient.OpenAsync(Port, "/ws");
        Assert.Equal("ready", await quick.NextAsync());

        var padding = new string('x', 4000);
        for (var i = 0; i < Frames; i++)
        {
            _topics.Publish(topic, Frame.Text(Encoding.ASCII.GetBytes($"{i} {padding}")));
            Assert.Equal($"{i}", (await quick.NextAsync()).Split(' ')[0]);
        }

        Assert.False(open[0].IsOpen);
        Assert.True(open[1].IsOpen);
        var next = 0;
        while (!(await slow.NextAsync()).StartsWith("close", StringComparison.Ordinal))
            Assert.Equal($"{next++}", slow.Last.Split(' ')[0]); // what it did get has no hole
        Assert.StartsWith("close 4008", slow.Last, StringComparison.Ordinal);
        Assert.InRange(next, 1, Frames - 1);
    }

    [Fact]
    public async Task A_client_that_vanishes_ends_its_handler()
    {
        var handler = new TestHandler();
        _handler = () => handler;
        var client = await RawClient.OpenAsync(Port, "/ws");

        client.Reset();

        Assert.Equal(CloseCode.Aborted, await handler.Closing);
    }

    [Fact]
    public async Task The_servers_stop_closes_every_socket_with_1012_and_does_not_dawdle()
    {
        List<ClientWebSocket> clients = [];
        for (var i = 0; i < 20; i++)
            clients.Add(await ConnectAsync("http", "1.1"));

        var stopping = _app.StopAsync(Patience);
        foreach (var client in clients)
        {
            Assert.Equal("", await ReceiveAsync(client));
            Assert.Equal((WebSocketCloseStatus)1012, client.CloseStatus);
            await client.CloseOutputAsync((WebSocketCloseStatus)1012, "", Patience);
        }

        await stopping;
        clients.ForEach(client => client.Dispose());
    }

    private static ValueTask Echo(Connection connection, string text)
    {
        connection.TrySend(Frame.Text(Encoding.UTF8.GetBytes(text)));
        return ValueTask.CompletedTask;
    }

    private async Task<ClientWebSocket> ConnectAsync(string scheme, string version, string path = "/ws")
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol(Sockets.Protocol);
        socket.Options.AddSubProtocol("bearer.secret");
        socket.Options.HttpVersion = Version.Parse(version);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.GetCertHashString() == _certificate.GetCertHashString();
        using var invoker = new HttpMessageInvoker(handler, disposeHandler: false);
        var address = new Uri(_app.Urls.First(url => url.StartsWith($"{scheme}:", StringComparison.Ordinal)));
        await socket.ConnectAsync(new Uri($"{(scheme is "https" ? "wss" : "ws")}://127.0.0.1:{address.Port}{path}"), invoker, Patience);
        return socket;
    }

    /// <summary>The next message, or nothing when it is the close.</summary>
    private async Task<string> ReceiveAsync(ClientWebSocket socket)
    {
        var (buffer, length) = (new byte[128 * 1024], 0);
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(length), Patience);
            length += part.Count;
            if (part.EndOfMessage)
                return Encoding.UTF8.GetString(buffer, 0, length);
        }
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
    }
}
