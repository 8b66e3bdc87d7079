using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Unicode;

namespace Parley.Server.Realtime.Wire;

/// <summary>What <see cref="FrameReader.TryRead"/> found.</summary>
internal enum Incoming
{
    /// <summary>A whole text message, put together from its fragments.</summary>
    Text,
    Ping,
    Pong,
    Close,

    /// <summary>A message over the limit; said once per message, and its bytes are skipped.</summary>
    TooLarge,

    /// <summary>Binary messages are not spoken here (1003).</summary>
    Binary,

    /// <summary>A text message that is not UTF-8 (1007).</summary>
    InvalidText,

    /// <summary>The bytes are no frames (1002); nothing can be read from here on.</summary>
    ProtocolError,
}

/// <summary>
/// Takes masked client frames (RFC 6455 §5) out of whatever pieces the network delivers. Holds a pooled buffer only while part of a message waits in it,
/// so an idle socket costs none, and never more than about twice what has arrived. A mutable struct: keep it in a field, never copy it.
/// </summary>
internal struct FrameReader(int maxMessageBytes)
{
    private const int FirstBufferBytes = 4096;
    private const int MinSpaceBytes = 512;
    private const int MaxHeaderBytes = 14;
    private const int MaxControlPayload = 125;

    private byte[]? _buffer;
    private int _start;
    private int _end;

    // The fragments so far of a message that was not sent in one frame
    private byte[]? _message;
    private int _messageLength;
    private bool _inMessage;
    private bool _dropping;

    /// <summary>Bytes of a payload over the limit that are still to come and go unread.</summary>
    private long _skip;
    private bool _broken;

    /// <summary>True while nothing waits here: the next bytes begin a frame.</summary>
    public readonly bool IsEmpty => _start == _end;

    /// <summary>Frames taken so far, fragments and control frames included; it may wrap.</summary>
    public int Frames { get; private set; }

