using System.Collections.Concurrent;
using System.Text.Json;
using System.Threading.Channels;
using Npgsql;
using Parley.Server.Conversations.Desk;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;

namespace Parley.Server.Conversations.Live;

/// <summary>
/// Tells with `conversation` frames that a conversation is not as it was: to those who have it open, and to everybody's `/ws/events` who may see
/// it. What changes in a burst is read once, for all in one query.
/// </summary>
internal sealed partial class ConversationFeed : BackgroundService
{
    /// <summary>Visitors further behind are told their place when it comes to matter.</summary>
    private const int PositionsTold = 50;
    private static readonly TimeSpan _burst = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan _afterFailure = TimeSpan.FromSeconds(1);

    private readonly NpgsqlDataSource _database;
    private readonly ConversationViews _views;
    private readonly Timeline _timeline;
    private readonly Topics _topics;
    private readonly EventFeed _events;
    private readonly ILogger<ConversationFeed> _logger;
    private readonly ConcurrentDictionary<Guid, bool> _changed = new();
    private readonly ConcurrentDictionary<Guid, bool> _changedQueues = new();
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>The places that visitors were told last, by tenant. The loop's alone.</summary>
    private readonly Dictionary<Guid, Dictionary<Guid, int>> _positions = [];

    public ConversationFeed(NpgsqlDataSource database, ConversationViews views, Timeline timeline, Topics topics, EventFeed events, ILogger<ConversationFeed> logger)
    {
        (_database, _views, _timeline, _topics, _events, _logger) = (database, views, timeline, topics, events, logger);
        timeline.Appended += OnAppended;
    }

    /// <summary>A conversation has changed in a way that its timeline does not tell; never waits.</summary>
    public void Changed(Guid conversationId)
    {
        _changed[conversationId] = true;
        _signal.Writer.TryWrite(true);
    }

    public override void Dispose()
    {
        _timeline.Appended -= OnAppended;
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await _signal.Reader.WaitToReadAsync(stoppingToken))
            {
                await Task.Delay(_burst, stoppingToken);
                while (_signal.Reader.TryRead(out _))
                {
                    // one look is enough for all who called
                }
                await TellAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // stopping: who reconnects reads everything anew
        }
    }

    private void OnAppended(EntryAppended appended)
    {
        if (appended.Change is not { } change)
            return;
        if (appended.Kind is ConversationKind.Support && (change.Handler ?? (object?)change.Status ?? change.Priority) is not null)
            _changedQueues[appended.TenantId] = true;
        Changed(appended.Entry.ConversationId);
    }

    private async Task TellAsync(CancellationToken cancellationToken)
    {
        var queues = Take(_changedQueues);
        var ids = Take(_changed);
        try
        {
            foreach (var tenantId in queues)
                ids.UnionWith(await MovedInQueueAsync(tenantId, cancellationToken));
            await PublishAsync(ids, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(e);
            foreach (var id in ids)
                _changed[id] = true;
            foreach (var tenantId in queues)
                _changedQueues[tenantId] = true;
            await Task.Delay(_afterFailure, cancellationToken);
            _signal.Writer.TryWrite(true);
        }
    }

    private async Task PublishAsync(HashSet<Guid> ids, CancellationToken cancellationToken)
    {
        if (ids.Count == 0)
            return;
        var views = await _views.ListAsync("where c.id = any($1)", [Ids(ids), new NpgsqlParameter<Guid> { TypedValue = Guid.Empty }], cancellationToken);
        var tenants = await ReadTenantsAsync(ids, cancellationToken);
        foreach (var view in views)
        {
            if (tenants.TryGetValue(view.Id, out var tenantId))
                await PublishAsync(tenantId, view with { Unread = null, MyReadSeq = null }, cancellationToken);
        }
    }

    private async Task PublishAsync(Guid tenantId, ConversationResponse view, CancellationToken cancellationToken)
    {
        var topic = new Topic(TopicKind.Conversation, view.Id);
        _topics.Publish(topic, Frame.Text(view, Write), Audience.Staff);
        if (view.Kind is ConversationKind.Support)
            _topics.Publish(topic, Frame.Text(view.ForVisitor(), Write), Audience.Visitors);
        if (_events.IsFollowed(tenantId))
            _events.Publish(tenantId, await _events.FollowersAsync(tenantId, view.Id, view.Kind, cancellationToken), view, WriteMembers);
    }

    private async Task<Dictionary<Guid, Guid>> ReadTenantsAsync(HashSet<Guid> ids, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand("select id, tenant_id from conversations where id = any($1)");
        command.Parameters.Add(Ids(ids));
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var tenants = new Dictionary<Guid, Guid>();
        while (await row.ReadAsync(cancellationToken))
            tenants[row.GetGuid(0)] = row.GetGuid(1);
        return tenants;
    }

    /// <summary>The conversations whose place in the tenant's queue is another than their visitors were told.</summary>
    private async Task<List<Guid>> MovedInQueueAsync(Guid tenantId, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand(
            $"""
            select c.id from conversations c
            where c.tenant_id = $1 and c.waiting_since is not null and c.deleted_at is null and c.handler = 'queue'
            order by {WaitingOrder.Of("c")} limit {PositionsTold}
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenantId });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var told = _positions.GetValueOrDefault(tenantId) ?? [];
        var positions = new Dictionary<Guid, int>();
        while (await row.ReadAsync(cancellationToken))
            positions.Add(row.GetGuid(0), positions.Count + 1);
        if (positions.Count == 0)
            _positions.Remove(tenantId);
        else
            _positions[tenantId] = positions;
        return [.. positions.Where(place => told.GetValueOrDefault(place.Key) != place.Value).Select(place => place.Key)];
    }

    private static HashSet<Guid> Take(ConcurrentDictionary<Guid, bool> marked)
    {
        var taken = new HashSet<Guid>();
        foreach (var (id, _) in marked)
        {
            if (marked.TryRemove(id, out _))
                taken.Add(id);
        }
        return taken;
    }

    private static NpgsqlParameter<Guid[]> Ids(HashSet<Guid> ids) => new() { TypedValue = [.. ids] };

    private static void Write(Utf8JsonWriter json, ConversationResponse view)
    {
        json.WriteStartObject();
        WriteMembers(json, view);
        json.WriteEndObject();
    }

    private static void WriteMembers(Utf8JsonWriter json, ConversationResponse view)
    {
        json.WriteString("type"u8, "conversation"u8);
        json.WritePropertyName("conversation"u8);
        JsonSerializer.Serialize(json, view, ConversationsJson.Default.ConversationResponse);
    }

    private static void Write(Utf8JsonWriter json, VisitorConversationResponse view)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "conversation"u8);
        json.WritePropertyName("conversation"u8);
        JsonSerializer.Serialize(json, view, ConversationsJson.Default.VisitorConversationResponse);
        json.WriteEndObject();
    }

    [LoggerMessage(LogLevel.Warning, "Telling of changed conversations failed; trying again")]
    private partial void LogFailed(Exception exception);
}
