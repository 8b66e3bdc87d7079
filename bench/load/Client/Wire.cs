using System.Buffers.Binary;
using System.Text;

namespace Parley.Load.Client;

/// <summary>How one kind of server is spoken to above WebSocket frames.</summary>
internal abstract class Wire
{
    /// <summary>The HTTP request that opens a socket.</summary>
    public abstract byte[] Upgrade(Connection connection);

    /// <summary>Goes on with the opening, first with an empty <paramref name="text"/> after the upgrade, then with each text frame.</summary>
    /// <returns>True when the connection may send and will receive.</returns>
    public abstract bool Greet(Swarm swarm, Connection connection, ReadOnlySpan<byte> text);

    /// <summary>Writes one message as a whole masked frame, of <see cref="MessageLength"/> bytes.</summary>
    public abstract void WriteMessage(Span<byte> frame, Connection sender, int number, long sentAt);

    public abstract int MessageLength { get; }

    /// <summary>Reports what a text frame holds by <see cref="Swarm.Acknowledged"/> and <see cref="Swarm.Delivered"/>.</summary>
    public abstract void Read(Swarm swarm, Connection connection, ReadOnlySpan<byte> text);

    protected static byte[] Upgrade(string path, string headers = "") => Encoding.ASCII.GetBytes(
        $"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n");

    /// <summary>A text frame with a mask key of zero: masked, as clients must, and still readable. RFC 6455 §5.2.</summary>
    public static byte[] Frame(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        var head = length < 126 ? 6 : 8;
        var frame = new byte[head + length];
        frame[0] = 0x81;
        if (length < 126)
        {
            frame[1] = (byte)(0x80 | length);
        }
        else
        {
            frame[1] = 0x80 | 126;
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), checked((ushort)length));
        }
        Encoding.UTF8.GetBytes(text, frame.AsSpan(head));
        return frame;
    }
}

/// <summary>A bare broadcast server: what comes in goes to the room as it came.</summary>
internal sealed class KestrelWire : Wire
{
    private static readonly byte[] _message = Frame(Encoding.ASCII.GetString(Body.Blank(Body.Size)));
    private static readonly int _body = _message.AsSpan().IndexOf(Body.Mark);

    public override int MessageLength => _message.Length;

    public override byte[] Upgrade(Connection connection) => Upgrade($"/ws/room-{connection.Room:x8}");

    public override bool Greet(Swarm swarm, Connection connection, ReadOnlySpan<byte> text) => true;

    public override void WriteMessage(Span<byte> frame, Connection sender, int number, long sentAt)
    {
        _message.CopyTo(frame);
        Body.Write(frame[_body..], sender.Index, number, sentAt);
    }

    public override void Read(Swarm swarm, Connection connection, ReadOnlySpan<byte> text)
    {
        if (Body.TryRead(text, out var sender, out var number, out var sentAt))
            swarm.Delivered(connection, sender, number, sentAt);
    }
}

/// <summary>SignalR's JSON protocol over WebSockets, without negotiation; each message is an invocation that is completed, as <c>connection.invoke</c> makes it.</summary>
internal sealed class SignalRWire(string accessToken) : Wire
{
    private const byte RecordEnd = 0x1e;
    private static readonly byte[] _handshake = Frame("{\"protocol\":\"json\",\"version\":1}\u001e");
    private static readonly byte[] _message = Frame(
        $"{{\"type\":1,\"invocationId\":\"nnnnnnnn\",\"target\":\"send\",\"arguments\":[\"room-rrrrrrrr\",\"{Encoding.ASCII.GetString(Body.Blank(Body.Size))}\"]}}\u001e");
    private static readonly int _number = _message.AsSpan().IndexOf("nnnnnnnn"u8);
    private static readonly int _room = _message.AsSpan().IndexOf("rrrrrrrr"u8);
    private static readonly int _body = _message.AsSpan().IndexOf(Body.Mark);

    public override int MessageLength => _message.Length;

    public override byte[] Upgrade(Connection connection) => Upgrade($"/hub?access_token={accessToken}");

