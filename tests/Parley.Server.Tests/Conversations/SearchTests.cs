using System.Net;
using System.Text.Json;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class SearchTests(TestServer server) : IClassFixture<TestServer>
{
    [Theory]
    [InlineData("我的订单什么时候到？", "订单", "我的«订单»什么时候到？")]
    [InlineData("東京タワーへ行きたい", "タワー", "東京«タワー»へ行きたい")]
    [InlineData("주문한 상품이 안 왔어요", "상품", "주문한 «상품»이 안 왔어요")]
    [InlineData("ฉันต้องการคืนสินค้า", "สินค้า", "ฉันต้องการคืน«สินค้า»")]
    [InlineData("Where is my Café order?", "cafe", "Where is my «Café» order?")]
    [InlineData("They were delivered", "deliv", "They were «delivered»")]
    public async Task A_message_is_found_in_any_language(string body, string query, string highlight)
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync(new { title = "here" });
        await member.Http.SayAsync(conversation, "something else");
        await member.Http.SayAsync(conversation, body);

        var found = await FindAsync(member, query, hits: 1);

        Assert.Equal(body, found[0].GetProperty("message").Text("body"));
        Assert.Equal(highlight, found[0].Text("highlight"));
        Assert.Equal("here", found[0].GetProperty("conversation").Text("title"));
    }

    [Fact]
    public async Task Only_what_one_may_read_is_found()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var member = await server.SignInAsync(Role.Member, agent.TenantId);
        var stranger = await server.SignInAloneAsync(Role.Admin);
        var visitor = await server.VisitAsync(agent.TenantId);
        await visitor.Http.SayAsync(visitor.ConversationId, "zebra crossing");
        await agent.Http.SayAsync(visitor.ConversationId, "a zebra, really", isPrivate: true);
        var own = await member.Http.BeginAsync();
        await member.Http.SayAsync(own, "my own zebra");

        await FindAsync(agent, "zebra", hits: 2);
        var found = await FindAsync(member, "zebra", hits: 1);

        Assert.Equal("my own zebra", found[0].GetProperty("message").Text("body"));
        Assert.Empty((await stranger.Http.GetJsonAsync("/api/v1/search?q=zebra")).Items);
    }

    [Fact]
    public async Task All_words_must_be_there()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();
        await member.Http.SayAsync(conversation, "red apple");
        await member.Http.SayAsync(conversation, "green apple");
        await FindAsync(member, "apple", hits: 2);

        Assert.Single((await member.Http.GetJsonAsync("/api/v1/search?q=green%20apple")).Items);
        Assert.Empty((await member.Http.GetJsonAsync("/api/v1/search?q=blue%20apple")).Items);
    }

    [Fact]
    public async Task What_a_crash_left_out_of_the_index_is_found_after_all()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();
        await member.Http.SayAsync(conversation, "forgotten walrus");
        await FindAsync(member, "walrus", hits: 1);
        await server.Database.ExecuteAsync(
            $"delete from timeline_search where conversation_id = '{conversation}'; update conversations set indexed_seq = 0 where id = '{conversation}'");
        Assert.Empty((await member.Http.GetJsonAsync("/api/v1/search?q=walrus")).Items);

        server.Time.Advance(TimeSpan.FromMinutes(11));

        await FindAsync(member, "walrus", hits: 1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("%20")]
    public async Task A_search_for_nothing_is_a_bad_request(string query)
    {
        var member = await server.SignInAloneAsync(Role.Member);

        var answer = await member.Http.GetAsync(new Uri($"/api/v1/search?q={query}", UriKind.Relative));

        Assert.Equal("query_required", (await answer.ProblemAsync(HttpStatusCode.BadRequest)).Text("code"));
    }

    [Theory]
    [InlineData("' | !&()<->:*\\")]
    [InlineData("a':* | b")]
    [InlineData("\ud800")]
    public async Task A_query_is_text_and_no_language(string query)
    {
        var member = await server.SignInAloneAsync(Role.Member);

        var answer = await member.Http.GetAsync(new Uri($"/api/v1/search?q={WebUtility.UrlEncode(query)}", UriKind.Relative));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task<JsonElement[]> FindAsync(SignedIn person, string query, int hits) =>
        (await TestKit.UntilAsync(() => person.Http.GetJsonAsync($"/api/v1/search?q={Uri.EscapeDataString(query)}"), answer => answer.Items.Length == hits)).Items;
}
