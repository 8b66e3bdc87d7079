using System.Buffers.Binary;
using System.Text;
using Parley.Server.Realtime.Wire;

namespace Parley.Server.Tests.Realtime;

/// <summary>Frames as a client sends them, or as no client should.</summary>
internal static class ClientFrames
{
    private static readonly byte[] _mask = [0x37, 0xfa, 0x21, 0x3d];

    public static byte[] Text(string text) => Encode(Opcode.Text, Encoding.UTF8.GetBytes(text));

    public static byte[] Close(int code)
    {
        var payload = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        return Encode(Opcode.Close, payload);
    }

    /// <summary>RFC 6455 §5.2, masked.</summary>
    public static byte[] Encode(Opcode opcode, ReadOnlySpan<byte> payload, bool isLast = true)
    {
        var length = new byte[payload.Length switch { <= 125 => 1, <= ushort.MaxValue => 3, _ => 9 }];
        if (length.Length == 1)
            length[0] = (byte)payload.Length;
        else if (length.Length == 3)
            BinaryPrimitives.WriteUInt16BigEndian(length.AsSpan(1), (ushort)payload.Length);
        else
            BinaryPrimitives.WriteInt64BigEndian(length.AsSpan(1), payload.Length);
        if (length.Length > 1)
            length[0] = (byte)(length.Length == 3 ? 126 : 127);
        length[0] |= 0x80;
        var masked = payload.ToArray();
        for (var i = 0; i < masked.Length; i++)
            masked[i] ^= _mask[i % 4];
        return [(byte)((isLast ? 0x80 : 0) | (byte)opcode), .. length, .. _mask, .. masked];
    }
}
