using System.Globalization;
using System.Text;

namespace Parley.Server.Conversations.Files;

/// <summary>File names as people give them, made harmless. They are shown and offered for saving, and never become paths on the server.</summary>
internal static class FileName
{
    private const int MaxLength = 200;
    private const int MaxExtension = 20;
    private const string Nameless = "file";

    /// <summary>The name without folders, control characters and tricks of direction; never empty.</summary>
    public static string Clean(string? given)
    {
        var name = (given ?? "").AsSpan();
        name = name[(name.LastIndexOfAny('/', '\\') + 1)..];
        var clean = new StringBuilder(name.Length);
        foreach (var rune in name.EnumerateRunes()) // half a surrogate pair comes as U+FFFD
        {
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                || rune.Value is '<' or '>' or ':' or '"' or '|' or '?' or '*')
                continue;
            clean.Append(rune.ToString());
        }
        var result = clean.ToString().Trim(' ', '.');
        if (result.Length == 0)
            return Nameless;
        return result.Length <= MaxLength ? result : Shorten(result);
    }

    private static string Shorten(string name)
    {
        var extension = Path.GetExtension(name);
        if (extension.Length > MaxExtension)
            extension = "";
        var length = MaxLength - extension.Length;
        if (char.IsHighSurrogate(name[length - 1]))
            length--;
        return name[..length] + extension;
    }
}
