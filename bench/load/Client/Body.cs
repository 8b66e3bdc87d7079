using System.Buffers.Text;

namespace Parley.Load.Client;

/// <summary>The text of a message of the load: <c>~</c>, who sent it, which of the sender's it is, when, then filling to its size.</summary>
internal static class Body
{
    public const int Size = 128;
    public const byte Mark = (byte)'~';
    private const int NumberAt = 9;
    private const int SentAtAt = 17;
    private const int Least = 33;

    public static byte[] Blank(int size)
    {
        var text = new byte[size];
        text.AsSpan().Fill((byte)'x');
        text[0] = Mark;
        return text;
    }

    public static void Write(Span<byte> text, int sender, int number, long sentAt)
    {
        Hex.Write(text.Slice(1, 8), sender);
        Hex.Write(text.Slice(NumberAt, 8), number);
        Hex.Write(text.Slice(SentAtAt, 16), sentAt);
    }

    /// <summary>Finds the text within a frame.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out int sender, out int number, out long sentAt)
    {
        (sender, number, sentAt) = (0, 0, 0);
        var start = frame.IndexOf(Mark);
        if (start < 0 || frame.Length - start < Least)
            return false;
        var text = frame[start..];
        sender = (int)Hex.Read(text.Slice(1, 8));
        number = (int)Hex.Read(text.Slice(NumberAt, 8));
        sentAt = Hex.Read(text.Slice(SentAtAt, 16));
        return true;
    }

    /// <summary>Reads the decimal number that follows <paramref name="name"/>; -1 when there is none.</summary>
    public static long NumberAfter(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> name)
    {
        var at = frame.IndexOf(name);
        return at >= 0 && Utf8Parser.TryParse(frame[(at + name.Length)..], out long number, out _) ? number : -1;
    }
}

/// <summary>Lower-case hexadecimal of fixed width.</summary>
internal static class Hex
{
    public static void Write(Span<byte> digits, long value)
    {
        for (var i = digits.Length - 1; i >= 0; i--, value >>= 4)
            digits[i] = "0123456789abcdef"u8[(int)(value & 15)];
    }

    public static long Read(ReadOnlySpan<byte> digits)
    {
        long value = 0;
        foreach (var digit in digits)
            value = (value << 4) | (digit <= '9' ? digit - (long)'0' : (digit | 0x20) - (long)'a' + 10);
        return value;
    }
}
