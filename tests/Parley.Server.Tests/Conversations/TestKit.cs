using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Timelines;
using Xunit;

namespace Parley.Server.Tests.Conversations;

/// <summary>A visitor with a session, and a client that sends its token.</summary>
internal sealed record Visitor(Guid SessionId, Guid ConversationId, Guid ContactId, string Token, HttpClient Http, bool Resumed);

/// <summary>What tests of conversations do again and again.</summary>
internal static class TestKit
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    extension(TestServer server)
    {
        /// <summary>Somebody of a tenant that nobody else has.</summary>
        public Task<SignedIn> SignInAloneAsync(Role role) => server.SignInAsync(role, Guid.CreateVersion7());

        /// <summary>The key of the tenant's widget, with these settings.</summary>
        public async Task<string> WidgetKeyAsync(Guid tenantId, object? settings = null)
        {
            var admin = await server.SignInAsync(Role.Admin, tenantId);
            var answer = await admin.Http.PatchAsJsonAsync("/api/v1/widget/settings", settings ?? new { });
            return (await answer.JsonAsync()).Text("widget_key");
        }

        public async Task<Visitor> VisitAsync(Guid tenantId, object? visitor = null, string? token = null)
        {
            var key = await server.WidgetKeyAsync(tenantId);
            var answer = await server.CreateClient().PostAsJsonAsync("/api/v1/widget/sessions", new { widget_key = key, visitor, token });
            return server.VisitorOf(await answer.JsonAsync());
        }

        public Visitor VisitorOf(JsonElement session)
        {
            var http = server.CreateClient();
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", session.Text("token"));
            return new Visitor(
                session.GetProperty("session_id").GetGuid(), session.GetProperty("conversation_id").GetGuid(), session.GetProperty("contact").GetProperty("id").GetGuid(),
                session.Text("token"), http, session.GetProperty("resumed").GetBoolean());
        }

        /// <summary>Completes with the first entry from now on that is <paramref name="wanted"/>.</summary>
        public async Task<Entry> NextEntryAsync(Func<Entry, bool> wanted, Func<Task> cause)
        {
            var timeline = server.Services.GetRequiredService<Timeline>();
            var found = new TaskCompletionSource<Entry>(TaskCreationOptions.RunContinuationsAsynchronously);
            void Look(EntryAppended appended)
            {
                if (wanted(appended.Entry))
                    found.TrySetResult(appended.Entry);
            }
            timeline.Appended += Look;
            try
            {
                await cause();
                return await found.Task.WaitAsync(_patience);
            }
            finally
            {
                timeline.Appended -= Look;
            }
        }

        public Task<Listener> ListenAsync(string path, string token) => Listener.OpenAsync(server.Address, path, token);
    }

    extension(HttpClient http)
    {
        public async Task<JsonElement> GetJsonAsync(string path) => await (await http.GetAsync(new Uri(path, UriKind.Relative))).JsonAsync();

        public Task<HttpResponseMessage> SayAsync(Guid conversationId, string body, string? clientId = null, bool isPrivate = false) =>
            http.PostAsJsonAsync($"/api/v1/conversations/{conversationId}/messages", new { body, client_id = clientId, @private = isPrivate, reply = false });

        public Task<HttpResponseMessage> HandOffAsync(Guid conversationId, string to, long? expectedEpoch = null) =>
            http.PostAsJsonAsync($"/api/v1/conversations/{conversationId}/handoff", new { to, expected_epoch = expectedEpoch });

        /// <summary>A new conversation of the caller's.</summary>
        public async Task<Guid> BeginAsync(object? request = null)
        {
            var answer = await http.PostAsJsonAsync("/api/v1/conversations", request ?? new { });
            return (await answer.JsonAsync()).GetProperty("id").GetGuid();
        }
    }

    extension(HttpResponseMessage answer)
    {
        /// <summary>The body of an answer that must have succeeded.</summary>
        public async Task<JsonElement> JsonAsync()
        {
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode}: {text}");
            return JsonElement.Parse(text);
        }

        /// <summary>The problem of an answer that must have this status.</summary>
        public async Task<JsonElement> ProblemAsync(System.Net.HttpStatusCode status)
        {
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.StatusCode == status, $"{(int)answer.StatusCode}: {text}");
            return JsonElement.Parse(text);
        }
    }

    extension(JsonElement json)
    {
        public string Text(string name) => json.GetProperty(name).GetString()!;

        /// <summary>Whether an entry tells of this.</summary>
        public bool IsEvent(string name) => json.GetProperty("metadata").TryGetProperty("event", out var told) && told.GetString() == name;

        public JsonElement[] Items => [.. json.GetProperty("items").EnumerateArray()];
    }

    extension(Entry entry)
    {
        public bool IsEvent(string name) => entry.Metadata is { } data && data.TryGetProperty("event", out var told) && told.GetString() == name;
    }

    /// <summary>Asks until it is so; fails when it does not become so.</summary>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> isSo)
    {
        using var patience = new CancellationTokenSource(_patience);
        while (true)
        {
            var answer = await ask();
            if (isSo(answer))
                return answer;
            Assert.False(patience.IsCancellationRequested, $"It did not become so; the last answer was {answer}.");
            await Task.Delay(20, CancellationToken.None);
        }
    }
}

