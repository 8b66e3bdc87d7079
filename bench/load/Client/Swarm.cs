using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Parley.Load.Client;

internal enum Refill { None, WhenAcknowledged, WhenDelivered }

/// <summary>
/// Many clients of one server, played by the calling thread alone so that the server has the rest of the machine. Rooms are blocks of
/// <paramref name="roomSize"/> connections; each delivery is checked to be the sender's next, so a loss, a repeat or a wrong order is counted.
/// </summary>
internal sealed unsafe class Swarm(Wire wire, int port, int roomSize) : IDisposable
{
    private const int BufferBytes = 1 << 20;
    private readonly Poller _poller = new();
    private readonly List<Connection> _connections = [];
    private readonly List<Connection> _owing = [];
    private readonly byte* _buffer = (byte*)NativeMemory.Alloc(BufferBytes);
    private readonly byte[] _outgoing = new byte[BufferBytes];
    private int[] _expected = [];
    private int _open;
    private int _closed;

    public IReadOnlyList<Connection> Connections => _connections;
    public int Rooms => _connections.Count / roomSize;
    public long Sent { get; private set; }
    public long AcknowledgedCount { get; private set; }
    public long DeliveredCount { get; private set; }

    /// <summary>Deliveries that were not the sender's next message: lost, repeated or out of order ones.</summary>
    public long Disordered { get; private set; }

    /// <summary>Deliveries whose <c>seq</c> did not follow the one before.</summary>
    public long OutOfSequence { get; set; }

    public long RefusedCount { get; private set; }
    public string? FirstRefusal { get; private set; }
    public int Closed => _closed;
    public Latencies AckLatency { get; } = new();
    public Latencies DeliveryLatency { get; } = new();
    public Refill Refill { get; set; }

    /// <summary>Opens <paramref name="count"/> connections, at most <paramref name="atOnce"/> of them opening at a time.</summary>
    /// <returns>How long it took until all were open.</returns>
    /// <exception cref="IOException">Some did not open in time.</exception>
    public TimeSpan Open(int count, int atOnce, TimeSpan limit)
    {
        var started = Stopwatch.GetTimestamp();
        var wanted = _open + count;
        while (_open < wanted)
        {
            while (_connections.Count < wanted && _connections.Count - _open < atOnce)
                Connect();
            Turn(TimeSpan.FromMilliseconds(100));
            if (_closed > 0 || Stopwatch.GetElapsedTime(started) > limit)
                throw new IOException($"Only {_open} of {wanted} sockets opened, {_closed} were closed by the server. {FirstRefusal}");
        }
        var took = Stopwatch.GetElapsedTime(started);
        Array.Resize(ref _expected, wanted * roomSize);
        return took;
    }

