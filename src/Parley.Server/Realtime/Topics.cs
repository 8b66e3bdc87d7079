using System.Collections.Concurrent;
using Parley.Server.Realtime.Wire;

namespace Parley.Server.Realtime;

internal enum TopicKind : byte
{
    /// <summary>One conversation's timeline.</summary>
    Conversation,

    /// <summary>The reply that an assistant gives in one conversation, as it grows.</summary>
    Reply,

    /// <summary>One person, on all devices.</summary>
    User,

    /// <summary>The agents of a tenant: the inbox.</summary>
    TenantAgents,

    /// <summary>Everybody signed in to a tenant: presence.</summary>
    Tenant,

    /// <summary>The signalling of one call.</summary>
    Call,
}

internal readonly record struct Topic(TopicKind Kind, Guid Id);

/// <summary>Who of a topic's subscribers a frame is for, and what a subscriber may see.</summary>
internal enum Audience : byte
{
    Everyone,

    /// <summary>Not visitors: private notes.</summary>
    Staff,

    /// <summary>Visitors alone: what people get in a fuller form. No subscriber is this; a visitor's subscription is <see cref="Everyone"/>.</summary>
    Visitors,
}

/// <summary>
/// Who follows what on this node. A published frame is queued for each subscriber as it is: no copy, no encoding, no allocation per recipient. Frames that have a
/// <see cref="Frame.Seq"/> must be published to one topic one after the other; any thread may publish the others.
/// </summary>
internal sealed class Topics
{
    /// <summary>Up to so many writes are made by who publishes; a pool's thread makes more, and several frames then often share one.</summary>
    private const int WrittenAtOnce = 16;

    private readonly ConcurrentDictionary<Topic, Subscribers> _topics = new();
    private readonly IBus _bus;
    private readonly RealtimeMetrics _metrics;
    private DeliveryBatch? _spare;

    public Topics(IBus bus, RealtimeMetrics metrics)
    {
        (_bus, _metrics) = (bus, metrics);
        bus.Received += PublishHere;
        bus.Restored += OnRestored;
    }

    /// <summary>
    /// The bus was away: what has a higher <see cref="Frame.Seq"/> than the given one may be missing here. The topic's owner reads it from the database and calls
    /// <see cref="PublishHere(Topic, Frame, Audience)"/>.
    /// </summary>
    public event Action<Topic, long>? Missed;

    /// <summary>Follows a topic from now on until the connection ends or the subscription is disposed.</summary>
    /// <param name="audience">What the subscriber may see: <see cref="Audience.Staff"/> sees everything.</param>
    public Subscription Subscribe(Topic topic, Connection connection, Audience audience) => Add(new Subscription(this, topic, connection, audience, held: null));

    /// <summary>
    /// Follows a topic, but holds its frames back until <see cref="Subscription.Release"/>: subscribe first, read the database, send what it has, then release.
    /// From then on only frames with a rising <see cref="Frame.Seq"/> pass, so nothing is missed and nothing comes twice.
    /// </summary>
    public Subscription SubscribeHeld(Topic topic, Connection connection, Audience audience) => Add(new Subscription(this, topic, connection, audience, []));

    /// <summary>Sends a frame to all who follow the topic, here at once and on other nodes by the bus.</summary>
    public void Publish(Topic topic, Frame frame, Audience audience = Audience.Everyone)
    {
        PublishHere(topic, frame, audience);
        _bus.Publish(topic, frame, audience);
    }

    /// <summary>Sends a frame to those who follow the topic on this node.</summary>
    public void PublishHere(Topic topic, Frame frame, Audience audience)
    {
        if (!_topics.TryGetValue(topic, out var subscribers))
            return;
        if (subscribers.Count <= WrittenAtOnce)
        {
            Deliver(subscribers, frame, audience, batch: null);
            return;
        }
        var batch = Interlocked.Exchange(ref _spare, null) ?? new DeliveryBatch(this);
        Deliver(subscribers, frame, audience, batch);
        batch.FlushSoon();
    }

    /// <summary>True while somebody here follows the topic: whether a frame is worth encoding.</summary>
    public bool IsFollowed(Topic topic) => _topics.ContainsKey(topic);

    internal void Publish(Topic topic, Frame frame, Audience audience, DeliveryBatch batch)
    {
        if (_topics.TryGetValue(topic, out var subscribers))
            Deliver(subscribers, frame, audience, batch);
        _bus.Publish(topic, frame, audience);
    }

    internal void Return(DeliveryBatch batch) => _spare = batch;

    internal void Remove(Subscription subscription)
    {
        if (!_topics.TryGetValue(subscription.Topic, out var subscribers))
            return;
        lock (subscribers)
        {
            if (!subscribers.Remove(subscription) || subscribers.Count > 0)
                return;
            subscribers.IsRetired = true;
            _topics.TryRemove(KeyValuePair.Create(subscription.Topic, subscribers));
            _bus.Unfollow(subscription.Topic);
        }
    }

