using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Parley.Server.Accounts;
using Parley.Server.Conversations;
using Parley.Server.Conversations.Timelines;

namespace Parley.Server.Tests.Assistants;

/// <summary>The server with the real clock, which may ask models on loopback.</summary>
public sealed class AssistantServer : TestServer
{
    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.UseSetting("ALLOW_PRIVATE_TARGETS", "true");
        builder.ConfigureTestServices(services => services.Replace(ServiceDescriptor.Singleton(TimeProvider.System)));
    }

    /// <summary>An administrator of a tenant of its own, so that its providers are its own.</summary>
    internal async Task<Desk> OpenDeskAsync() => new(this, await SignInAsync(Role.Admin, Guid.CreateVersion7()));
}

/// <summary>A tenant with its administrator, and the ways to have conversations in it.</summary>
internal sealed class Desk(AssistantServer server, SignedIn admin)
{
    public AssistantServer Server => server;

    public SignedIn Admin => admin;

    public HttpClient Http => admin.Http;

    public Timeline Timeline => server.Services.GetRequiredService<Timeline>();

    /// <summary>Sets up a provider of any type; all routes that nobody set lead to it.</summary>
    public async Task<Guid> AddProviderAsync(object provider)
    {
        var response = await Http.PostAsJsonAsync("/api/v1/ai/providers", provider);
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        return response.IsSuccessStatusCode ? body.GetProperty("id").GetGuid() : throw new InvalidOperationException(body.GetRawText());
    }

    public Task<Guid> AddProviderAsync(string name, FakeModelServer model, object? settings = null) =>
        AddProviderAsync(new { name, type = "openai_compatible", base_url = model.BaseUrl, api_key = "sk-test", models = new[] { $"{name}-model" }, settings });

    /// <summary>A conversation with a visitor, in the assistant's hands.</summary>
    public async Task<Guid> BeginSupportAsync()
    {
        var (conversation, contact) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await using var insert = server.Database.DataSource.CreateBatch();
        insert.BatchCommands.Add(new("insert into contacts (tenant_id, id, name, created_at, updated_at) values ($1, $2, 'Vera', now(), now())")
        {
            Parameters = { new() { Value = admin.TenantId }, new() { Value = contact } },
        });
        insert.BatchCommands.Add(new(
            """
            insert into conversations (tenant_id, id, kind, handler, contact_id, last_activity_at, created_at, updated_at)
            values ($1, $2, 'support', 'ai', $3, now(), now(), now())
            """)
        {
            Parameters = { new() { Value = admin.TenantId }, new() { Value = conversation }, new() { Value = contact } },
        });
        await insert.ExecuteNonQueryAsync();
        return conversation;
    }

    /// <summary>The visitor writes.</summary>
    public async Task<long> AskAsync(Guid conversation, string body)
    {
        var result = await Timeline.AppendAsync(
            new Draft
            {
                TenantId = admin.TenantId,
                ConversationId = conversation,
                Sender = new Sender(SenderType.Visitor, Guid.CreateVersion7(), "Vera"),
                Body = body,
                WantsReply = true,
            },
            CancellationToken.None);
        return result.Seq;
    }

    /// <summary>An agent takes over, or gives back.</summary>
    public async Task HandOffAsync(Guid conversation, Handler to)
    {
        var result = await Timeline.AppendAsync(
            new Draft
            {
                TenantId = admin.TenantId,
                ConversationId = conversation,
                Kind = EntryKind.Event,
                Sender = new Sender(SenderType.Agent, admin.UserId, admin.Name),
                Metadata = JsonElement.Parse("""{"event":"handoff"}"""),
                Change = new ConversationChange { Handler = to, AssigneeId = to is Handler.Agent ? admin.UserId : Guid.Empty },
            },
            CancellationToken.None);
        if (!result.IsStored)
            throw new InvalidOperationException(result.Outcome.ToString());
    }

    public Task<List<Entry>> TimelineOfAsync(Guid conversation) =>
        server.Services.GetRequiredService<EntryLog>().ReadAfterAsync(conversation, 0, EntryView.Full, limit: 200, CancellationToken.None);

    /// <summary>The timeline once <paramref name="isThere"/> holds of it.</summary>
    public async Task<List<Entry>> TimelineOfAsync(Guid conversation, Func<List<Entry>, bool> isThere)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            var entries = await TimelineOfAsync(conversation);
            if (isThere(entries))
                return entries;
            if (limit.IsCancellationRequested)
                throw new TimeoutException($"It did not come about; there is: {string.Join(" | ", entries.Select(e => $"{e.Seq} {e.Sender.Type} {e.Body} {e.Metadata}"))}");
            await Task.Delay(20, CancellationToken.None);
        }
    }

    public async Task<JsonElement> ReplyAsync(Guid id) => await Http.GetFromJsonAsync<JsonElement>($"/api/v1/replies/{id}");

    /// <summary>The reply once it has ended.</summary>
    public async Task<JsonElement> EndedReplyAsync(Guid id)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            var reply = await ReplyAsync(id);
            if (reply.GetProperty("status").GetString() is not "running")
                return reply;
            if (limit.IsCancellationRequested)
                throw new TimeoutException(reply.GetRawText());
            await Task.Delay(20, CancellationToken.None);
        }
    }

    public Task<ChatSocketClient> OpenSocketAsync(Guid conversation) => ChatSocketClient.OpenAsync(server.Address, conversation, admin.Token);
}

/// <summary>A client of <c>/ws/chat</c> that keeps all it gets.</summary>
internal sealed class ChatSocketClient : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly ConcurrentQueue<JsonElement> _frames = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _news = new(0);
    private Task _reading = Task.CompletedTask;

    public IReadOnlyList<JsonElement> Frames => [.. _frames];

    public static async Task<ChatSocketClient> OpenAsync(Uri address, Guid conversation, string token)
    {
        var client = new ChatSocketClient();
        client._socket.Options.AddSubProtocol("parley.v1");
        client._socket.Options.AddSubProtocol($"bearer.{token}");
        await client._socket.ConnectAsync(new Uri($"ws://{address.Authority}/ws/chat/{conversation}"), CancellationToken.None);
        client._reading = client.ReadAsync();
        await client.FrameAsync("ready");
        return client;
    }

    /// <summary>The first frame of this type that <paramref name="isIt"/> accepts, now or later.</summary>
    public async Task<JsonElement> FrameAsync(string type, Func<JsonElement, bool>? isIt = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            foreach (var frame in _frames)
            {
                if (frame.GetProperty("type").GetString() == type && isIt?.Invoke(frame) is not false)
                    return frame;
            }
            try
            {
                await _news.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"No {type} came; there is: {string.Join('\n', _frames)}");
            }
        }
    }

    public Task SendAsync(string json) => _socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reading;
        _socket.Dispose();
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[256 * 1024];
        try
        {
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket.ReceiveAsync(buffer.AsMemory(length), _stop.Token);
                    length += part.Count;
                }
                while (!part.EndOfMessage);
                if (part.MessageType is WebSocketMessageType.Close)
                    return;
                _frames.Enqueue(JsonElement.Parse(buffer.AsSpan(0, length)));
                _news.Release();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
        }
    }
}
