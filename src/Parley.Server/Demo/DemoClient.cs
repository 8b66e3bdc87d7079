using System.Buffers;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Parley.Server.Demo;

/// <summary>A client of our own API, as plain as one in another language would be.</summary>
internal sealed class DemoClient(Uri server) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = server, Timeout = TimeSpan.FromSeconds(30) };

    public void SignIn(string token) => _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);

    /// <summary>The answer; throws <see cref="HttpRequestException"/> with the problem's detail when there is another than success.</summary>
    public async Task<JsonNode> SendAsync(HttpMethod method, string path, JsonNode? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await _http.SendAsync(request, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw new HttpRequestException($"{method} {path}: {text}", inner: null, response.StatusCode);
        return text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!;
    }

    public Task<JsonNode> PostAsync(string path, JsonNode body, CancellationToken cancellationToken) => SendAsync(HttpMethod.Post, path, body, cancellationToken);

    public Task<JsonNode> GetAsync(string path, CancellationToken cancellationToken) => SendAsync(HttpMethod.Get, path, body: null, cancellationToken);

    /// <summary>Opens a conversation's socket with a token.</summary>
    public async Task<DemoSocket> ConnectAsync(string conversationId, string token, CancellationToken cancellationToken)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("parley.v1");
        socket.Options.AddSubProtocol($"bearer.{token}");
        var address = new UriBuilder(new Uri(server, $"/ws/chat/{conversationId}")) { Scheme = "ws" }.Uri;
        try
        {
            await socket.ConnectAsync(address, cancellationToken);
            return new DemoSocket(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>One visitor's socket.</summary>
internal sealed class DemoSocket(ClientWebSocket socket) : IDisposable
{
    private readonly ArrayBufferWriter<byte> _message = new(8 * 1024);

    public Task SendAsync(JsonNode frame, CancellationToken cancellationToken) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(frame.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);

    /// <summary>The next frame; null when the server has closed.</summary>
    public async Task<JsonNode?> ReceiveAsync(CancellationToken cancellationToken)
    {
        _message.ResetWrittenCount();
        while (true)
        {
            var received = await socket.ReceiveAsync(_message.GetMemory(4 * 1024), cancellationToken);
            if (received.MessageType is WebSocketMessageType.Close)
                return null;
            _message.Advance(received.Count);
            if (received.EndOfMessage)
                return JsonNode.Parse(_message.WrittenSpan);
        }
    }

    public void Dispose() => socket.Dispose();
}
