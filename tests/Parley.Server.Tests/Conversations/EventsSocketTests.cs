using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class EventsSocketTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task A_socket_that_returns_with_its_cursor_gets_what_it_missed_and_nothing_twice()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        await using var stays = await OpenAsync(agent, cursor: null);
        var visitor = await server.VisitAsync(agent.TenantId);
        string cursor;
        await using (var leaves = await OpenAsync(agent, cursor: null))
        {
            await visitor.Http.SayAsync(visitor.ConversationId, "seen");
            cursor = (await leaves.NextAsync("message", Says("seen"))).Text("cursor");
        }
        await visitor.Http.SayAsync(visitor.ConversationId, "missed");
        await stays.NextAsync("message", Says("missed"));

        await using var back = await OpenAsync(agent, cursor);

        var next = await back.NextAsync("message");
        Assert.Equal("missed", next.GetProperty("message").Text("body"));
    }

    [Theory]
    [InlineData("0123456789abcdef.0")]
    [InlineData("0123456789abcdef.1")]
    [InlineData("no cursor")]
    [InlineData(".1")]
    public async Task A_cursor_of_another_run_is_answered_with_a_reset(string cursor)
    {
        var agent = await server.SignInAloneAsync(Role.Agent);

        await using var socket = await OpenAsync(agent, cursor, wait: false);

        Assert.Equal("cursor_unknown", (await socket.NextAsync("reset")).Text("reason"));
    }

    [Fact]
    public async Task A_cursor_ahead_of_the_feed_is_answered_with_a_reset()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        await using var socket = await server.ListenAsync("/ws/events", agent.Token);
        var cursor = (await socket.NextAsync("ready")).Text("cursor");
        var ahead = cursor[..(cursor.IndexOf('.', StringComparison.Ordinal) + 1)] + "1000000";

        await using var back = await OpenAsync(agent, ahead, wait: false);

        Assert.Equal("cursor_unknown", (await back.NextAsync("reset")).Text("reason"));
    }

    private async Task<Listener> OpenAsync(SignedIn person, string? cursor, bool wait = true)
    {
        var socket = await server.ListenAsync(cursor is null ? "/ws/events" : $"/ws/events?cursor={Uri.EscapeDataString(cursor)}", person.Token);
        if (wait)
            await socket.NextAsync("ready");
        return socket;
    }

    private static Func<System.Text.Json.JsonElement, bool> Says(string body) => frame => frame.GetProperty("message").Text("body") == body;
}
