using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using System.Threading.Channels;
using Npgsql;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Live;

/// <summary>
/// What <c>/ws/events</c> sends: everything that concerns a tenant's people, numbered per tenant, with a short memory. A socket that comes back with its
/// cursor gets exactly what it missed, or a <c>reset</c> when that is not known any more (too long ago, or the server was restarted): then it fetches anew.
/// A tenant without sockets has no feed and costs nothing.
/// </summary>
internal sealed partial class EventFeed : BackgroundService
{
    private const int WaitingEntries = 10_000;
    private const int RememberedFollowers = 10_000;
    private static readonly TimeSpan _keepWithoutSockets = TimeSpan.FromMinutes(2);

    private readonly Topics _topics;
    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _time;
    private readonly ILogger<EventFeed> _logger;
    private readonly ConcurrentDictionary<Guid, TenantFeed> _feeds = new();
    private readonly ConcurrentDictionary<Guid, Topic[]> _followers = new();
    private readonly Channel<EntryAppended> _entries =
        Channel.CreateBounded<EntryAppended>(new BoundedChannelOptions(WaitingEntries) { SingleReader = true });

    public EventFeed(Topics topics, Timeline timeline, Presence presence, NpgsqlDataSource database, TimeProvider time, ILogger<EventFeed> logger)
    {
        (_topics, _database, _time, _logger) = (topics, database, time, logger);
        timeline.Appended += OnAppended;
        presence.Changed += change => Publish(change.TenantId, [new Topic(TopicKind.Tenant, change.TenantId)], change, static (json, change) =>
        {
            json.WriteString("type"u8, "presence"u8);
            json.WriteString("user_id"u8, change.UserId);
            json.WriteString("state"u8, change.State.Name());
        });
    }

    /// <summary>Whether anybody of the tenant listens: whether a frame is worth making.</summary>
    public bool IsFollowed(Guid tenantId) => _feeds.ContainsKey(tenantId);

    /// <summary>Sends one frame, made once, to all who follow one of <paramref name="topics"/>. Any thread; does not wait.</summary>
    /// <param name="writeMembers">Writes the members of the frame, <c>type</c> first; the cursor is added.</param>
    public void Publish<TState>(Guid tenantId, Topic[] topics, TState state, Action<Utf8JsonWriter, TState> writeMembers)
    {
        if (!_feeds.TryGetValue(tenantId, out var feed))
            return;
        feed.Publish(topics, state, writeMembers);
        if (feed.IsForgotten(_time))
            _feeds.TryRemove(KeyValuePair.Create(tenantId, feed));
    }

