using System.Net;
using System.Net.Http.Json;
using FsCheck;
using FsCheck.Fluent;
using Parley.Server.Accounts;
using Parley.Server.Operations;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class InboxTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task Pages_miss_nothing_and_repeat_nothing_while_conversations_move()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversations = new List<Guid>();
        for (var n = 0; n < 9; n++)
        {
            conversations.Add(await member.Http.BeginAsync(new { title = $"number {n}" }));
            server.Time.Advance(TimeSpan.FromSeconds(2));
        }

        var seen = new List<Guid>();
        var cursor = "";
        for (var page = 0; cursor is not null; page++)
        {
            var answer = await member.Http.GetJsonAsync($"/api/v1/conversations?limit=2{cursor}");
            seen.AddRange(answer.Items.Select(item => item.GetProperty("id").GetGuid()));
            cursor = answer.GetProperty("next_cursor").GetString() is { } next ? $"&cursor={next}" : null;
            // One that was listed already moves to the top, and a new one comes there.
            await member.Http.SayAsync(conversations[8 - page], "moved up");
            server.Time.Advance(TimeSpan.FromSeconds(2));
            await member.Http.BeginAsync();
        }

        Assert.Equal(conversations.AsEnumerable().Reverse(), seen);
    }

    [Fact]
    public async Task Conversations_are_found_by_what_they_are()
    {
        var agent = await server.SignInAloneAsync(Role.Supervisor);
        var waiting = await server.VisitAsync(agent.TenantId, new { name = "Ada Lovelace", email = "ada@example.com" });
        await waiting.Http.SayAsync(waiting.ConversationId, "hello");
        await waiting.Http.HandOffAsync(waiting.ConversationId, "agent");
        var withAi = await server.VisitAsync(agent.TenantId, new { name = "100% Bo" });
        await withAi.Http.SayAsync(withAi.ConversationId, "hello");
        await (await agent.Http.PatchAsJsonAsync($"/api/v1/conversations/{withAi.ConversationId}", new { tags = new[] { "vip" }, priority = "high" })).JsonAsync();
        var silent = await server.VisitAsync(agent.TenantId);

        Assert.Equal([waiting.ConversationId], await FindAsync("view=waiting"));
        Assert.Equal([withAi.ConversationId], await FindAsync("view=ai"));
        Assert.Equal(2, (await FindAsync("view=all")).Count);
        Assert.Equal([withAi.ConversationId], await FindAsync("tag=vip"));
        Assert.Equal([withAi.ConversationId], await FindAsync("priority=high"));
        Assert.Equal([waiting.ConversationId], await FindAsync("q=lovelace"));
        Assert.Equal([waiting.ConversationId], await FindAsync("q=ADA@"));
        Assert.Equal([withAi.ConversationId], await FindAsync("q=100%25"));
        Assert.Empty(await FindAsync("q=1_0"));
        Assert.Equal([waiting.ConversationId], await FindAsync($"contact_id={waiting.ContactId}"));
        Assert.Equal([silent.ConversationId], await FindAsync($"contact_id={silent.ContactId}"));
        var counts = await agent.Http.GetJsonAsync("/api/v1/inbox/counts");
        Assert.Equal((1, 1, 2), (counts.GetProperty("waiting").GetInt32(), counts.GetProperty("ai").GetInt32(), counts.GetProperty("all_open").GetInt32()));

        async Task<List<Guid>> FindAsync(string filter) =>
            [.. (await agent.Http.GetJsonAsync($"/api/v1/conversations?{filter}")).Items.Select(item => item.GetProperty("id").GetGuid())];
    }

    [Theory]
    [InlineData("status", "open")]
    [InlineData("kind", "support")]
    [InlineData("handler", "queue")]
    [InlineData("view", "waiting")]
    [InlineData("priority", "urgent")]
    public async Task An_unknown_value_is_answered_with_those_that_are_known(string field, string known)
    {
        var agent = await server.SignInAloneAsync(Role.Agent);

        var answer = await agent.Http.GetAsync(new Uri($"/api/v1/conversations?{field}=wrong", UriKind.Relative));

        var problem = await answer.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Contains(known, problem.GetProperty("errors").GetProperty(field)[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Members_see_their_own_and_their_groups_alone()
    {
        var ann = await server.SignInAloneAsync(Role.Member);
        var bob = await server.SignInAsync(Role.Member, ann.TenantId);
        var cleo = await server.SignInAsync(Role.Supervisor, ann.TenantId);
        var own = await ann.Http.BeginAsync();
        var group = await ann.Http.BeginAsync(new { kind = "group", member_ids = new[] { bob.UserId } });
        var visitor = await server.VisitAsync(ann.TenantId);

        Assert.Equal(new[] { group, own }.Order(), (await ListAsync(ann)).Order());
        Assert.Equal([group], await ListAsync(bob));
        Assert.Equal([visitor.ConversationId], await ListAsync(cleo));
        foreach (var (person, conversation) in new[] { (bob, own), (bob, visitor.ConversationId), (cleo, own), (cleo, group) })
            Assert.Equal(HttpStatusCode.NotFound, (await person.Http.GetAsync(new Uri($"/api/v1/conversations/{conversation}/messages", UriKind.Relative))).StatusCode);

        static async Task<List<Guid>> ListAsync(SignedIn person) =>
            [.. (await person.Http.GetJsonAsync("/api/v1/conversations")).Items.Select(item => item.GetProperty("id").GetGuid())];
    }

    [Fact]
    public async Task Who_leaves_a_group_sees_it_no_more()
    {
        var ann = await server.SignInAloneAsync(Role.Member);
        var bob = await server.SignInAsync(Role.Member, ann.TenantId);
        var group = await ann.Http.BeginAsync(new { kind = "group", member_ids = new[] { bob.UserId } });

        Assert.Equal(HttpStatusCode.Forbidden, (await bob.Http.DeleteAsync(new Uri($"/api/v1/conversations/{group}/members/{ann.UserId}", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await bob.Http.DeleteAsync(new Uri($"/api/v1/conversations/{group}/members/{bob.UserId}", UriKind.Relative))).StatusCode);

        Assert.Equal(HttpStatusCode.NotFound, (await bob.Http.GetAsync(new Uri($"/api/v1/conversations/{group}", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task A_deleted_conversation_is_gone_until_it_is_restored()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync(new { title = "old" });
        await member.Http.SayAsync(conversation, "keep this");
        var path = $"/api/v1/conversations/{conversation}";

        Assert.Equal(HttpStatusCode.NoContent, (await member.Http.DeleteAsync(new Uri(path, UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await member.Http.GetAsync(new Uri(path, UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await member.Http.SayAsync(conversation, "hello?")).StatusCode);
        Assert.Empty((await member.Http.GetJsonAsync("/api/v1/conversations")).Items);
        Assert.Single((await member.Http.GetJsonAsync("/api/v1/conversations?deleted=true")).Items);

        var restored = await (await member.Http.PostAsync(new Uri($"{path}/restore", UriKind.Relative), null)).JsonAsync();

        Assert.Equal("keep this", restored.GetProperty("last_message").Text("body"));
        Assert.Single((await member.Http.GetJsonAsync("/api/v1/conversations")).Items);
    }

    [Fact]
    public async Task A_change_leaves_an_entry_and_is_told_to_the_inbox()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var colleague = await server.SignInAsync(Role.Supervisor, agent.TenantId);
        var visitor = await server.VisitAsync(agent.TenantId);
        await visitor.Http.SayAsync(visitor.ConversationId, "hello");
        await using var inbox = await server.ListenAsync("/ws/events", colleague.Token);
        await inbox.NextAsync("ready");

        await (await agent.Http.PatchAsJsonAsync($"/api/v1/conversations/{visitor.ConversationId}", new { status = "resolved", title = "Delivery" })).JsonAsync();

        var told = await inbox.NextAsync("conversation", frame => frame.GetProperty("conversation").Text("status") is "resolved");
        Assert.Equal("Delivery", told.GetProperty("conversation").Text("title"));
        Assert.False(told.GetProperty("conversation").TryGetProperty("unread", out _), "nobody's unread count goes to everybody");
        var entry = (await agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/messages")).Items[^1];
        Assert.True(entry.IsEvent("status"));
        Assert.Equal(("open", "resolved"), (entry.GetProperty("metadata").Text("from"), entry.GetProperty("metadata").Text("to")));
    }

    [Fact]
    public async Task A_visitor_who_writes_again_opens_what_was_resolved()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        await visitor.Http.SayAsync(visitor.ConversationId, "hello");
        await agent.Http.PatchAsJsonAsync($"/api/v1/conversations/{visitor.ConversationId}", new { status = "resolved" });

        await visitor.Http.SayAsync(visitor.ConversationId, "one more thing");

        Assert.Equal("open", (await agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}")).Text("status"));
    }

    [Fact]
    public async Task Another_tenant_finds_nothing()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId, new { name = "Ada" });
        var stranger = await server.SignInAloneAsync(Role.Admin);
        var path = $"/api/v1/conversations/{visitor.ConversationId}";

        Assert.Empty((await stranger.Http.GetJsonAsync("/api/v1/conversations")).Items);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Http.GetAsync(new Uri(path, UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Http.HandOffAsync(visitor.ConversationId, "agent")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Http.SayAsync(visitor.ConversationId, "hi")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Http.PatchAsJsonAsync(path, new { title = "mine" })).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Http.DeleteAsync(new Uri(path, UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Http.GetAsync(new Uri($"/api/v1/contacts/{visitor.ContactId}", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task A_cursor_that_nobody_gave_is_a_bad_request()
    {
        var member = await server.SignInAloneAsync(Role.Member);

        var answer = await member.Http.GetAsync(new Uri("/api/v1/conversations?cursor=%00%ff..", UriKind.Relative));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public void No_text_makes_a_cursor_throw() =>
        Prop.ForAll<string?>(text => Cursor.TryParse(text, null, out _) || true).QuickCheckThrowOnFailure();

    [Fact]
    public void A_cursor_comes_back_as_it_went() =>
        Prop.ForAll<DateTime, Guid>((at, id) =>
        {
            var cursor = new Cursor(new DateTimeOffset(at.Ticks, TimeSpan.Zero), id);
            return Cursor.TryParse(cursor.ToString(), null, out var read) && read == cursor;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_bytes_in_a_cursors_place_are_a_cursor_or_none() =>
        Prop.ForAll<byte[]>(bytes => Cursor.TryParse(System.Buffers.Text.Base64Url.EncodeToString(bytes), null, out _) || true).QuickCheckThrowOnFailure();
}
