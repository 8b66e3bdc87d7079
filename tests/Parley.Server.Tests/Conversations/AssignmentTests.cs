using System.Net;
using System.Net.Http.Json;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Timelines;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class AssignmentTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task Who_waits_goes_to_the_least_busy_agent_who_is_online()
    {
        var busy = await server.SignInAloneAsync(Role.Agent);
        var free = await server.SignInAsync(Role.Agent, busy.TenantId);
        var absent = await server.SignInAsync(Role.Agent, busy.TenantId);
        await using var first = await OnlineAsync(busy);
        await using var second = await OnlineAsync(free);
        var taken = await server.VisitAsync(busy.TenantId);
        await busy.Http.HandOffAsync(taken.ConversationId, "agent");
        var visitor = await server.VisitAsync(busy.TenantId);

        var assigned = await AssignedAsync(visitor, () => visitor.Http.HandOffAsync(visitor.ConversationId, "agent"));

        Assert.True(assigned.Metadata!.Value.GetProperty("automatic").GetBoolean());
        Assert.Equal(free.UserId, assigned.Metadata!.Value.GetProperty("to").GetProperty("id").GetGuid());
        var view = await absent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}");
        Assert.Equal(("agent", 2), (view.Text("handler"), view.GetProperty("owner_epoch").GetInt32()));
    }

    [Fact]
    public async Task Many_who_wait_at_once_are_shared_out_evenly_and_each_once()
    {
        var one = await server.SignInAloneAsync(Role.Agent);
        var other = await server.SignInAsync(Role.Agent, one.TenantId);
        var visitors = new List<Visitor>();
        for (var n = 0; n < 8; n++)
            visitors.Add(await server.VisitAsync(one.TenantId));
        await using var first = await OnlineAsync(one);
        await using var second = await OnlineAsync(other);

        await Task.WhenAll(visitors.Select(visitor => AssignedAsync(visitor, () => visitor.Http.HandOffAsync(visitor.ConversationId, "agent"))));

        var mine = (await one.Http.GetJsonAsync("/api/v1/conversations?view=mine")).Items.Length;
        var theirs = (await other.Http.GetJsonAsync("/api/v1/conversations?view=mine")).Items.Length;
        Assert.Equal((4, 4), (mine, theirs));
        foreach (var visitor in visitors)
        {
            var timeline = await one.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/messages");
            Assert.Single(timeline.Items, entry => entry.IsEvent("assigned"));
        }
    }

    [Fact]
    public async Task An_agent_who_comes_online_gets_who_waits()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        await visitor.Http.HandOffAsync(visitor.ConversationId, "agent");
        Listener? socket = null;

        var assigned = await AssignedAsync(visitor, async () => socket = await OnlineAsync(agent));

        Assert.Equal(agent.UserId, assigned.Metadata!.Value.GetProperty("to").GetProperty("id").GetGuid());
        await socket!.DisposeAsync();
    }

    [Fact]
    public async Task Nobody_is_assigned_by_itself_when_the_tenant_does_not_want_it()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var key = await server.WidgetKeyAsync(agent.TenantId, new { auto_assign = false });
        await using var socket = await OnlineAsync(agent);
        var session = await (await server.CreateClient().PostAsJsonAsync("/api/v1/widget/sessions", new { widget_key = key })).JsonAsync();
        var visitor = server.VisitorOf(session);
        await visitor.Http.HandOffAsync(visitor.ConversationId, "agent");
        // Another tenant's visitor, who asked later, has been served: the queue has been looked at since.
        var elsewhere = await server.SignInAloneAsync(Role.Agent);
        await using var online = await OnlineAsync(elsewhere);
        var other = await server.VisitAsync(elsewhere.TenantId);
        await AssignedAsync(other, () => other.Http.HandOffAsync(other.ConversationId, "agent"));

        var view = await agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}");

        Assert.Equal("queue", view.Text("handler"));
    }

    [Fact]
    public async Task Conversations_are_assigned_to_agents_alone()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var member = await server.SignInAsync(Role.Member, agent.TenantId);
        var stranger = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        var path = $"/api/v1/conversations/{visitor.ConversationId}/assign";

        var toMember = await agent.Http.PostAsJsonAsync(path, new { user_id = member.UserId });
        var toStranger = await agent.Http.PostAsJsonAsync(path, new { user_id = stranger.UserId });
        var toColleague = await (await agent.Http.PostAsJsonAsync(path, new { user_id = agent.UserId })).JsonAsync();
        var toNobody = await (await agent.Http.PostAsJsonAsync(path, new { user_id = (Guid?)null })).JsonAsync();

        Assert.Equal("not_an_agent", (await toMember.ProblemAsync(HttpStatusCode.BadRequest)).Text("code"));
        Assert.Equal("user_not_found", (await toStranger.ProblemAsync(HttpStatusCode.BadRequest)).Text("code"));
        Assert.Equal("agent", toColleague.Text("handler"));
        Assert.Equal("queue", toNobody.Text("handler"));
    }

    [Fact]
    public async Task An_agent_gets_no_more_than_they_can_handle_until_one_is_resolved()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        await using var socket = await OnlineAsync(agent);
        Visitor first = await server.VisitAsync(agent.TenantId), last = await server.VisitAsync(agent.TenantId);
        await AssignedAsync(first, () => first.Http.HandOffAsync(first.ConversationId, "agent"));
        for (var n = 1; n < 10; n++)
        {
            var visitor = await server.VisitAsync(agent.TenantId);
            await AssignedAsync(visitor, () => visitor.Http.HandOffAsync(visitor.ConversationId, "agent"));
        }
        await last.Http.HandOffAsync(last.ConversationId, "agent");
        // Another tenant's visitor, who asked later, has been served: the queue has been looked at since.
        var elsewhere = await server.SignInAloneAsync(Role.Agent);
        await using var online = await OnlineAsync(elsewhere);
        var other = await server.VisitAsync(elsewhere.TenantId);
        await AssignedAsync(other, () => other.Http.HandOffAsync(other.ConversationId, "agent"));

        var waiting = await agent.Http.GetJsonAsync($"/api/v1/conversations/{last.ConversationId}");
        var assigned = await AssignedAsync(last, () => agent.Http.PatchAsJsonAsync($"/api/v1/conversations/{first.ConversationId}", new { status = "resolved" }));

        Assert.Equal("queue", waiting.Text("handler"));
        Assert.Equal(agent.UserId, assigned.Metadata!.Value.GetProperty("to").GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task Agents_who_are_equally_free_take_turns()
    {
        var one = await server.SignInAloneAsync(Role.Agent);
        var other = await server.SignInAsync(Role.Agent, one.TenantId);
        await using var first = await OnlineAsync(one);
        await using var second = await OnlineAsync(other);

        var served = new List<Guid>();
        for (var n = 0; n < 4; n++)
        {
            var visitor = await server.VisitAsync(one.TenantId);
            var assigned = await AssignedAsync(visitor, () => visitor.Http.HandOffAsync(visitor.ConversationId, "agent"));
            served.Add(assigned.Metadata!.Value.GetProperty("to").GetProperty("id").GetGuid());
            await (await one.Http.PatchAsJsonAsync($"/api/v1/conversations/{visitor.ConversationId}", new { status = "resolved" })).JsonAsync();
        }

        Assert.NotEqual(served[0], served[1]);
        Assert.Equal([served[0], served[1]], served[2..]);
    }

    private async Task<Listener> OnlineAsync(SignedIn person)
    {
        var socket = await server.ListenAsync("/ws/events", person.Token);
        await socket.NextAsync("ready");
        return socket;
    }

    private Task<Entry> AssignedAsync(Visitor visitor, Func<Task> cause) =>
        server.NextEntryAsync(entry => entry.ConversationId == visitor.ConversationId && entry.IsEvent("assigned"), cause);
}
