using Parley.Server.Realtime.Wire;

namespace Parley.Server.Realtime;

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