    /// <summary>Sends <paramref name="perSecond"/> messages, evenly spaced and in turn by all connections.</summary>
    public void Pace(double perSecond, TimeSpan duration)
    {
        var started = Stopwatch.GetTimestamp();
        var ticksEach = Stopwatch.Frequency / perSecond;
        var end = started + duration.Ticks * (Stopwatch.Frequency / TimeSpan.TicksPerSecond);
        long due = 0;
        for (long now; (now = Stopwatch.GetTimestamp()) < end;)
        {
            // What is overdue goes out in small portions, so that reading is never starved.
            for (var portion = 0; portion < 64 && started + due * ticksEach <= now; portion++)
                SendMessages(SenderInTurn(due++), 1);
            Turn(Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), (long)(started + due * ticksEach)));
        }
    }

    /// <summary>Keeps <paramref name="window"/> messages under way for each of <paramref name="senders"/>, from now until <see cref="Refill"/> is taken back.</summary>
    public void Saturate(IEnumerable<Connection> senders, int window, Refill refill)
    {
        Refill = refill;
        foreach (var sender in senders)
            SendMessages(sender, window);
    }

    public void Run(TimeSpan duration)
    {
        var started = Stopwatch.GetTimestamp();
        for (TimeSpan left; (left = duration - Stopwatch.GetElapsedTime(started)) > TimeSpan.Zero;)
            Turn(left);
    }

    /// <summary>Reads until every message sent was delivered to its whole room, and acknowledged if <paramref name="acknowledged"/>.</summary>
    /// <returns>Deliveries and acknowledgements that are missing.</returns>
    public long Drain(bool acknowledged, TimeSpan limit)
    {
        var started = Stopwatch.GetTimestamp();
        long Missing() => Sent * roomSize - DeliveredCount + (acknowledged ? Sent - AcknowledgedCount : 0);
        while (Missing() > 0 && Stopwatch.GetElapsedTime(started) < limit)
            Turn(TimeSpan.FromMilliseconds(50));
        return Missing();
    }

    /// <summary>Spreads senders over the rooms first, then over a room's members.</summary>
    public Connection SenderInTurn(long turn) => _connections[(int)(turn % Rooms * roomSize + turn / Rooms % roomSize)];

    public void Acknowledged(Connection sender, int number)
    {
        AcknowledgedCount++;
        sender.Acknowledged++;
        AckLatency.Add(Stopwatch.GetTimestamp() - sender.SentAt(number));
        if (Refill is Refill.WhenAcknowledged)
            Owe(sender);
    }

    public void Delivered(Connection receiver, int sender, int number, long sentAt)
    {
        DeliveredCount++;
        DeliveryLatency.Add(Stopwatch.GetTimestamp() - sentAt);
        ref var expected = ref _expected[receiver.Index * roomSize + sender % roomSize];
        if (number != expected || sender / roomSize != receiver.Room)
            Disordered++;
        expected = number + 1;
        if (Refill is Refill.WhenDelivered && sender == receiver.Index)
            Owe(receiver);
    }

    public void Refused(ReadOnlySpan<byte> frame)
    {
        RefusedCount++;
        FirstRefusal ??= Encoding.UTF8.GetString(frame);
    }

    public void Send(Connection connection, ReadOnlySpan<byte> frames)
    {
        if (connection.Unsent.Length > 0)
        {
            connection.Unsent = [.. connection.Unsent, .. frames];
            return;
        }
        nint taken;
        fixed (byte* bytes = frames)
            taken = Libc.Send(connection.Handle, bytes, frames.Length, Libc.NoSignal);
        if (taken < 0 && Marshal.GetLastPInvokeError() is not Libc.Again)
        {
            Close(connection, "The server broke the connection.");
            return;
        }
        if (taken == frames.Length)
            return;
        connection.Unsent = frames[(int)Math.Max(0, taken)..].ToArray();
        _poller.Modify(connection.Handle, connection.Index, writable: true);
    }

    public void Dispose()
    {
        foreach (var connection in _connections.Where(c => c.State is not ConnectionState.Closed))
            _ = Libc.Close(connection.Handle);
        _connections.Clear();
        _poller.Dispose();
        NativeMemory.Free(_buffer);
    }

    private void Connect()
    {
        var index = _connections.Count;
        var connection = new Connection(index, index / roomSize, Libc.Connect(port));
        _connections.Add(connection);
        _poller.Add(connection.Handle, index, writable: true);
    }

    private void Turn(TimeSpan limit)
    {
        var ready = _poller.Wait(limit < TimeSpan.Zero ? TimeSpan.Zero : limit);
        for (var i = 0; i < ready; i++)
        {
            var (key, readable, writable) = _poller.Ready(i);
            var connection = _connections[key];
            if (writable)
                Write(connection);
            if (readable)
                Read(connection);
        }
        foreach (var sender in _owing)
        {
            SendMessages(sender, sender.Owed);
            sender.Owed = 0;
        }
        _owing.Clear();
    }

    private void SendMessages(Connection sender, int count)
    {
        var now = Stopwatch.GetTimestamp();
        var length = 0;
        for (var i = 0; i < count; i++)
        {
            var number = sender.Sent++;
            wire.WriteMessage(_outgoing.AsSpan(length), sender, number, now);
            sender.Stamp(number, now);
            length += wire.MessageLength;
        }
        Sent += count;
        Send(sender, _outgoing.AsSpan(0, length));
    }

    private void Owe(Connection sender)
    {
        if (sender.Owed++ == 0)
            _owing.Add(sender);
    }

    private void Write(Connection connection)
    {
        if (connection.State is ConnectionState.Closed)
            return;
        _poller.Modify(connection.Handle, connection.Index, writable: false);
        if (connection.State is ConnectionState.Connecting)
        {
            connection.State = ConnectionState.Upgrading;
            Send(connection, wire.Upgrade(connection));
            return;
        }
        var unsent = connection.Unsent;
        connection.Unsent = [];
        Send(connection, unsent);
    }

    private void Read(Connection connection)
    {
        if (connection.State is ConnectionState.Closed)
            return;
        var rest = connection.Rest.Length;
        connection.Rest.CopyTo(new Span<byte>(_buffer, BufferBytes));
        var received = Libc.Receive(connection.Handle, _buffer + rest, BufferBytes - rest, 0);
        if (received < 0 && Marshal.GetLastPInvokeError() is Libc.Again)
            return;
        if (received <= 0)
        {
            Close(connection, "The server ended the connection.");
            return;
        }
        var bytes = new ReadOnlySpan<byte>(_buffer, rest + (int)received);
        if (connection.State is ConnectionState.Upgrading)
            ReadUpgrade(connection, ref bytes);
        if (connection.State is ConnectionState.Greeting or ConnectionState.Open)
        {
            while (TryReadFrame(ref bytes, out var final, out var opcode, out var payload))
                Take(connection, final, opcode, payload);
        }
        connection.Rest = bytes.IsEmpty ? [] : bytes.ToArray();
    }

    private void ReadUpgrade(Connection connection, ref ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (end < 0)
            return;
        if (!bytes.StartsWith("HTTP/1.1 101"u8))
        {
            Close(connection, Encoding.UTF8.GetString(bytes));
            return;
        }
        bytes = bytes[(end + 4)..];
        connection.State = ConnectionState.Greeting;
        Greet(connection, []);
    }

    private void Greet(Connection connection, ReadOnlySpan<byte> text)
    {
        if (!wire.Greet(this, connection, text))
            return;
        connection.State = ConnectionState.Open;
        _open++;
    }

    private void Take(Connection connection, bool final, int opcode, ReadOnlySpan<byte> payload)
    {
        const int Continuation = 0, Text = 1, CloseFrame = 8, Ping = 9;
        switch (opcode)
        {
            // SignalR sends what spans several of its buffers as fragments.
            case Text when !final:
                connection.Fragments = payload.ToArray();
                break;
            case Continuation:
                connection.Fragments = [.. connection.Fragments, .. payload];
                if (final)
                    Take(connection, final, Text, connection.Fragments);
                break;
            case Text when connection.State is ConnectionState.Open:
                wire.Read(this, connection, payload);
                break;
            case Text:
                Greet(connection, payload);
                break;
            case Ping:
                Send(connection, [0x8a, (byte)(0x80 | payload.Length), 0, 0, 0, 0, .. payload]);
                break;
            case CloseFrame:
                var code = payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(payload) : 0;
                Close(connection, $"The server closed with {code} {(payload.Length > 2 ? Encoding.UTF8.GetString(payload[2..]) : "")}");
                break;
        }
    }

    /// <summary>Takes one unmasked frame off the front; RFC 6455 §5.2.</summary>
    private static bool TryReadFrame(ref ReadOnlySpan<byte> bytes, out bool final, out int opcode, out ReadOnlySpan<byte> payload)
    {
        (final, opcode) = (false, 0);
        payload = default;
        if (bytes.Length < 2)
            return false;
        (final, opcode) = ((bytes[0] & 0x80) != 0, bytes[0] & 0x0f);
        var (head, length) = (2, (long)bytes[1]);
        if (length is 126)
        {
            if (bytes.Length < 4)
                return false;
            (head, length) = (4, BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
        }
        else if (length is 127)
        {
            if (bytes.Length < 10)
                return false;
            (head, length) = (10, BinaryPrimitives.ReadInt64BigEndian(bytes[2..]));
        }
        if (bytes.Length < head + length)
            return false;
        payload = bytes.Slice(head, (int)length);
        bytes = bytes[(head + (int)length)..];
        return true;
    }

    private void Close(Connection connection, string why)
    {
        if (connection.State is ConnectionState.Closed)
            return;
        if (connection.State is ConnectionState.Open)
            _open--;
        connection.State = ConnectionState.Closed;
        FirstRefusal ??= why;
        _closed++;
        _ = Libc.Close(connection.Handle);
    }
}