    /// <summary>The topics on which a conversation's people hear of it: the inbox, or its members each.</summary>
    public async ValueTask<Topic[]> FollowersAsync(Guid tenantId, Guid conversationId, ConversationKind kind, CancellationToken cancellationToken)
    {
        if (_followers.TryGetValue(conversationId, out var followers))
            return followers;
        if (kind is ConversationKind.Support)
        {
            followers = [new Topic(TopicKind.TenantAgents, tenantId)];
        }
        else
        {
            await using var command = _database.CreateCommand(
                """
                select created_by from conversations where id = $1 and created_by is not null and kind = 'assistant'
                union
                select user_id from conversation_members where conversation_id = $1
                """);
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = conversationId });
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            var people = new List<Topic>();
            while (await row.ReadAsync(cancellationToken))
                people.Add(new Topic(TopicKind.User, row.GetGuid(0)));
            followers = [.. people];
        }
        if (_followers.Count >= RememberedFollowers)
            _followers.Clear();
        return _followers[conversationId] = followers;
    }

    /// <summary>A conversation's members have changed.</summary>
    public void ForgetFollowers(Guid conversationId) => _followers.TryRemove(conversationId, out _);

    /// <summary>
    /// Subscribes a socket to its topics and sends it <c>ready {user, cursor}</c> and what it missed since <paramref name="cursor"/>, without a gap or a repeat between the two.
    /// </summary>
    internal IDisposable Attach(Guid tenantId, Connection connection, Topic[] topics, string? cursor, Sender you)
    {
        while (true)
        {
            var feed = _feeds.GetOrAdd(tenantId, static (_, feed) => new TenantFeed(feed._topics), this);
            if (feed.TryAttach(connection, topics, cursor, you, _time) is { } attachment)
                return attachment;
            _feeds.TryRemove(KeyValuePair.Create(tenantId, feed));   // given up in this moment
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var appended in _entries.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                var topics = await FollowersAsync(appended.TenantId, appended.Entry.ConversationId, appended.Kind, stoppingToken);
                Publish(appended.TenantId, topics, appended.Entry, static (json, entry) =>
                {
                    json.WriteString("type"u8, "message"u8);
                    json.WritePropertyName("message"u8);
                    EntryJson.Write(json, entry);
                });
            }
            catch (NpgsqlException e)
            {
                LogFollowersUnknown(e);
                Reset(appended.TenantId, "missed");
            }
        }
    }

    private void OnAppended(EntryAppended appended)
    {
        if (_feeds.ContainsKey(appended.TenantId) && !_entries.Writer.TryWrite(appended))
            Reset(appended.TenantId, "too_many");
    }

    /// <summary>Tells all of a tenant's sockets that they have missed something.</summary>
    private void Reset(Guid tenantId, string reason) =>
        Publish(tenantId, [new Topic(TopicKind.Tenant, tenantId)], reason, static (json, reason) =>
        {
            json.WriteString("type"u8, "reset"u8);
            json.WriteString("reason"u8, reason);
        });

    [LoggerMessage(LogLevel.Warning, "Who follows a conversation could not be read; the tenant's consoles fetch anew")]
    private partial void LogFollowersUnknown(Exception exception);

    /// <summary>One tenant's numbered frames. Everything happens under its own lock, so that numbers go out in order.</summary>
    private sealed class TenantFeed(Topics topics)
    {
        /// <summary>As many as a socket that comes back can take at once.</summary>
        private const int Remembered = 200;

        // Numbers of another run of the server, or of a feed that was given up meanwhile, are not to be taken for ours.
        private readonly string _epoch = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        private readonly Queue<(long Number, Topic[] Topics, Frame Frame)> _recent = [];
        private readonly Lock _gate = new();
        private long _number;
        private int _sockets;
        private long _leftAt;
        private bool _isGivenUp;

        public void Publish<TState>(Topic[] to, TState state, Action<Utf8JsonWriter, TState> writeMembers)
        {
            lock (_gate)
            {
                var cursor = CursorAt(++_number);
                var frame = Frame.Text((state, writeMembers, cursor), static (json, frame) =>
                {
                    json.WriteStartObject();
                    frame.writeMembers(json, frame.state);
                    json.WriteString("cursor"u8, frame.cursor);
                    json.WriteEndObject();
                });
                if (_recent.Count == Remembered)
                    _recent.Dequeue();
                _recent.Enqueue((_number, to, frame));
                foreach (var topic in to)
                    topics.Publish(topic, frame);
            }
        }

        public IDisposable? TryAttach(Connection connection, Topic[] to, string? cursor, Sender you, TimeProvider time)
        {
            lock (_gate)
            {
                if (_isGivenUp)
                    return null;
                _sockets++;
                foreach (var topic in to)
                    topics.Subscribe(topic, connection, Audience.Staff);
                var missed = Missed(cursor, to);
                connection.Enqueue(Ready(you, CursorAt(_number)));
                if (missed is null)
                    connection.Enqueue(Frame.Text("""{"type":"reset","reason":"cursor_unknown"}"""u8));
                foreach (var frame in missed ?? [])
                    connection.Enqueue(frame);
            }
            connection.Flush();
            return new Attachment(this, time);
        }

        /// <summary>True, once and for good, when nobody has listened for a while.</summary>
        public bool IsForgotten(TimeProvider time)
        {
            lock (_gate)
                return _isGivenUp |= _sockets == 0 && time.GetElapsedTime(_leftAt) > _keepWithoutSockets;
        }

        private string CursorAt(long number) => string.Create(null, stackalloc char[48], $"{_epoch}.{number}");

        /// <summary>The frames after <paramref name="cursor"/>; null when they are not all known. None are missed by who comes for the first time.</summary>
        private List<Frame>? Missed(string? cursor, Topic[] to)
        {
            if (cursor is null)
                return [];
            var dot = cursor.IndexOf('.', StringComparison.Ordinal);
            if (dot < 0 || !cursor.AsSpan(0, dot).SequenceEqual(_epoch) || !long.TryParse(cursor.AsSpan(dot + 1), out var number) || number > _number)
                return null;
            if (number < _number - _recent.Count)
                return null;
            return [.. _recent.Where(recent => recent.Number > number && recent.Topics.Any(to.Contains)).Select(recent => recent.Frame)];
        }

        private static Frame Ready(Sender you, string cursor) => Frame.Text((you, cursor), static (json, ready) =>
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "ready"u8);
            json.WriteStartObject("user"u8);
            json.WriteString("id"u8, ready.you.Id.GetValueOrDefault());
            json.WriteString("name"u8, ready.you.Name);
            json.WriteEndObject();
            json.WriteString("cursor"u8, ready.cursor);
            json.WriteEndObject();
        });

        private void Leave(TimeProvider time)
        {
            lock (_gate)
            {
                _sockets--;
                _leftAt = time.GetTimestamp();
            }
        }

        private sealed class Attachment(TenantFeed feed, TimeProvider time) : IDisposable
        {
            public void Dispose() => feed.Leave(time);
        }
    }
}
