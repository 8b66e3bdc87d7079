using FsCheck;
using FsCheck.Fluent;
using Parley.Server.Conversations.Search;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class TokensTests
{
    [Theory]
    [InlineData("Where is my ORDER?", "where is my order")]
    [InlineData("Ångström café", "angstrom cafe")]
    [InlineData("订单在哪里", "订 单 订单 在 单在 哪 在哪 里 哪里")]
    [InlineData("東京2024年", "東 京 東京 2024 年")]
    [InlineData("a1b2-c3", "a1b2 c3")]
    [InlineData("…!?", "")]
    public void A_text_is_cut_into_words_and_pairs(string text, string expected)
    {
        var tokens = Tokens.Of(text).Select(token => token.Text);

        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries), tokens);
    }

    [Fact]
    public void A_query_looks_for_pairs_and_for_single_characters_only_alone()
    {
        Assert.Equal(["订单", "单在"], Tokens.OfQuery("订单在").Select(token => token.Text));
        Assert.Equal(["订"], Tokens.OfQuery("订").Select(token => token.Text));
    }

    [Fact]
    public void Any_text_is_cut_into_letters_and_digits_that_stand_where_they_are_said_to() =>
        Prop.ForAll<string>(text => Tokens.Of(text).All(token =>
            token.Text.Length > 0
            && token.Text.EnumerateRunes().All(rune => rune.Value is not ('\'' or '\\' or ' ' or 0))
            && token.Start >= 0 && token.Length > 0 && token.Start + token.Length <= text.Length)).QuickCheckThrowOnFailure();

    [Fact]
    public void Whatever_is_in_a_text_is_found_by_its_own_tokens() =>
        Prop.ForAll<string>(text =>
        {
            var indexed = Tokens.Of(text).Select(token => token.Text).ToHashSet();
            return Tokens.OfQuery(text).All(token => indexed.Contains(token.Text));
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("order", "Where is my order? I ordered on Monday", "Where is my «order»? I «ordered» on Monday")]
    [InlineData("订单", "我的订单在哪里", "我的«订单»在哪里")]
    [InlineData("missing", "nothing here", "nothing here")]
    public void What_was_found_is_marked(string query, string text, string expected) =>
        Assert.Equal(expected, SearchQuery.Parse(query)!.Highlight(text));

    [Fact]
    public void Any_text_can_be_marked_for_any_query() =>
        Prop.ForAll<string, string>((query, text) =>
            SearchQuery.Parse(query) is not { } parsed || parsed.Highlight(text).Replace("«", "", StringComparison.Ordinal).Length >= 0).QuickCheckThrowOnFailure();
}
