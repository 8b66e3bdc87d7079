using System.Text;

namespace Parley.Server.Conversations.Search;

/// <summary>What is searched for: every token must be there; the last word may be only begun.</summary>
internal sealed class SearchQuery
{
    private const int MaxTokens = 32;
    private const int SnippetLength = 160;
    private const int Before = 40;

    private readonly List<Token> _tokens;
    private readonly bool _isLastBegun;

    private SearchQuery(List<Token> tokens, bool isLastBegun) => (_tokens, _isLastBegun) = (tokens, isLastBegun);

    /// <summary>Null when there is nothing in the text that could be found.</summary>
    public static SearchQuery? Parse(string text)
    {
        var tokens = Tokens.OfQuery(text).Take(MaxTokens).ToList();
        if (tokens.Count == 0)
            return null;
        var last = tokens[^1];
        return new SearchQuery(tokens, !last.IsUnspaced && last.Start + last.Length == text.Length);
    }

    /// <summary>In the notation of PostgreSQL's <c>tsquery</c>. Tokens hold letters and digits alone, so none can end its quotes.</summary>
    public string ToTsQuery()
    {
        var query = new StringBuilder();
        for (var i = 0; i < _tokens.Count; i++)
            query.Append(i == 0 ? "'" : " & '").Append(_tokens[i].Text).Append(_isLastBegun && i == _tokens.Count - 1 ? "':*" : "'");
        return query.ToString();
    }

    /// <summary>The part of <paramref name="text"/> around the first hit, with «» around what was found.</summary>
    public string Highlight(string text)
    {
        var hits = HitsIn(text);
        var first = hits.Count == 0 ? 0 : hits[0].Start;
        var from = Boundary(text, Math.Max(0, first - Before));
        var to = Boundary(text, Math.Min(text.Length, from + SnippetLength));
        var snippet = new StringBuilder(from > 0 ? "…" : "");
        var at = from;
        foreach (var (start, end) in hits)
        {
            if (end > to)
                break;
            if (start < at)
                continue;
            snippet.Append(text, at, start - at).Append('«').Append(text, start, end - start).Append('»');
            at = end;
        }
        snippet.Append(text, at, Math.Max(0, to - at));
        if (to < text.Length)
            snippet.Append('…');
        return snippet.ToString();
    }

    /// <summary>Where tokens of the query stand, in order, those that touch as one.</summary>
    private List<(int Start, int End)> HitsIn(string text)
    {
        var hits = new List<(int Start, int End)>();
        foreach (var token in Tokens.Of(text).Where(IsHit).OrderBy(token => token.Start).ThenByDescending(token => token.Length))
        {
            var end = token.Start + token.Length;
            if (hits.Count > 0 && token.IsUnspaced && token.Start <= hits[^1].End)
                hits[^1] = (hits[^1].Start, Math.Max(hits[^1].End, end));
            else
                hits.Add((token.Start, end));
        }
        return hits;
    }

    private bool IsHit(Token token)
    {
        for (var i = 0; i < _tokens.Count; i++)
        {
            if (_tokens[i].IsUnspaced != token.IsUnspaced)
                continue;
            if (_isLastBegun && i == _tokens.Count - 1 ? token.Text.StartsWith(_tokens[i].Text, StringComparison.Ordinal) : token.Text == _tokens[i].Text)
                return true;
        }
        return false;
    }

    /// <summary>Not between the halves of a surrogate pair.</summary>
    private static int Boundary(string text, int index) => index > 0 && index < text.Length && char.IsLowSurrogate(text[index]) ? index - 1 : index;
}
