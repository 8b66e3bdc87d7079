using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Parley.Server.Tests.Assistants;

/// <summary>A model provider on loopback, by hand down to the bytes: it answers as the script says, also what no proper server would.</summary>
internal sealed class FakeModelServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<FakeExchange, Task> _answer;
    private readonly ConcurrentBag<Task> _exchanges = [];
    private readonly Task _accepting;

    public FakeModelServer(Func<FakeExchange, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        BaseUrl = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/v1");
        _accepting = AcceptAsync();
    }

    public Uri BaseUrl { get; }

    public ConcurrentQueue<FakeExchange> Requests { get; } = [];

    /// <summary>Answers every request with these events, as chat completions have them.</summary>
    public static FakeModelServer Saying(params string[] events) => new(async exchange =>
    {
        await exchange.BeginAsync();
        foreach (var data in events)
            await exchange.EventAsync(data);
    });

    /// <summary>Answers every request with these words, one event each, and ends properly.</summary>
    public static FakeModelServer Speaking(params string[] words) => new(exchange => exchange.SpeakAsync(words));

    private async Task AcceptAsync()
    {
        try
        {
            while (!_stop.IsCancellationRequested)
                _exchanges.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            _listener.Stop();
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        client.NoDelay = true;
        try
        {
            var exchange = await FakeExchange.ReadAsync(client, _stop.Token);
            Requests.Enqueue(exchange);
            await _answer(exchange);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The client left, or the test is over.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        await Task.WhenAll(_exchanges);
    }
}

/// <summary>One request, and the way to answer it.</summary>
internal sealed class FakeExchange
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;

    private FakeExchange(TcpClient client, string head, string body, CancellationToken stopped) =>
        (_client, _stream, Head, Body, Stopped) = (client, client.GetStream(), head, body, stopped);

    /// <summary>Request line and headers.</summary>
    public string Head { get; }

    public string Body { get; }

    public JsonElement Json => JsonElement.Parse(Body);

    /// <summary>The test is over.</summary>
    public CancellationToken Stopped { get; }

    public static async Task<FakeExchange> ReadAsync(TcpClient client, CancellationToken cancellationToken)
    {
        var stream = client.GetStream();
        var bytes = new List<byte>();
        var buffer = new byte[4096];
        var text = "";
        var end = -1;
        while (end < 0)
        {
            var read = await stream.ReadAsync(buffer, cancellationToken);
            if (read == 0)
                throw new IOException("The client left before it had asked.");
            bytes.AddRange(buffer.AsSpan(0, read));
            text = Encoding.Latin1.GetString([.. bytes]);
            end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        }
        var head = text[..end];
        var length = head.Split("\r\n").Where(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)).Select(line => int.Parse(line[15..], null)).FirstOrDefault();
        while (bytes.Count < end + 4 + length)
        {
            var read = await stream.ReadAsync(buffer, cancellationToken);
            bytes.AddRange(buffer.AsSpan(0, read));
        }
        return new FakeExchange(client, head, Encoding.UTF8.GetString([.. bytes], end + 4, length), cancellationToken);
    }

    /// <summary>The answer's head; its body ends with the connection unless it is chunked.</summary>
    public Task BeginAsync(string status = "200 OK", string? contentType = "text/event-stream", string more = "") =>
        RawAsync($"HTTP/1.1 {status}\r\n{(contentType is null ? "" : $"Content-Type: {contentType}\r\n")}{more}Connection: close\r\n\r\n");

    public Task EventAsync(string data) => RawAsync($"data: {data}\n\n");

    public Task WordAsync(string word) => EventAsync($$$"""{"choices":[{"index":0,"delta":{"content":{{{JsonSerializer.Serialize(word)}}}}}]}""");

    public async Task SpeakAsync(params string[] words)
    {
        await BeginAsync();
        foreach (var word in words)
            await WordAsync(word);
        await EndAsync();
    }

    public async Task EndAsync()
    {
        await EventAsync("""{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}""");
        await EventAsync("""{"choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29}}""");
        await EventAsync("[DONE]");
    }

    public async Task RawAsync(string text) => await RawAsync(Encoding.UTF8.GetBytes(text));

    public async Task RawAsync(ReadOnlyMemory<byte> bytes)
    {
        await _stream.WriteAsync(bytes, Stopped);
        await _stream.FlushAsync(Stopped);
    }

    /// <summary>Breaks the connection off so that the other side hears of it as an error.</summary>
    public void Reset()
    {
        _client.LingerState = new LingerOption(true, 0);
        _client.Client.Close();
    }

    /// <summary>Completes when the client has left; meanwhile nothing is said.</summary>
    public async Task UntilClientLeavesAsync()
    {
        try
        {
            while (await _stream.ReadAsync(new byte[16], Stopped) > 0)
            {
            }
        }
        catch (IOException)
        {
        }
    }
}
