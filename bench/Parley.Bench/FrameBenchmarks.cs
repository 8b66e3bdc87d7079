using System.Buffers.Binary;
using System.Text;
using BenchmarkDotNet.Attributes;
using Parley.Server.Realtime.Wire;

namespace Parley.Bench;

/// <summary>One frame out and one frame in, of the size that a chat message has.</summary>
public class FrameBenchmarks
{
    private readonly byte[] _json = Encoding.UTF8.GetBytes("{\"type\":\"message\",\"message\":{\"body\":\"" + new string('x', 400) + "\"}}");
    private readonly byte[] _masked = Masked(Encoding.UTF8.GetBytes($$"""{"type":"message","client_id":"0198c0de-0000-7000-8000-000000000001","body":"{{new string('x', 128)}}"}"""));
    private FrameReader _reader = new(64 * 1024);

    [Benchmark]
    public int EncodeFrame() => Frame.Text(_json, seq: 1).Length;

    [Benchmark]
    public bool ParseInboundFrame()
    {
        _masked.CopyTo(_reader.GetSpace());
        _reader.Advance(_masked.Length);
        var read = _reader.TryRead(out var incoming, out _) && incoming is Incoming.Text;
        return read & !_reader.TryRead(out _, out _);
    }

    private static byte[] Masked(byte[] payload)
    {
        ReadOnlySpan<byte> key = [0x37, 0xfa, 0x21, 0x3d];
        var frame = new byte[8 + payload.Length];
        (frame[0], frame[1]) = (0x81, 0x80 | 126);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)payload.Length);
        key.CopyTo(frame.AsSpan(4));
        for (var i = 0; i < payload.Length; i++)
            frame[8 + i] = (byte)(payload[i] ^ key[i % 4]);
        return frame;
    }
}
