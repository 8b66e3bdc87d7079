using System.Net.Http.Json;
using System.Text.Json;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Tests.Assistants;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class VisitorViewTests(AssistantServer server) : IClassFixture<AssistantServer>
{
    private const string Secret = "SECRET";

    /// <summary>What only the tenant's people may read, as it stands in JSON.</summary>
    private static readonly string[] _internal =
        [Secret, "\"model\"", "\"usage\"", "\"tags\"", "\"priority\"", "\"assigned\"", "\"summary\"", "\"reason\"", "\"private\":true", "\"attempts\"", "\"members\""];

    [Fact]
    public async Task A_visitor_sees_nothing_internal_on_any_path()
    {
        await using var model = FakeModelServer.Speaking("Here I am.");
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync(Secret, model);
        var visitor = await server.VisitAsync(desk.Admin.TenantId);
        var (id, agent) = (visitor.ConversationId, desk.Http);
        var colleague = await server.SignInAsync(Role.Agent, desk.Admin.TenantId);
        await using var live = await server.ListenAsync($"/ws/chat/{id}?after_seq=0", visitor.Token);
        await using var desktop = await server.ListenAsync($"/ws/chat/{id}", desk.Admin.Token);
        await live.NextAsync("ready");
        await desktop.NextAsync("ready");
        await visitor.Http.SayAsync(id, "the replay has ended");
        await live.UntilMessageAsync("the replay has ended");

        // Everything internal happens while the visitor's socket is live.
        await visitor.Http.PostAsJsonAsync($"/api/v1/conversations/{id}/messages", new { body = "Anybody?" });
        var heard = await live.UntilMessageAsync("Here I am.");
        heard.Add(await live.NextAsync("reply.done"));
        var replyId = heard[^1].GetProperty("reply_id").GetGuid();
        await (await agent.PostAsJsonAsync($"/api/v1/conversations/{id}/handoff", new { to = "agent", reason = Secret })).JsonAsync();
        await (await agent.PatchAsJsonAsync($"/api/v1/conversations/{id}", new { tags = new[] { Secret }, priority = "urgent" })).JsonAsync();
        await (await agent.PostAsJsonAsync($"/api/v1/conversations/{id}/assign", new { user_id = colleague.UserId })).JsonAsync();
        var note = await (await agent.SayAsync(id, $"{Secret} one", "note", isPrivate: true)).JsonAsync();
        await desktop.SendAsync(new { type = "message", client_id = "note-2", body = $"{Secret} two", @private = true });
        await desktop.NextAsync("ack");
        await agent.SayAsync(id, "marker");
        heard.AddRange(await live.UntilMessageAsync("marker"));
        var seq = note.GetProperty("seq").GetInt64();

        var shown = heard.Select(frame => ("live", frame.GetRawText())).ToList();
        string[] reads =
        [
            $"conversations/{id}/messages", $"conversations/{visitor.SessionId}/messages", $"conversations/{id}/messages?after_seq=0",
            $"conversations/{id}/messages?before_seq=1000", $"conversations/{id}/messages?after_seq={seq - 1}&limit=1", $"conversations/{id}/messages?before_seq={seq + 1}&limit=1",
            $"conversations/{id}", $"conversations/{visitor.SessionId}", "conversations", "inbox/counts", $"search?q={Secret}", "contacts", $"contacts/{visitor.ContactId}",
            $"replies/{replyId}", $"replies/{replyId}/stream", "canned-replies", "statistics", "users", "events?after=0", $"conversations/{id}/members", $"conversations/{id}/export",
        ];
        foreach (var path in reads)
            shown.Add((path, await visitor.Http.GetStringOfAsync(path)));
        var resent = await visitor.Http.SayAsync(id, "mine", "note");
        shown.Add(("resend of the note's client_id", await resent.Content.ReadAsStringAsync()));
        shown.Add(("handoff", await (await visitor.Http.HandOffAsync(id, "agent")).Content.ReadAsStringAsync()));
        shown.Add(("patch", await (await visitor.Http.PatchAsJsonAsync($"/api/v1/conversations/{id}", new { title = "x" })).Content.ReadAsStringAsync()));
        shown.Add(("session", JsonSerializer.Serialize(await server.VisitAsync(desk.Admin.TenantId, token: visitor.Token) with { Http = null! })));
        await agent.SayAsync(id, "last");
        foreach (var path in new[] { $"/ws/chat/{id}?after_seq=0", $"/ws/chat/{visitor.SessionId}?after_seq=0", $"/ws/chat/{id}?after_seq={seq - 1}" })
        {
            await using var replay = await server.ListenAsync(path, visitor.Token);
            shown.AddRange((await replay.UntilMessageAsync("last")).Select(frame => (path, frame.GetRawText())));
            await replay.SendAsync(new { type = "message", client_id = "note-2", body = "mine" });
            shown.Add((path, (await replay.NextAsync("ack")).GetRawText()));
        }
        await using var events = await server.ListenAsync("/ws/events", visitor.Token);
        shown.AddRange((await events.UntilClosedAsync()).Select(frame => ("/ws/events", frame.GetRawText())));

        Assert.True(reads.Length + 8 >= 20);
        Assert.DoesNotContain(shown, answer => _internal.Any(word => answer.Item2.Contains(word, StringComparison.Ordinal)));
        Assert.Contains(shown, answer => answer.Item2.Contains("\"event\":\"handoff\"", StringComparison.Ordinal));
        var all = await agent.GetStringOfAsync($"conversations/{id}/messages?after_seq=0");
        Assert.Contains($"{Secret} two", all, StringComparison.Ordinal);
        Assert.Contains($"\"{Secret}-model\"", all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_only_looks_is_not_shown_to_the_visitor()
    {
        var admin = await server.SignInAloneAsync(Role.Admin);
        var looker = await server.SignInAsync(Role.Agent, admin.TenantId);
        var visitor = await server.VisitAsync(admin.TenantId);
        var id = visitor.ConversationId;
        await visitor.Http.SayAsync(id, "hello");
        await admin.Http.HandOffAsync(id, "agent");
        await using var live = await server.ListenAsync($"/ws/chat/{id}", visitor.Token);
        await live.NextAsync("ready");

        await using (var looking = await server.ListenAsync($"/ws/chat/{id}", looker.Token))
        {
            await looking.SendAsync(new { type = "typing", on = true });
            await looking.SendAsync(new { type = "read", seq = 1 });
            await looking.SendAsync(new { type = "ping", t = 1 });
            await looking.NextAsync("pong");
        }
        await using (var noting = await server.ListenAsync($"/ws/chat/{id}", admin.Token))
        {
            await noting.SendAsync(new { type = "typing", on = true, @private = true });
            await noting.SendAsync(new { type = "ping", t = 1 });
            await noting.NextAsync("pong");
        }
        await admin.Http.SayAsync(id, "marker");
        var seen = await live.UntilMessageAsync("marker");

        Assert.DoesNotContain(seen, frame => frame.GetRawText().Contains(looker.UserId.ToString(), StringComparison.Ordinal));
        Assert.DoesNotContain(seen, frame => frame.Text("type") is "typing");
        Assert.Contains(seen, frame => frame.Text("type") is "presence" && frame.GetProperty("user_id").GetGuid() == admin.UserId);

        await looker.Http.SayAsync(id, "I can help too");
        await using var helping = await server.ListenAsync($"/ws/chat/{id}", looker.Token);
        await helping.SendAsync(new { type = "typing", on = true });
        var typing = await live.NextAsync("typing");
        Assert.Equal(looker.UserId, typing.GetProperty("sender").GetProperty("id").GetGuid());
    }

    [Fact]
    public async Task What_a_provider_said_in_failing_is_for_administrators()
    {
        await using var broken = new FakeModelServer(exchange => exchange.BeginAsync("500 Internal Server Error", "application/json"));
        await using var working = FakeModelServer.Speaking("Here I am.");
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("broken", broken);
        await desk.AddProviderAsync("working", working);
        var member = await server.SignInAsync(Role.Member, desk.Admin.TenantId);

        Assert.False(await TellsDetailAsync(member.Http));
        Assert.True(await TellsDetailAsync(desk.Http));

        static async Task<bool> TellsDetailAsync(HttpClient http)
        {
            var answer = await (await http.PostAsJsonAsync("/api/v1/chat", new { message = "Anybody?" })).JsonAsync();
            var reply = await http.GetJsonAsync($"/api/v1/replies/{answer.GetProperty("reply_id").GetGuid()}");
            Assert.Equal("server_error", reply.GetProperty("attempts")[0].Text("outcome"));
            return reply.GetProperty("attempts")[0].TryGetProperty("detail", out _);
        }
    }

    [Fact]
    public void An_entry_that_hides_nothing_is_published_once()
    {
        var entry = new Entry(
            Guid.CreateVersion7(), Guid.CreateVersion7(), 1, EntryKind.Text, Sender.System, "hello", [], Private: false, ClientId: null, Metadata: null, Model: null, Usage: null,
            DateTimeOffset.UnixEpoch);

        Assert.Same(entry, EntryView.Visitor.Of(entry));
        Assert.Null(EntryView.Visitor.Of(entry with { Private = true }));
        Assert.Null(EntryView.WithoutNotes.Of(entry with { Private = true }));
        Assert.Null(EntryView.Visitor.Of(entry with { Kind = EntryKind.Event, Metadata = JsonElement.Parse("""{"event":"of a later version"}""") }));
        Assert.Equal(
            """{"event":"handoff","from":"queue","to":"agent","by":{"name":"Ada"}}""",
            EntryView.Visitor.Of(entry with
            {
                Kind = EntryKind.Event,
                Metadata = JsonElement.Parse("""{"event":"handoff","from":"queue","to":"agent","reason":"angry","by":{"id":"7","name":"Ada"}}"""),
            })!.Metadata!.Value.GetRawText());
    }
}

file static class Answers
{
    /// <summary>The body of an answer, whatever its status.</summary>
    public static async Task<string> GetStringOfAsync(this HttpClient http, string path) =>
        await (await http.GetAsync(new Uri($"/api/v1/{path}", UriKind.Relative))).Content.ReadAsStringAsync();
}
