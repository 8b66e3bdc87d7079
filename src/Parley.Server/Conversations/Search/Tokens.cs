using System.Globalization;
using System.Text;

namespace Parley.Server.Conversations.Search;

/// <summary>A piece of a text that can be found.</summary>
/// <param name="Text">Folded: lower case, without accents.</param>
/// <param name="Start">Where it stands in the original, in UTF-16 units.</param>
/// <param name="IsUnspaced">A character or a pair of a script that has no spaces between words.</param>
internal readonly record struct Token(string Text, int Start, int Length, bool IsUnspaced);

/// <summary>
/// Cuts any text into what a search finds: words where a script has spaces, else single characters and pairs of neighbours. Needs no dictionary, so every
/// language is found, and the same word is cut alike in an entry and in a query.
/// </summary>
internal static class Tokens
{
    /// <summary>PostgreSQL takes lexemes of up to 2,046 bytes; nobody searches for a longer word than this.</summary>
    private const int MaxWordLength = 64;

    private const int LatinFirst = 0x00C0;
    private const string Latin =
        "aaaaaaæceeeeiiiiðnooooo×ouuuuyþßaaaaaaæceeeeiiiiðnooooo÷ouuuuyþy"
        + "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiĳĳjjkkĸllllllllllnnnnnnŉŋŋooooooœœrrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

    private const int VietnameseFirst = 0x1EA0;
    private const string Vietnamese = "aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy";

    /// <summary>All tokens in their order: for a run of characters without spaces each character, and each pair.</summary>
    public static IEnumerable<Token> Of(string text)
    {
        var at = 0;
        while (at < text.Length)
        {
            var rune = RuneAt(text, at);
            if (IsUnspaced(rune))
            {
                var previous = (Rune?)null;
                var previousAt = at;
                for (; at < text.Length && IsUnspaced(rune = RuneAt(text, at)); at += rune.Utf16SequenceLength)
                {
                    yield return new Token(Fold(rune), at, rune.Utf16SequenceLength, IsUnspaced: true);
                    if (previous is { } before)
                        yield return new Token(Fold(before) + Fold(rune), previousAt, at - previousAt + rune.Utf16SequenceLength, IsUnspaced: true);
                    (previous, previousAt) = (rune, at);
                }
            }
            else if (Rune.IsLetterOrDigit(rune))
            {
                var start = at;
                while (at < text.Length && IsOfWord(rune = RuneAt(text, at)))
                    at += rune.Utf16SequenceLength;
                if (FoldWord(text.AsSpan(start, at - start)) is { Length: > 0 } word)
                    yield return new Token(word, start, at - start, IsUnspaced: false);
            }
            else
            {
                at += rune.Utf16SequenceLength;
            }
        }
    }

    /// <summary>The tokens to find a text by: of an unspaced run its pairs alone, for they say more than its characters.</summary>
    public static List<Token> OfQuery(string query)
    {
        var tokens = Of(query).ToList();
        var inPairs = tokens.Where(token => token.IsUnspaced && IsPair(token)).SelectMany(pair => Enumerable.Range(pair.Start, pair.Length)).ToHashSet();
        tokens.RemoveAll(token => token.IsUnspaced && !IsPair(token) && inPairs.Contains(token.Start));
        return tokens;
    }

    private static bool IsPair(Token token) => token.Length > RuneAt(token.Text, 0).Utf16SequenceLength;

    private static bool IsOfWord(Rune rune) =>
        !IsUnspaced(rune) && (Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark);

    /// <summary>Han, kana, Hangul, Bopomofo, Thai, Lao, Myanmar and Khmer: no spaces, or none that part words.</summary>
    private static bool IsUnspaced(Rune rune) => rune.Value is
        (>= 0x0E00 and <= 0x0EFF) or (>= 0x1000 and <= 0x109F) or (>= 0x1100 and <= 0x11FF) or (>= 0x1780 and <= 0x17FF)
        or (>= 0x2E80 and <= 0x2FDF) or (>= 0x3005 and <= 0x3007) or (>= 0x3040 and <= 0x31FF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF)
        or (>= 0xA960 and <= 0xA97F) or (>= 0xAC00 and <= 0xD7FF) or (>= 0xF900 and <= 0xFAFF) or (>= 0xFF66 and <= 0xFFDC) or (>= 0x20000 and <= 0x3FFFF)
        && rune.Value is not (0x30FB or 0x3099 or 0x309A or 0x0E3F or 0x0E4F or 0x0E5A or 0x0E5B);

    /// <summary>The character at this place; half a surrogate pair is U+FFFD.</summary>
    private static Rune RuneAt(string text, int index)
    {
        Rune.DecodeFromUtf16(text.AsSpan(index), out var rune, out _);
        return rune;
    }

    private static string Fold(Rune rune) => Rune.ToLowerInvariant(rune).ToString();

    private static string FoldWord(ReadOnlySpan<char> word)
    {
        if (word.Length > MaxWordLength)
            word = word[..(char.IsHighSurrogate(word[MaxWordLength - 1]) ? MaxWordLength - 1 : MaxWordLength)];
        if (System.Text.Ascii.IsValid(word))
            return word.ToString().ToLowerInvariant();
        var folded = new StringBuilder(word.Length);
        foreach (var rune in word.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune)) // not the accents that stand as characters of their own
                folded.Append(Fold(Bare(rune)));
        }
        return folded.ToString();
    }

    /// <summary>
    /// A Latin letter without its accent, and a full-width one in the usual width; any other as it is. By tables of our own: without ICU, which this program does without,
    /// .NET decomposes nothing.
    /// </summary>
    private static Rune Bare(Rune rune) => rune.Value switch
    {
        >= LatinFirst and < LatinFirst + 192 => new Rune(Latin[rune.Value - LatinFirst]),
        >= VietnameseFirst and < VietnameseFirst + 90 => new Rune(Vietnamese[rune.Value - VietnameseFirst]),
        0x01A0 or 0x01A1 => new Rune('o'),
        0x01AF or 0x01B0 => new Rune('u'),
        >= 0xFF10 and <= 0xFF5A => new Rune(rune.Value - 0xFEE0),
        _ => rune,
    };
}
