using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class HandoffTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task A_visitor_asks_and_an_agent_takes_over_and_gives_back()
    {
        var agent = await server.SignInAloneAsync(Role.Supervisor);
        var visitor = await server.VisitAsync(agent.TenantId);
        await visitor.Http.SayAsync(visitor.ConversationId, "I want a person");

        var asked = await (await visitor.Http.HandOffAsync(visitor.ConversationId, "agent")).JsonAsync();
        var taken = await (await agent.Http.HandOffAsync(visitor.ConversationId, "agent")).JsonAsync();
        var given = await (await agent.Http.HandOffAsync(visitor.ConversationId, "ai")).JsonAsync();

        Assert.Equal(("queue", 1, 1), (asked.Text("handler"), asked.GetProperty("owner_epoch").GetInt32(), asked.GetProperty("queue_position").GetInt32()));
        Assert.Equal(("agent", 2), (taken.Text("handler"), taken.GetProperty("owner_epoch").GetInt32()));
        Assert.Equal(agent.UserId, taken.GetProperty("assignee").GetProperty("id").GetGuid());
        Assert.Equal(("ai", 3), (given.Text("handler"), given.GetProperty("owner_epoch").GetInt32()));
        Assert.Equal(JsonValueKind.Null, given.GetProperty("assignee").ValueKind);
        var events = (await agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/messages")).Items
            .Where(entry => entry.IsEvent("handoff")).Select(entry => entry.GetProperty("metadata")).ToList();
        Assert.Equal(["queue", "agent", "ai"], events.Select(data => data.Text("to")));
        Assert.Equal([1, 2, 3], events.Select(data => data.GetProperty("owner_epoch").GetInt32()));
    }

    [Fact]
    public async Task Of_two_agents_who_take_over_at_once_one_wins()
    {
        var first = await server.SignInAloneAsync(Role.Agent);
        var agents = new List<SignedIn> { first };
        for (var n = 0; n < 7; n++)
            agents.Add(await server.SignInAsync(Role.Agent, first.TenantId));
        var visitor = await server.VisitAsync(first.TenantId);

        var answers = await Task.WhenAll(agents.Select(agent => agent.Http.HandOffAsync(visitor.ConversationId, "agent", expectedEpoch: 0)));

        Assert.Single(answers, answer => answer.StatusCode is HttpStatusCode.OK);
        foreach (var loser in answers.Where(answer => answer.StatusCode is not HttpStatusCode.OK))
            Assert.Equal("stale_owner", (await loser.ProblemAsync(HttpStatusCode.Conflict)).Text("code"));
        var view = await first.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}");
        Assert.Equal(1, view.GetProperty("owner_epoch").GetInt32());
    }

    [Fact]
    public async Task Asking_again_changes_nothing()
    {
        var agent = await server.SignInAloneAsync(Role.Supervisor);
        var visitor = await server.VisitAsync(agent.TenantId);

        await visitor.Http.HandOffAsync(visitor.ConversationId, "agent");
        await visitor.Http.HandOffAsync(visitor.ConversationId, "agent");

        var view = await agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}");
        Assert.Equal((1, 1), (view.GetProperty("owner_epoch").GetInt32(), view.GetProperty("last_seq").GetInt32()));
    }

    [Fact]
    public async Task Visitors_do_not_give_back_and_members_do_not_hand_off()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var visitor = await server.VisitAsync(member.TenantId);

        Assert.Equal(HttpStatusCode.Forbidden, (await visitor.Http.HandOffAsync(visitor.ConversationId, "ai")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await member.Http.HandOffAsync(visitor.ConversationId, "agent")).StatusCode);
    }

    [Fact]
    public async Task Who_takes_over_is_briefed_and_the_visitor_does_not_see_it()
    {
        var agent = await server.SignInAloneAsync(Role.Supervisor);
        var visitor = await server.VisitAsync(agent.TenantId);
        await visitor.Http.SayAsync(visitor.ConversationId, "Where is order 42?");

        var briefing = await server.NextEntryAsync(
            entry => entry.ConversationId == visitor.ConversationId && entry.IsEvent("summary"),
            () => agent.Http.HandOffAsync(visitor.ConversationId, "agent"));

        Assert.True(briefing.Private);
        Assert.Contains("Where is order 42?", briefing.Metadata!.Value.Text("text"), StringComparison.Ordinal);
        var seen = await visitor.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/messages");
        Assert.DoesNotContain(seen.Items, entry => entry.IsEvent("summary"));
    }

    [Fact]
    public async Task The_more_urgent_and_then_the_longer_waiting_come_first()
    {
        var supervisor = await server.SignInAloneAsync(Role.Supervisor);
        var visitors = new List<Visitor>();
        for (var n = 0; n < 3; n++)
        {
            visitors.Add(await server.VisitAsync(supervisor.TenantId));
            await visitors[n].Http.HandOffAsync(visitors[n].ConversationId, "agent");
            server.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal([1, 2, 3], await PositionsAsync());
        await using var socket = await server.ListenAsync($"/ws/chat/{visitors[0].ConversationId}", visitors[0].Token);
        await socket.NextAsync("ready");
        await (await supervisor.Http.PatchAsJsonAsync($"/api/v1/conversations/{visitors[2].ConversationId}", new { priority = "urgent" })).JsonAsync();

        Assert.Equal([2, 3, 1], await PositionsAsync());
        // Frames of one burst are told as one, and late: that of the queue's beginning may still come, and says 1.
        var told = await socket.NextAsync("conversation", frame =>
            frame.GetProperty("conversation").GetProperty("queue_position") is { ValueKind: JsonValueKind.Number } position && position.GetInt32() != 1);
        Assert.Equal(2, told.GetProperty("conversation").GetProperty("queue_position").GetInt32());

        async Task<List<int>> PositionsAsync()
        {
            var positions = new List<int>();
            foreach (var visitor in visitors)
                positions.Add((await visitor.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}")).GetProperty("queue_position").GetInt32());
            return positions;
        }
    }

    [Fact]
    public async Task A_conversation_with_the_assistant_alone_is_not_handed_off()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var conversation = await agent.Http.BeginAsync();

        var answer = await agent.Http.HandOffAsync(conversation, "agent");

        Assert.Equal("not_a_support_conversation", (await answer.ProblemAsync(HttpStatusCode.Conflict)).Text("code"));
    }
}
