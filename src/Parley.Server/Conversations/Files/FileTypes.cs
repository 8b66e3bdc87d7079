using System.Buffers;
using System.Text;
using Microsoft.Net.Http.Headers;

namespace Parley.Server.Conversations.Files;

/// <summary>What a file is, by its first bytes before what its sender says, and which kinds are taken.</summary>
internal static class FileTypes
{
    /// <summary>So many bytes are looked at.</summary>
    public const int HeadLength = 512;

    public const string Unknown = "application/octet-stream";
    private const string Zip = "application/zip";
    private const string Executable = "application/x-executable";
    private const string Html = "text/html";
    private const string PlainText = "text/plain";

    /// <summary>What is taken while the tenant has no list of its own.</summary>
    private static readonly string[] _taken =
    [
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic", "image/bmp", "application/pdf", PlainText, "text/csv", "text/markdown",
        "application/json", Zip, "application/gzip", "audio/*", "video/*", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.*", "application/vnd.oasis.opendocument.*",
    ];

    /// <summary>Those a browser shows without running anything.</summary>
    private static readonly HashSet<string> _shown = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "application/pdf", PlainText];

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
        var seen = Sniff(head);
        contentType = seen ?? claim;
        if (seen is not null)
            return claim == seen || claim is Unknown || !IsTellTale(claim) || (seen is Zip && IsZipped(claim) && Keep(claim, out contentType)) || (IsMedia(claim) && IsMedia(seen));
        if (IsTellTale(claim))
            return false; // a picture or document that does not begin as one
        if (claim.StartsWith("text/", StringComparison.Ordinal) && !IsText(head))
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
        type is "image/png" or "image/jpeg" or "image/gif" or "image/webp" or "image/bmp" or "application/pdf" or Zip or "application/gzip" || IsZipped(type);

    private static bool IsZipped(string type) =>
        type.StartsWith("application/vnd.openxmlformats-officedocument.", StringComparison.Ordinal)
        || type.StartsWith("application/vnd.oasis.opendocument.", StringComparison.Ordinal);

    private static bool IsMedia(string type) => type.StartsWith("audio/", StringComparison.Ordinal) || type.StartsWith("video/", StringComparison.Ordinal);

    private static string? Sniff(ReadOnlySpan<byte> head) => head switch
    {
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => "image/png",
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'7' or (byte)'9', (byte)'a', ..] => "image/gif",
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => "image/webp",
        [(byte)'B', (byte)'M', _, _, _, _, 0, 0, 0, 0, ..] => "image/bmp",
        [(byte)'%', (byte)'P', (byte)'D', (byte)'F', (byte)'-', ..] => "application/pdf",
        [(byte)'P', (byte)'K', 3 or 5 or 7, 4 or 6 or 8, ..] => Zip,
        [0x1F, 0x8B, ..] => "application/gzip",
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', (byte)'a', (byte)'v', (byte)'i', (byte)'f', ..] => "image/avif",
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', (byte)'h', (byte)'e', (byte)'i', (byte)'c', ..] => "image/heic",
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] => "video/mp4",
        [0x1A, 0x45, 0xDF, 0xA3, ..] => "video/webm",
        [(byte)'I', (byte)'D', (byte)'3', ..] => "audio/mpeg",
        [(byte)'O', (byte)'g', (byte)'g', (byte)'S', ..] => "audio/ogg",
        [(byte)'M', (byte)'Z', ..] or [0x7F, (byte)'E', (byte)'L', (byte)'F', ..] or [(byte)'#', (byte)'!', ..] => Executable,
        _ => IsMarkup(head) ? Html : null,
    };

    /// <summary>Whether a browser that guesses could take it for a page: a tag that begins one stands at its beginning.</summary>
    private static bool IsMarkup(ReadOnlySpan<byte> head)
    {
        if (head.StartsWith("\uFEFF"u8))
            head = head[3..];
        head = head.TrimStart(" \t\r\n"u8);
        if (head.IndexOfAny(_markupBegins) != 0)
            return false;
        var begin = Encoding.ASCII.GetString(head[..Math.Min(head.Length, 16)]).ToLowerInvariant();
        string[] tags = ["<!doctype", "<html", "<head", "<body", "<script", "<iframe", "<svg", "<img", "<?xml", "<!--", "<style", "<a ", "<div"];
        return tags.Any(tag => begin.StartsWith(tag, StringComparison.Ordinal));
    }

    private static bool IsText(ReadOnlySpan<byte> head) => !head.Contains((byte)0);
}
