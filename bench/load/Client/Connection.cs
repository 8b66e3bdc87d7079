namespace Parley.Load.Client;

internal enum ConnectionState { Connecting, Upgrading, Greeting, Open, Closed }

/// <summary>One client's socket; all of it belongs to the swarm's thread.</summary>
internal sealed class Connection(int index, int room, int handle)
{
    /// <summary>Acknowledgements are timed for the newest so many messages of a sender.</summary>
    private const int Timed = 256;

    private readonly long[] _sentAt = new long[Timed];

    public int Index { get; } = index;
    public int Room { get; } = room;
    public int Handle { get; } = handle;
    public ConnectionState State { get; set; }

    /// <summary>How many messages were sent; the number of the next one.</summary>
    public int Sent { get; set; }

    public int Acknowledged { get; set; }

    /// <summary>Messages to send at the end of this turn.</summary>
    public int Owed { get; set; }

    public long LastSeq { get; set; }

    /// <summary>Bytes received that are not a whole frame yet.</summary>
    public byte[] Rest { get; set; } = [];

    /// <summary>The frames so far of a message that comes in several.</summary>
    public byte[] Fragments { get; set; } = [];

    /// <summary>Bytes the kernel has not taken yet.</summary>
    public byte[] Unsent { get; set; } = [];

    public void Stamp(int number, long sentAt) => _sentAt[number % Timed] = sentAt;

    public long SentAt(int number) => _sentAt[number % Timed];
}
