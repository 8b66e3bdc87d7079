using System.Text.Json;
using Microsoft.Playwright;

namespace Parley.EndToEnd;

/// <summary>From the first start to a rated conversation, with everything going wrong on the way that will one day go wrong.</summary>
public sealed class WholeStoryTests
{
    private readonly string _password = Guid.CreateVersion7().ToString();

    [Fact]
    public async Task A_visitor_an_AI_and_an_agent_share_one_timeline_that_nothing_breaks()
    {
        await using var server = new ServerProcess();
        await server.StartAsync();
        await using var browser = await Browser.StartAsync();
        var screens = new Screens();
        var agent = new AgentPage(await browser.NewPersonAsync(), server.Address, screens);

        // The first start: an account, an AI, the line to paste
        await agent.SetUpAsync(await server.SetupLinkAsync(), _password);
        await agent.AddSimulatorAsync();
        await using var site = await ForeignPage.ServeAsync(await agent.ReadSnippetAsync(), server.Address);
        using var api = await Api.SignInAsync(server.Address, AgentPage.Email, _password);

        // A visitor writes; the AI's answer streams in, and goes on after a reload
        var visitor = new VisitorPage(await browser.NewPersonAsync());
        await visitor.OpenAsync(site.Address);
        await screens.LookAsync(visitor.Page, "widget-greeting");
        await visitor.WriteAsync("Where is my order 1042?");
        var before = await visitor.SeeAnswerBeginAsync();
        await screens.LookAsync(visitor.Page, "widget-streaming");
        await visitor.OpenAsync(site.Address);
        var after = await visitor.SeeAnswerBeginAsync();
        Assert.StartsWith(before, after, StringComparison.Ordinal);
        await visitor.SeeAnswersAsync(1);
        Assert.StartsWith(after, await visitor.Theirs.Last.Locator(".rich").InnerTextAsync(), StringComparison.Ordinal);

        // The network is lost: what is written waits, and is sent once
        await visitor.Page.Context.SetOfflineAsync(true);
        await visitor.SeeAsync("You are offline");
        await visitor.WriteAsync("I wrote this in a tunnel");
        await visitor.SeeAsync("Sent as soon as you are back online");
        await screens.LookAsync(visitor.Page, "widget-offline");
        await visitor.Page.Context.SetOfflineAsync(false);
        await visitor.SeeStoredAsync("I wrote this in a tunnel");
        await visitor.SeeAnswersAsync(2);

        // A person is asked for, and sees who waits
        await visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Talk to a person" }).ClickAsync();
        await visitor.SeeAsync("You are next in line");
        await screens.LookAsync(visitor.Page, "widget-waiting");
        await agent.OpenWaitingConversationAsync("I wrote this in a tunnel");
        await agent.TakeOverAsync();
        await visitor.SeeAsync("Ada Agent takes over");

        // The AI is silent, notes stay inside
        await visitor.WriteAsync("Are you a person?");
        await agent.SeeAsync("Are you a person?");
        await agent.NoteAsync("She sounds impatient");
        await agent.ReplyAsync("I am, and I look for your order");
        await screens.LookAsync(agent.Page, "conversation");
        await visitor.SeeAsync("I am, and I look for your order");
        await Assertions.Expect(visitor.Page.GetByText("She sounds impatient")).ToHaveCountAsync(0);
        await screens.LookAsync(visitor.Page, "widget-agent");

        // Given back, the AI answers again; the server is killed in the middle, and the conversation goes on
        await agent.GiveBackAsync();
        await visitor.SeeAsync("The assistant is back");
        await visitor.WriteAsync("And when does it arrive?");
        await visitor.SeeAnswerBeginAsync();
        await server.KillAsync();
        await visitor.SeeAsync("Connection lost");
        await screens.LookAsync(visitor.Page, "widget-server-gone");
        await visitor.WriteAsync("Did you fall asleep?");
        await server.StartAsync();
        await visitor.SeeStoredAsync("Did you fall asleep?");
        await agent.SeeAsync("Did you fall asleep?");
        await visitor.SeeAnswersAsync(5); // four of the AI, one of the agent: what was asked before and during the fall is answered
        await visitor.WriteAsync("Thank you all");
        await visitor.SeeAnswersAsync(6);

        // Solved, and rated
        await agent.ResolveAsync();
        await visitor.SeeAsync("How did we do?");
        await visitor.Page.GetByRole(AriaRole.Radio, new() { Name = "5 stars" }).CheckAsync();
        await screens.LookAsync(visitor.Page, "widget-rating");
        await visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Send rating" }).ClickAsync();
        await visitor.SeeAsync("You gave 5 of 5 stars");
        await agent.SeeAsync("Rated");
        await screens.LookAsync(agent.Page, "conversation-rated");

        await AssertTimelineAsync(api, visitor);
        screens.AssertAccessible();
    }

    /// <summary>No hole, no repeat, everything that was written exactly once, and no word of the AI while a person had the conversation.</summary>
    private static async Task AssertTimelineAsync(Api api, VisitorPage visitor)
    {
        var conversations = await api.GetAsync("/conversations?kind=support");
        var conversation = Assert.Single(conversations.GetProperty("items").EnumerateArray());
        Assert.Equal(5, conversation.GetProperty("rating").GetProperty("score").GetInt32());
        var entries = await api.TimelineAsync(conversation.GetProperty("id").GetString()!);

        Assert.Equal(Enumerable.Range(1, entries.Count).Select(seq => (long)seq), entries.Select(SeqOf));
        Assert.Equal(conversation.GetProperty("last_seq").GetInt64(), entries.Count);
        Assert.Equal(
            [
                "Where is my order 1042?", "I wrote this in a tunnel", "Are you a person?", "And when does it arrive?",
                "Did you fall asleep?", "Thank you all",
            ],
            entries.Where(entry => SenderOf(entry) == "visitor" && KindOf(entry) == "text").Select(BodyOf));
        Assert.Equal(
            ["She sounds impatient", "I am, and I look for your order"],
            entries.Where(entry => SenderOf(entry) == "agent" && KindOf(entry) == "text").Select(BodyOf));

        var handler = "ai";
        foreach (var entry in entries)
        {
            if (KindOf(entry) == "event" && entry.GetProperty("metadata").GetProperty("event").GetString() == "handoff")
                handler = entry.GetProperty("metadata").GetProperty("to").GetString();
            else if (SenderOf(entry) == "assistant")
                Assert.Equal("ai", handler);
        }

        var shown = await visitor.Page.Locator("[data-seq]").EvaluateAllAsync<long[]>("rows => rows.map((row) => Number(row.dataset.seq))");
        Assert.Equal(shown.Order().Distinct(), shown);
        var visible = entries.Where(entry => !entry.GetProperty("private").GetBoolean() && KindOf(entry) != "event").Select(SeqOf);
        Assert.Empty(visible.Except(shown));
    }

    private static long SeqOf(JsonElement entry) => entry.GetProperty("seq").GetInt64();

    private static string? KindOf(JsonElement entry) => entry.GetProperty("kind").GetString();

    private static string? BodyOf(JsonElement entry) => entry.GetProperty("body").GetString();

    private static string? SenderOf(JsonElement entry) => entry.GetProperty("sender").GetProperty("type").GetString();
}