    /// <summary>Where the next bytes from the network go; never empty. Tell with <see cref="Advance"/> how many came.</summary>
    public Memory<byte> GetSpace()
    {
        if (_buffer is null)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
            _start = _end = 0;
        }
        else if (_buffer.Length - _end < MinSpaceBytes)
        {
            var waiting = _end - _start;
            var target = _buffer;
            if (waiting > _buffer.Length / 2)
                target = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            _buffer.AsSpan(_start, waiting).CopyTo(target);
            if (target != _buffer)
                ArrayPool<byte>.Shared.Return(_buffer);
            (_buffer, _start, _end) = (target, 0, waiting);
        }
        return _buffer.AsMemory(_end);
    }

    public void Advance(int bytes) => _end += bytes;

    /// <summary>Takes the next message or control frame.</summary>
    /// <param name="payload">Unmasked, in the reader's buffer: valid until the next call.</param>
    /// <returns>False when more bytes are needed.</returns>
    public bool TryRead(out Incoming incoming, out ReadOnlyMemory<byte> payload)
    {
        if (!_inMessage && _message is not null)
            ReturnMessage(); // the message given out last
        while (!_broken)
        {
            if (_skip > 0)
            {
                var skipped = (int)Math.Min(_skip, _end - _start);
                _start += skipped;
                _skip -= skipped;
                if (_skip > 0)
                    break;
            }
            incoming = Incoming.ProtocolError;
            payload = default;
            if (!TryReadFrame(out var first, out var body, out var isDropped))
            {
                if (_broken)
                    return true;
                break;
            }
            if (isDropped)
            {
                var isNews = !_dropping;
                _dropping = _inMessage = !first.IsLast;
                if (!isNews)
                    continue;
                incoming = Incoming.TooLarge;
                return true;
            }
            if (TryTake(first, body, out incoming, out payload))
                return true;
        }
        if (_broken)
            _start = _end;
        if (_start == _end)
            ReturnBuffer();
        incoming = default;
        payload = default;
        return false;
    }

    /// <summary>Gives the buffers back; the reader is as new.</summary>
    public void Release()
    {
        ReturnBuffer();
        ReturnMessage();
    }

    /// <summary>Handles one frame that is all there; false when it was a fragment and the message goes on.</summary>
    private bool TryTake(FirstByte first, Memory<byte> body, out Incoming incoming, out ReadOnlyMemory<byte> payload)
    {
        payload = body;
        switch (first.Opcode)
        {
            case Opcode.Ping:
                incoming = Incoming.Ping;
                return true;
            case Opcode.Pong:
                incoming = Incoming.Pong;
                return true;
            case Opcode.Close:
                incoming = Incoming.Close;
                return true;
            case Opcode.Binary:
                _dropping = _inMessage = !first.IsLast;
                incoming = Incoming.Binary;
                return true;
            case Opcode.Text when first.IsLast:
                break;
            default:
                Append(body.Span);
                _inMessage = !first.IsLast;
                incoming = default;
                if (_inMessage)
                    return false;
                payload = _message.AsMemory(0, _messageLength);
                break;
        }
        incoming = Utf8.IsValid(payload.Span) ? Incoming.Text : Incoming.InvalidText;
        return true;
    }

    /// <summary>Takes one frame's header and, unless it is to be dropped, its payload off the buffer; false when it is not all there or is no frame (<see cref="_broken"/>).</summary>
    private bool TryReadFrame(out FirstByte first, out Memory<byte> body, out bool isDropped)
    {
        first = default;
        body = default;
        isDropped = false;
        var bytes = _buffer.AsSpan(_start, _end - _start);
        if (bytes.Length < 2)
            return false;
        first = new FirstByte(bytes[0]);
        var isMasked = (bytes[1] & 0x80) != 0;
        long length = bytes[1] & 0x7F;

        // RFC 6455 §5.1: clients mask; §5.2: reserved bits are 0; §5.5: control frames are short and whole; §5.4: fragments of two messages never mix
        var isLegal = isMasked && !first.HasReservedBits && (first.IsControl
            ? first.Opcode is Opcode.Ping or Opcode.Pong or Opcode.Close && first.IsLast && length <= MaxControlPayload
            : first.Opcode is Opcode.Continuation ? _inMessage : first.Opcode is Opcode.Text or Opcode.Binary && !_inMessage);
        if (!isLegal)
            return Break();

        var header = length switch { 126 => 8, 127 => MaxHeaderBytes, _ => 6 };
        if (bytes.Length < header)
            return false;
        if (length == 126)
            length = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        else if (length == 127)
            length = BinaryPrimitives.ReadInt64BigEndian(bytes[2..]);
        if (length < 0)
            return Break();

        if (!first.IsControl && (_dropping || length + (_inMessage ? _messageLength : 0) > maxMessageBytes))
        {
            isDropped = true;
            Frames++;
            ReturnMessage();
            _start += header;
            _skip = length;
            return true;
        }
        if (bytes.Length < header + length)
            return false;
        body = _buffer.AsMemory(_start + header, (int)length);
        Unmask(body.Span, MemoryMarshal.Read<uint>(bytes[(header - 4)..]));
        _start += header + (int)length;
        Frames++;
        return true;
    }

    private bool Break()
    {
        _broken = true;
        return false;
    }

    private void Append(ReadOnlySpan<byte> fragment)
    {
        var length = _messageLength + fragment.Length;
        if (_message is null || _message.Length < length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(length, FirstBufferBytes));
            _message.AsSpan(0, _messageLength).CopyTo(larger);
            if (_message is not null)
                ArrayPool<byte>.Shared.Return(_message);
            _message = larger;
        }
        fragment.CopyTo(_message.AsSpan(_messageLength));
        _messageLength = length;
    }

    private void ReturnBuffer()
    {
        if (_buffer is not null)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = null;
        _start = _end = 0;
    }

    private void ReturnMessage()
    {
        if (_message is not null)
            ArrayPool<byte>.Shared.Return(_message);
        _message = null;
        _messageLength = 0;
    }

    /// <summary>RFC 6455 §5.3, eight bytes at a time.</summary>
    private static void Unmask(Span<byte> payload, uint mask)
    {
        var wide = MemoryMarshal.Cast<byte, ulong>(payload);
        var wideMask = mask | ((ulong)mask << 32);
        for (var i = 0; i < wide.Length; i++)
            wide[i] ^= wideMask;
        var rest = payload[(wide.Length * sizeof(ulong))..];
        Span<byte> maskBytes = stackalloc byte[sizeof(uint)];
        MemoryMarshal.Write(maskBytes, mask);
        for (var i = 0; i < rest.Length; i++)
            rest[i] ^= maskBytes[i & 3];
    }

    private readonly record struct FirstByte(byte Value)
    {
        public bool IsLast => (Value & 0x80) != 0;

        public bool HasReservedBits => (Value & 0x70) != 0;

        public Opcode Opcode => (Opcode)(Value & 0x0F);

        public bool IsControl => (Value & 0x08) != 0;
    }
}
