using Parley.Server.Realtime.Wire;

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
