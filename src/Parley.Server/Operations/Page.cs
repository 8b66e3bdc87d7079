using System.Buffers.Binary;
using System.Buffers.Text;

namespace Parley.Server.Operations;

/// <summary>A part of a list.</summary>
/// <param name="NextCursor">Give it as `cursor` to get what follows; null at the end.</param>
internal sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor)
{
    /// <summary>The first <paramref name="limit"/> of <paramref name="rows"/>, which was read for one more to see whether there is more.</summary>
    public static Page<T> Of(List<T> rows, int limit, Func<T, Cursor> cursorOf)
    {
        if (rows.Count <= limit)
            return new Page<T>(rows, null);
        rows.RemoveRange(limit, rows.Count - limit);
        return new Page<T>(rows, cursorOf(rows[^1]).ToString());
    }
}

internal static class Paging
{
    private const int DefaultLimit = 50;
    private const int MaxLimit = 200;

    /// <summary>How many to give when <paramref name="asked"/> for so many.</summary>
    public static int Limit(int? asked) => Math.Clamp(asked ?? DefaultLimit, 1, MaxLimit);
}

/// <summary>
/// Where a page ended in a list ordered by a time and an id, both in the same direction: the next page is what lies beyond, whatever
/// was added or moved meanwhile. Opaque to clients.
/// </summary>
internal readonly record struct Cursor(DateTimeOffset At, Guid Id) : IParsable<Cursor>
{
    private const int Size = sizeof(long) + 16;

    /// <summary>For lists ordered by id alone.</summary>
    public Cursor(Guid id) : this(DateTimeOffset.UnixEpoch, id)
    {
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        BinaryPrimitives.WriteInt64BigEndian(bytes, At.UtcTicks);
        Id.TryWriteBytes(bytes[sizeof(long)..], bigEndian: true, out _);
        return Base64Url.EncodeToString(bytes);
    }

    public static Cursor Parse(string s, IFormatProvider? provider) => TryParse(s, provider, out var cursor) ? cursor : throw new FormatException("Not a cursor.");

    public static bool TryParse(string? s, IFormatProvider? provider, out Cursor result)
    {
        result = default;
        Span<byte> bytes = stackalloc byte[Size];
        if (s is null || s.Length != Base64Url.GetEncodedLength(Size) || !Base64Url.IsValid(s) || !Base64Url.TryDecodeFromChars(s, bytes, out var length) || length != Size)
            return false;
        var ticks = BinaryPrimitives.ReadInt64BigEndian(bytes);
        if (ticks < DateTime.MinValue.Ticks || ticks > DateTime.MaxValue.Ticks)
            return false;
        result = new Cursor(new DateTimeOffset(ticks, TimeSpan.Zero), new Guid(bytes[sizeof(long)..], bigEndian: true));
        return true;
    }
}
