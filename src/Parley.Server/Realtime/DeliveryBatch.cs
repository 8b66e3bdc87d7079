using Parley.Server.Realtime.Wire;

namespace Parley.Server.Realtime;

/// <summary>
/// Many frames to many topics and connections, with one write per connection at the end. Used by one thread at a time; meant to be kept and used again.
/// </summary>
internal sealed class DeliveryBatch(Topics topics) : IThreadPoolWorkItem
{
    private readonly List<Connection> _dirty = [];

    /// <summary>Queues a frame for all who follow the topic; other nodes get it at once.</summary>
    public void Publish(Topic topic, Frame frame, Audience audience = Audience.Everyone) => topics.Publish(topic, frame, audience, this);

    /// <summary>Queues a frame for one connection: an acknowledgement.</summary>
    public void Send(Connection connection, Frame frame)
    {
        if (connection.TryEnqueue(frame, out var mustFlush) && mustFlush)
            _dirty.Add(connection);
    }

    /// <summary>Writes what was queued. To be called after every use, also when something failed in between: nobody else does.</summary>
    public void Flush()
    {
        foreach (var connection in _dirty)
            connection.Flush();
        _dirty.Clear();
    }

    /// <summary>Writes on a thread of the pool, and then goes back to <see cref="Topics"/>, whose it is.</summary>
    internal void FlushSoon() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    void IThreadPoolWorkItem.Execute()
    {
        Flush();
        topics.Return(this);
    }
}
