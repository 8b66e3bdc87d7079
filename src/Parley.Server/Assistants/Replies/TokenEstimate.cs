using System.Text;

namespace Parley.Server.Assistants.Replies;

/// <summary>
/// How many tokens a text will be, without the model's own vocabulary: near one for each character of a dense script (Chinese, Japanese, Korean), one
/// for four others. Errs by some 15 % on prose, and on the safe side on code and rare scripts.
/// </summary>
internal static class TokenEstimate
{
    private const int QuartersPerDense = 4;
    private const int QuartersPerOther = 1;

    /// <summary>Beyond Latin: Cyrillic, Greek, Arabic, Indic take about two characters a token.</summary>
    private const int QuartersPerForeign = 2;

    public static int Of(ReadOnlySpan<char> text) => (Quarters(text) + 3) / 4;

    public static int Of(StringBuilder text)
    {
        var quarters = 0;
        foreach (var chunk in text.GetChunks())
            quarters += Quarters(chunk.Span);
        return (quarters + 3) / 4;
    }

    public static bool IsDense(char c) => c is (>= '\u2E80' and <= '\uA4CF') or (>= '\uAC00' and <= '\uD7FF') or (>= '\uF900' and <= '\uFAFF') or (>= '\uFF00' and <= '\uFFEF');

    /// <summary>How many characters from the beginning come to at most so many tokens; never half a surrogate pair.</summary>
    public static int Fit(ReadOnlySpan<char> text, int tokens)
    {
        var quarters = 0;
        var length = 0;
        while (length < text.Length && (quarters += Quarters(text[length])) <= tokens * 4)
            length++;
        return length > 0 && length < text.Length && char.IsHighSurrogate(text[length - 1]) ? length - 1 : length;
    }

    /// <summary>The same from the end.</summary>
    public static int FitFromEnd(ReadOnlySpan<char> text, int tokens)
    {
        var quarters = 0;
        var length = 0;
        while (length < text.Length && (quarters += Quarters(text[^(length + 1)])) <= tokens * 4)
            length++;
        return length > 0 && length < text.Length && char.IsLowSurrogate(text[^length]) ? length - 1 : length;
    }

    private static int Quarters(ReadOnlySpan<char> text)
    {
        var quarters = 0;
        foreach (var c in text)
            quarters += Quarters(c);
        return quarters;
    }

    private static int Quarters(char c) => c < '\u0250' ? QuartersPerOther : IsDense(c) ? QuartersPerDense : QuartersPerForeign;
}
