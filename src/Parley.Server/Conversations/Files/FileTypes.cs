using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Microsoft.Net.Http.Headers;

namespace Parley.Server.Conversations.Files;

/// <summary>What a file is, by its first bytes before what its sender says, and which kinds are taken.</summary>
internal static class FileTypes
{
    /// <summary>So many bytes are looked at.</summary>
    public const int HeadLength = 4_096;

    public const string Unknown = "application/octet-stream";
    private const string Zip = "application/zip";
    private const string Executable = "application/x-executable";
    private const string Html = "text/html";
    private const string PlainText = "text/plain";

    /// <summary>What is taken while the tenant has no list of its own.</summary>
    private static readonly string[] _taken =
    [
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic", "image/heif", "image/bmp", "application/pdf", PlainText, "text/csv", "text/markdown",
        "application/json", Zip, "application/gzip", "audio/*", "video/*", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.*", "application/vnd.oasis.opendocument.*",
    ];

    /// <summary>Those a browser shows without running anything.</summary>
    private static readonly HashSet<string> _shown = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "application/pdf", PlainText];

    /// <summary>Bytes that stand in no text: control characters but for tab, line ends, form feed and the escape of coloured logs.</summary>
    private static readonly SearchValues<byte> _binary =
        SearchValues.Create([0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31, 127]);

    private static readonly SearchValues<byte> _markupBegins = SearchValues.Create("<"u8);

    public static bool IsShown(string contentType) => _shown.Contains(contentType);

    /// <summary>Whether <paramref name="contentType"/> is one of <paramref name="patterns"/> (<c>image/*</c> for a family); without any, of the server's own.</summary>
    public static bool IsTaken(string contentType, IReadOnlyCollection<string> patterns) =>
        (patterns.Count == 0 ? _taken : patterns).Any(pattern => pattern.EndsWith('*')
            ? contentType.StartsWith(pattern[..^1], StringComparison.OrdinalIgnoreCase)
            : contentType.Equals(pattern, StringComparison.OrdinalIgnoreCase));

    /// <summary>The type to keep: what the bytes are; where they do not say, what was declared.</summary>
    /// <returns>False when it was declared as something that its bytes are not.</returns>
    public static bool TryDetermine(ReadOnlySpan<byte> head, string? declared, out string contentType)
    {
        var claim = MediaTypeHeaderValue.TryParse(declared, out var parsed) ? parsed.MediaType.ToString().ToLowerInvariant() : Unknown;
        var seen = Sniff(head, claim);
        contentType = seen ?? claim;
        if (seen is not null)
        {
            return claim == seen || claim is Unknown || !IsTellTale(claim) || (seen is Zip && IsZipped(claim) && Keep(claim, out contentType))
                || (IsMedia(claim) && IsMedia(seen)) || (IsImage(claim) && IsImage(seen));
        }
        if (IsTellTale(claim))
            return false; // a picture or document that does not begin as one
        if (claim is Unknown && IsUnicode(head))
            contentType = PlainText; // a log, a configuration: browsers do not know their names
        else if (claim.StartsWith("text/", StringComparison.Ordinal) && !IsText(head) && !IsUtf16(head))
            contentType = Unknown;
        return true;
    }

    private static bool Keep(string claim, out string contentType)
    {
        contentType = claim;
        return true;
    }

    /// <summary>Types whose files begin in a way that is known here.</summary>
    private static bool IsTellTale(string type) =>
        type is "image/png" or "image/jpeg" or "image/gif" or "image/webp" or "image/avif" or "image/heic" or "image/heif" or "image/bmp" or "application/pdf" or Zip or "application/gzip" || IsZipped(type);

    private static bool IsZipped(string type) =>
        type.StartsWith("application/vnd.openxmlformats-officedocument.", StringComparison.Ordinal)
        || type.StartsWith("application/vnd.oasis.opendocument.", StringComparison.Ordinal);

    private static bool IsMedia(string type) => type.StartsWith("audio/", StringComparison.Ordinal) || type.StartsWith("video/", StringComparison.Ordinal);

    private static bool IsImage(string type) => type.StartsWith("image/", StringComparison.Ordinal);

    private static string? Sniff(ReadOnlySpan<byte> head, string claim) => head switch
    {
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => "image/png",
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'7' or (byte)'9', (byte)'a', ..] => "image/gif",
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => "image/webp",
        [(byte)'B', (byte)'M', _, _, _, _, 0, 0, 0, 0, ..] => "image/bmp",
        [(byte)'%', (byte)'P', (byte)'D', (byte)'F', (byte)'-', ..] => "application/pdf",
        [(byte)'P', (byte)'K', 3 or 5 or 7, 4 or 6 or 8, ..] => Zip,
        [0x1F, 0x8B, ..] => "application/gzip",
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', _, _, _, _, ..] => OfBrands(head, claim),
        [0x1A, 0x45, 0xDF, 0xA3, ..] => IsSound(head, "A_"u8, "V_"u8, claim) ? "audio/webm" : "video/webm",
        [(byte)'I', (byte)'D', (byte)'3', ..] when !IsUnicode(head) => "audio/mpeg",
        [(byte)'O', (byte)'g', (byte)'g', (byte)'S', ..] => "audio/ogg",
        [(byte)'M', (byte)'Z', ..] or [(byte)'#', (byte)'!', ..] when !IsUnicode(head) => Executable, // text may begin so
        [0x7F, (byte)'E', (byte)'L', (byte)'F', ..] => Executable,
        _ => IsMarkup(head) ? Html : null,
    };

    /// <summary>Whether a browser that guesses could take it for a page: a tag that begins one stands at its beginning.</summary>
    private static bool IsMarkup(ReadOnlySpan<byte> head)
    {
        if (head.StartsWith("\uFEFF"u8))
            head = head[3..];
        else if (IsUtf16(head))
            head = Encoding.UTF8.GetBytes(DecodeUtf16(head));
        head = head.TrimStart(" \t\r\n"u8);
        if (head.IndexOfAny(_markupBegins) != 0)
            return false;
        var begin = Encoding.ASCII.GetString(head[..Math.Min(head.Length, 16)]).ToLowerInvariant();
        string[] tags = ["<!doctype", "<html", "<head", "<body", "<script", "<iframe", "<svg", "<img", "<?xml", "<!--", "<style", "<a ", "<div"];
        return tags.Any(tag => begin.StartsWith(tag, StringComparison.Ordinal));
    }

    /// <summary>Tells the kinds of ISO base media files (ISO/IEC 14496-12) apart by the brands in their first box.</summary>
    private static string OfBrands(ReadOnlySpan<byte> head, string claim)
    {
        var end = Math.Clamp(BinaryPrimitives.ReadInt32BigEndian(head), 12, head.Length);
        var (isHeif, isSound) = (false, false);
        for (var at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) // between the major brand and the compatible ones stands a version
        {
            switch (Encoding.ASCII.GetString(head.Slice(at, 4)))
            {
                case "avif" or "avis":
                    return "image/avif";
                case "heic" or "heix" or "heim" or "heis" or "hevc" or "hevx" or "hevm" or "hevs":
                    return "image/heic";
                case "mif1" or "msf1" or "mif2":
                    isHeif = true;
                    break;
                case "M4A " or "M4B " or "M4P ":
                    isSound = true;
                    break;
                case "qt  ":
                    return "video/quicktime";
            }
        }
        return isHeif ? "image/heif" : isSound || IsSound(head, "soun"u8, "vide"u8, claim) ? "audio/mp4" : "video/mp4";
    }

    /// <summary>Whether a container holds sound alone: as its tracks say when they stand at its beginning, else as was declared.</summary>
    private static bool IsSound(ReadOnlySpan<byte> head, ReadOnlySpan<byte> sound, ReadOnlySpan<byte> picture, string claim)
    {
        if (head.IndexOf(picture) >= 0)
            return false;
        return head.IndexOf(sound) >= 0 || claim.StartsWith("audio/", StringComparison.Ordinal);
    }

    private static bool IsText(ReadOnlySpan<byte> head) => !head.Contains((byte)0);

    /// <summary>Whether it is text in UTF-8 or, with its mark, UTF-16, as far as one sees.</summary>
    private static bool IsUnicode(ReadOnlySpan<byte> head)
    {
        if (IsUtf16(head))
            return true;
        if (head.Length == 0 || head.IndexOfAny(_binary) >= 0)
            return false;
        while (head.Length > 0)
        {
            var status = Rune.DecodeFromUtf8(head, out _, out var length);
            if (status is OperationStatus.NeedMoreData)
                return true; // cut within a character
            if (status is not OperationStatus.Done)
                return false;
            head = head[length..];
        }
        return true;
    }

    private static bool IsUtf16(ReadOnlySpan<byte> head)
    {
        if (head is not ([0xFF, 0xFE, ..] or [0xFE, 0xFF, ..]) || head.Length < 4)
            return false;
        foreach (var character in DecodeUtf16(head))
        {
            if (char.IsControl(character) && character is not ('\t' or '\r' or '\n' or '\f'))
                return false;
        }
        return true;
    }

    /// <summary>Decodes text behind its byte order mark, without a half character at the end.</summary>
    private static string DecodeUtf16(ReadOnlySpan<byte> head) =>
        (head[0] == 0xFF ? Encoding.Unicode : Encoding.BigEndianUnicode).GetString(head[2..(head.Length & ~1)]);
}
