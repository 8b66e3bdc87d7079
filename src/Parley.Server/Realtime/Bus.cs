namespace Parley.Server.Realtime;

/// <summary>
/// Carries frames between nodes. Local delivery never waits for it, and it may lose what it likes as long as it tells afterwards (<see cref="Restored"/>):
/// what must not be lost is in the database.
/// </summary>
internal interface IBus
{
    /// <summary>A frame another node published to a topic that is followed here.</summary>
    event Action<Topic, Frame, Audience>? Received;

    /// <summary>The bus was away and is back: frames of any followed topic may be missing.</summary>
    event Action? Restored;

    /// <summary>Hands a frame to the other nodes; returns at once, also while the bus is away.</summary>
    void Publish(Topic topic, Frame frame, Audience audience);

    /// <summary>Follows a topic, from its first local subscriber on.</summary>
    void Follow(Topic topic);

    /// <summary>Ends what <see cref="Follow"/> began, when the last local subscriber has gone.</summary>
    void Unfollow(Topic topic);
}

/// <summary>The bus of nodes that live in one process: usually one, which then has nobody to tell.</summary>
internal sealed class InProcessBus : IBus
{
    private readonly Hub _hub;
    private readonly HashSet<Topic> _followed = [];

    public InProcessBus()
        : this(new Hub())
    {
    }

    private InProcessBus(Hub hub)
    {
        _hub = hub;
        lock (hub.Gate)
            hub.Nodes = [.. hub.Nodes, this];
    }

    public event Action<Topic, Frame, Audience>? Received;

    public event Action? Restored
    {
        add { }    // memory is never away
        remove { }
    }

    /// <summary>One more node beside this one.</summary>
    public InProcessBus Join() => new(_hub);

    public void Publish(Topic topic, Frame frame, Audience audience)
    {
        foreach (var node in _hub.Nodes)
        {
            if (node != this && node.Follows(topic))
                node.Received?.Invoke(topic, frame, audience);
        }
    }

    public void Follow(Topic topic)
    {
        lock (_followed)
            _followed.Add(topic);
    }

    public void Unfollow(Topic topic)
    {
        lock (_followed)
            _followed.Remove(topic);
    }

    private bool Follows(Topic topic)
    {
        lock (_followed)
            return _followed.Contains(topic);
    }

    private sealed class Hub
    {
        public Lock Gate { get; } = new();

        public InProcessBus[] Nodes { get; set; } = [];
    }
}