    public override bool Greet(Swarm swarm, Connection connection, ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
            swarm.Send(connection, _handshake);
        else if (text.StartsWith("{}"u8))
            swarm.Send(connection, Frame($"{{\"type\":1,\"invocationId\":\"join\",\"target\":\"join\",\"arguments\":[\"room-{connection.Room:x8}\"]}}\u001e"));
        return text.StartsWith("{\"type\":3,\"invocationId\":\"join\""u8);
    }

    public override void WriteMessage(Span<byte> frame, Connection sender, int number, long sentAt)
    {
        _message.CopyTo(frame);
        Hex.Write(frame.Slice(_number, 8), number);
        Hex.Write(frame.Slice(_room, 8), sender.Room);
        Body.Write(frame[_body..], sender.Index, number, sentAt);
    }

    public override void Read(Swarm swarm, Connection connection, ReadOnlySpan<byte> text)
    {
        for (int end; (end = text.IndexOf(RecordEnd)) >= 0; text = text[(end + 1)..])
        {
            var record = text[..end];
            const int CompletedNumberAt = 26;
            if (Body.TryRead(record, out var sender, out var number, out var sentAt))
                swarm.Delivered(connection, sender, number, sentAt);
            else if (record.StartsWith("{\"type\":3,\"invocationId\":\""u8) && record.Length > CompletedNumberAt + 8)
                swarm.Acknowledged(connection, (int)Hex.Read(record.Slice(CompletedNumberAt, 8)));
        }
    }
}

/// <summary>Parley's chat sockets, as <c>/docs</c> has them: the bearer token in a header, <c>message</c> frames out, <c>ack</c> and <c>message</c> frames in.</summary>
/// <param name="seat">The conversation and the access token of a connection.</param>
internal sealed class ParleyWire(Func<Connection, (Guid Conversation, string AccessToken)> seat) : Wire
{
    private static readonly byte[] _message = Frame(
        $"{{\"type\":\"message\",\"client_id\":\"ssssssss-0000-7000-8000-0000nnnnnnnn\",\"body\":\"{Encoding.ASCII.GetString(Body.Blank(Body.Size))}\"}}");
    private static readonly int _sender = _message.AsSpan().IndexOf("ssssssss"u8);
    private static readonly int _number = _message.AsSpan().IndexOf("nnnnnnnn"u8);
    private static readonly int _body = _message.AsSpan().IndexOf(Body.Mark);

    public override int MessageLength => _message.Length;

    public override byte[] Upgrade(Connection connection)
    {
        var (conversation, token) = seat(connection);
        return Upgrade($"/ws/chat/{conversation}", $"Authorization: Bearer {token}\r\n");
    }

    public override bool Greet(Swarm swarm, Connection connection, ReadOnlySpan<byte> text)
    {
        if (!text.StartsWith("{\"type\":\"ready\""u8))
            return false;
        connection.LastSeq = Body.NumberAfter(text, "\"last_seq\":"u8);
        return true;
    }

    public override void WriteMessage(Span<byte> frame, Connection sender, int number, long sentAt)
    {
        _message.CopyTo(frame);
        Hex.Write(frame.Slice(_sender, 8), sender.Index);
        Hex.Write(frame.Slice(_number, 8), number);
        Body.Write(frame[_body..], sender.Index, number, sentAt);
    }

    public override void Read(Swarm swarm, Connection connection, ReadOnlySpan<byte> text)
    {
        if (text.StartsWith("{\"type\":\"message\""u8))
        {
            var seq = Body.NumberAfter(text, "\"seq\":"u8);
            if (seq != connection.LastSeq + 1)
                swarm.OutOfSequence++;
            connection.LastSeq = seq;
            if (Body.TryRead(text, out var sender, out var number, out var sentAt))
                swarm.Delivered(connection, sender, number, sentAt);
        }
        else if (text.StartsWith("{\"type\":\"ack\""u8))
        {
            var id = text.IndexOf("-0000-7000-8000-0000"u8);
            if (id >= 0)
                swarm.Acknowledged(connection, (int)Hex.Read(text.Slice(id + 20, 8)));
        }
        else if (text.StartsWith("{\"type\":\"error\""u8))
        {
            swarm.Refused(text);
        }
    }
}
