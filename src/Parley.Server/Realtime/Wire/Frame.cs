using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Parley.Server.Realtime.Wire;

/// <summary>
/// One message from server to client, encoded once: the RFC 6455 header and the JSON in one array that every queue shares and nobody changes.
/// </summary>
internal sealed class Frame
{
    private const int MaxControlPayload = 125;

    [ThreadStatic]
    private static Draft? _draft;

    private readonly byte[] _wire;

    private Frame(byte[] wire, long seq) => (_wire, Seq) = (wire, seq);

    /// <summary>The place in its topic's order, from which a held subscription knows what it has passed on; 0 for what is not kept (typing, deltas).</summary>
    public long Seq { get; }

    /// <summary>Header and payload, as they go to the socket.</summary>
    public ReadOnlyMemory<byte> Wire => _wire;

    /// <summary>The payload alone, for a bus to other nodes.</summary>
    public ReadOnlySpan<byte> Json => _wire.AsSpan(HeaderLength(_wire));

    public int Length => _wire.Length;

    /// <summary>A ping without payload; one for all connections.</summary>
    internal static Frame Ping { get; } = Control(Opcode.Ping, []);

    /// <summary>A text message of <paramref name="json"/>, which is copied.</summary>
    public static Frame Text(ReadOnlySpan<byte> json, long seq = 0) => Encode(Opcode.Text, json, seq);

    /// <summary>A text message that <paramref name="write"/> writes; pass what it needs as <paramref name="state"/> so that nothing is captured.</summary>
    public static Frame Text<TState>(TState state, Action<Utf8JsonWriter, TState> write, long seq = 0)
    {
        // Taken, not shared: a callback that makes a frame of its own finds none and gets a second draft.
        var draft = _draft ?? new Draft();
        _draft = null;
        draft.Begin();
        write(draft.Writer, state);
        draft.Writer.Flush();
        var frame = Text(draft.Bytes.WrittenSpan, seq);
        _draft = draft.ForReuse();
        return frame;
    }

    /// <summary>A text message of <paramref name="value"/> as <paramref name="type"/> writes it.</summary>
    public static Frame Text<T>(T value, JsonTypeInfo<T> type, long seq = 0) =>
        Text((value, type), static (json, of) => JsonSerializer.Serialize(json, of.value, of.type), seq);

    /// <summary>A ping, pong or close; what is over 125 bytes is cut off.</summary>
    internal static Frame Control(Opcode opcode, ReadOnlySpan<byte> payload) =>
        Encode(opcode, payload[..Math.Min(payload.Length, MaxControlPayload)], 0);

    /// <summary>A close with its code and as much of <paramref name="reason"/> as fits.</summary>
    internal static Frame Close(CloseCode code, string reason)
    {
        Span<byte> payload = stackalloc byte[MaxControlPayload];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        Encoding.UTF8.GetEncoder().Convert(reason, payload[2..], flush: true, out _, out var written, out _); // never cuts a character in two
        return Control(Opcode.Close, payload[..(2 + written)]);
    }

    private static Frame Encode(Opcode opcode, ReadOnlySpan<byte> payload, long seq)
    {
        var header = payload.Length switch { <= 125 => 2, <= ushort.MaxValue => 4, _ => 10 };
        var wire = GC.AllocateUninitializedArray<byte>(header + payload.Length);
        wire[0] = (byte)(0x80 | (byte)opcode);
        switch (header)
        {
            case 2:
                wire[1] = (byte)payload.Length;
                break;
            case 4:
                wire[1] = 126;
                BinaryPrimitives.WriteUInt16BigEndian(wire.AsSpan(2), (ushort)payload.Length);
                break;
            default:
                wire[1] = 127;
                BinaryPrimitives.WriteInt64BigEndian(wire.AsSpan(2), payload.Length);
                break;
        }
        payload.CopyTo(wire.AsSpan(header));
        return new Frame(wire, seq);
    }

    private static int HeaderLength(byte[] wire) => wire[1] switch { 126 => 4, 127 => 10, _ => 2 };

    /// <summary>A thread's buffer and writer for the next frame.</summary>
    private sealed class Draft
    {
        private const int KeptBytes = 64 * 1024;

        // Nothing here lands inside HTML, so text stays readable and short: "你好", not "\\u4F60\\u597D".
        public Draft() => Writer = new Utf8JsonWriter(Bytes, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

        public ArrayBufferWriter<byte> Bytes { get; } = new(1024);

        public Utf8JsonWriter Writer { get; }

        public void Begin()
        {
            Bytes.ResetWrittenCount();
            Writer.Reset();
        }

        /// <summary>Itself, or nothing once it has grown so far that a thread should not keep it.</summary>
        public Draft? ForReuse() => Bytes.Capacity <= KeptBytes ? this : null;
    }
}

/// <summary>RFC 6455 §5.2.</summary>
internal enum Opcode : byte
{
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}