    private Subscription Add(Subscription subscription)
    {
        while (true)
        {
            var subscribers = _topics.GetOrAdd(subscription.Topic, static _ => new Subscribers());
            lock (subscribers)
            {
                if (subscribers.IsRetired)
                    continue; // its last subscriber has just left: the next one is new
                if (subscribers.Count == 0)
                    _bus.Follow(subscription.Topic);
                subscribers.Add(subscription);
            }
            if (!subscription.Connection.TryAdd(subscription))
                Remove(subscription);
            return subscription;
        }
    }

    private void Deliver(Subscribers subscribers, Frame frame, Audience audience, DeliveryBatch? batch)
    {
        if (frame.Seq > subscribers.LastSeq)
            subscribers.LastSeq = frame.Seq;
        var delivered = 0;
        foreach (var subscription in subscribers.Slots)
        {
            if (subscription is null || !IsFor(audience, subscription.Audience))
                continue;
            subscription.Deliver(frame, batch);
            delivered++;
        }
        _metrics.Delivered(delivered);
    }

    private static bool IsFor(Audience audience, Audience subscriber) =>
        audience is Audience.Everyone || (audience is Audience.Staff) == (subscriber is Audience.Staff);

    private void OnRestored()
    {
        foreach (var (topic, subscribers) in _topics)
            Missed?.Invoke(topic, subscribers.LastSeq);
    }

    /// <summary>
    /// The subscribers of one topic in an array with holes, so that joining and leaving cost the same in a room of a thousand as in one of two. Changed under the
    /// object's own lock, read without: a reader sees each subscriber or a hole.
    /// </summary>
    private sealed class Subscribers
    {
        private int _used;
        private long _lastSeq;

        public Subscription?[] Slots { get => Volatile.Read(ref field); private set => Volatile.Write(ref field, value); } = new Subscription?[2];

        public int Count { get; private set; }

        public bool IsRetired { get; set; }

        public long LastSeq { get => Volatile.Read(ref _lastSeq); set => Volatile.Write(ref _lastSeq, value); }

        public void Add(Subscription subscription)
        {
            if (_used == Slots.Length)
                Rebuild(Math.Max(2, Count * 2));
            subscription.Slot = _used;
            Volatile.Write(ref Slots[_used++], subscription);
            Count++;
        }

        public bool Remove(Subscription subscription)
        {
            if (Slots[subscription.Slot] != subscription)
                return false;
            Volatile.Write(ref Slots[subscription.Slot], null);
            Count--;
            if (Slots.Length > 16 && Count < Slots.Length / 4)
                Rebuild(Count * 2);
            return true;
        }

        private void Rebuild(int capacity)
        {
            var slots = new Subscription?[capacity];
            _used = 0;
            foreach (var subscription in Slots)
            {
                if (subscription is null)
                    continue;
                subscription.Slot = _used;
                slots[_used++] = subscription;
            }
            Slots = slots;
        }
    }
}

/// <summary>One connection's following of one topic.</summary>
internal sealed class Subscription : IDisposable
{
    private readonly Topics _topics;
    private readonly Lock? _gate;
    private List<Frame>? _held;
    private long _lastSeq;

    internal Subscription(Topics topics, Topic topic, Connection connection, Audience audience, List<Frame>? held)
    {
        (_topics, Topic, Connection, Audience, _held) = (topics, topic, connection, audience, held);
        _gate = held is null ? null : new Lock(); // only who resumes has an order to keep
    }

    public Topic Topic { get; }

    public Connection Connection { get; }

    public Audience Audience { get; }

    internal int Slot { get; set; }

    internal Subscription? NextOfConnection { get; set; }

    /// <summary>
    /// Ends the holding: what was held is queued in its order, except what has a <see cref="Frame.Seq"/> up to <paramref name="afterSeq"/>, which the client has.
    /// Call it once; it flushes.
    /// </summary>
    public void Release(long afterSeq)
    {
        if (_gate is null)
            return;
        lock (_gate)
        {
            _lastSeq = afterSeq;
            foreach (var frame in _held ?? [])
            {
                if (Passes(frame))
                    Connection.Enqueue(frame);
            }
            Volatile.Write(ref _held, null);
        }
        Connection.Flush();
    }

    /// <summary>Ends the following before the connection does.</summary>
    public void Dispose()
    {
        Connection.Remove(this);
        Leave();
    }

    internal void Leave() => _topics.Remove(this);

    internal void Deliver(Frame frame, DeliveryBatch? batch)
    {
        if (Volatile.Read(ref _held) is not null && TryHold(frame))
            return;
        if (!Passes(frame))
            return;
        if (batch is null)
            Connection.TrySend(frame);
        else
            batch.Send(Connection, frame);
    }

    private bool TryHold(Frame frame)
    {
        lock (_gate!)
        {
            if (_held is not { } held)
                return false; // released meanwhile
            if (held.Count < Connection.QueueFrames)
            {
                held.Add(frame);
                return true;
            }
        }
        Connection.CloseTooSlow();
        return true;
    }

    /// <summary>Frames with a seq come from one publisher at a time, so the last one needs no lock.</summary>
    private bool Passes(Frame frame)
    {
        if (_gate is null || frame.Seq == 0)
            return true;
        if (frame.Seq <= _lastSeq)
            return false;
        _lastSeq = frame.Seq;
        return true;
    }
}