/// <summary>A WebSocket that keeps what it hears.</summary>
internal sealed class Listener : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);
    private readonly ClientWebSocket _socket = new();
    private readonly Channel<JsonElement> _frames = Channel.CreateUnbounded<JsonElement>();
    private Task _reading = Task.CompletedTask;

    public WebSocketCloseStatus? CloseStatus => _socket.CloseStatus;

    public static async Task<Listener> OpenAsync(Uri address, string path, string token)
    {
        var listener = new Listener();
        listener._socket.Options.AddSubProtocol("parley.v1");
        listener._socket.Options.AddSubProtocol($"bearer.{token}");
        await listener._socket.ConnectAsync(new Uri($"ws://{address.Authority}{path}"), CancellationToken.None);
        listener._reading = listener.ReadAsync();
        return listener;
    }

    /// <summary>The next frame of this type for which <paramref name="wanted"/> holds; others are passed over.</summary>
    public async Task<JsonElement> NextAsync(string type, Func<JsonElement, bool>? wanted = null)
    {
        using var patience = new CancellationTokenSource(_patience);
        await foreach (var frame in _frames.Reader.ReadAllAsync(patience.Token))
        {
            if (frame.Text("type") == type && wanted?.Invoke(frame) is not false)
                return frame;
        }
        throw new InvalidOperationException($"The socket was closed ({_socket.CloseStatus}) before a frame {type} came.");
    }

    /// <summary>All frames up to the first message with this body.</summary>
    public async Task<List<JsonElement>> UntilMessageAsync(string body)
    {
        using var patience = new CancellationTokenSource(_patience);
        var frames = new List<JsonElement>();
        await foreach (var frame in _frames.Reader.ReadAllAsync(patience.Token))
        {
            frames.Add(frame);
            if (frame.Text("type") is "message" && frame.GetProperty("message").Text("body") == body)
                return frames;
        }
        throw new InvalidOperationException($"The socket was closed ({_socket.CloseStatus}) before the message came.");
    }

    /// <summary>What has come until the socket was closed.</summary>
    public async Task<List<JsonElement>> UntilClosedAsync()
    {
        await _reading.WaitAsync(_patience);
        var frames = new List<JsonElement>();
        while (_frames.Reader.TryRead(out var frame))
            frames.Add(frame);
        return frames;
    }

    public Task SendAsync(object frame) =>
        _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(frame), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        _socket.Abort();
        await _reading;
        _socket.Dispose();
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[128 * 1024];
        try
        {
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                    length += part.Count;
                }
                while (!part.EndOfMessage);
                if (part.MessageType is WebSocketMessageType.Close)
                    return;
                _frames.Writer.TryWrite(JsonElement.Parse(buffer.AsSpan(0, length)));
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // the test has left, or the server has
        }
        finally
        {
            _frames.Writer.TryComplete();
        }
    }
}
