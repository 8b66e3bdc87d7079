using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Timelines;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class MessagesTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task A_client_id_belongs_to_its_sender_and_never_takes_the_place_of_anothers_entry()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        await (await agent.Http.SayAsync(visitor.ConversationId, "a note", "same", isPrivate: true)).JsonAsync();

        var first = await visitor.Http.SayAsync(visitor.ConversationId, "hello", "same");
        var again = await visitor.Http.SayAsync(visitor.ConversationId, "hello", "same");
        var notes = await agent.Http.SayAsync(visitor.ConversationId, "a note", "same", isPrivate: true);

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK, HttpStatusCode.OK), (first.StatusCode, again.StatusCode, notes.StatusCode));
        Assert.Equal((await first.JsonAsync()).Text("id"), (await again.JsonAsync()).Text("id"));
        Assert.Equal("a note", (await notes.JsonAsync()).Text("body"));
        Assert.Equal(["a note", "hello"], (await agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/messages")).Items.Select(entry => entry.Text("body")));
    }

    [Fact]
    public async Task A_visitor_cannot_suppress_an_entry_of_the_server_by_its_client_id()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        await (await visitor.Http.SayAsync(visitor.ConversationId, "mine", "reply-1")).JsonAsync();
        Draft Answer() => new()
        {
            TenantId = agent.TenantId,
            ConversationId = visitor.ConversationId,
            Sender = new Sender(SenderType.Assistant, Guid.CreateVersion7(), "Assistant"),
            Body = "the answer",
            ClientId = "reply-1",
        };
        var timeline = server.Services.GetRequiredService<Timeline>();

        var stored = await timeline.AppendAsync(Answer(), CancellationToken.None);
        var again = await timeline.AppendAsync(Answer(), CancellationToken.None);

        Assert.Equal((AppendOutcome.Appended, AppendOutcome.Duplicate), (stored.Outcome, again.Outcome));
        Assert.Equal(stored.Id, again.Id);
    }

    [Fact]
    public async Task A_message_sent_twice_is_one_message()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();

        var first = await member.Http.SayAsync(conversation, "hello", "c-1");
        var second = await member.Http.SayAsync(conversation, "hello again", "c-1");

        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        Assert.Equal(HttpStatusCode.OK, second.StatusCode);
        var message = await second.JsonAsync();
        Assert.Equal((await first.JsonAsync()).Text("id"), message.Text("id"));
        Assert.Equal("hello", message.Text("body"));
    }

    [Fact]
    public async Task A_message_sent_many_times_at_once_is_stored_once()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => member.Http.SayAsync(conversation, "hello", "c-1")));

        var ids = new HashSet<string>();
        foreach (var answer in answers)
            ids.Add((await answer.JsonAsync()).Text("id"));
        Assert.Single(ids);
        var timeline = await member.Http.GetJsonAsync($"/api/v1/conversations/{conversation}/messages");
        Assert.Single(timeline.Items);
    }

    [Fact]
    public async Task Entries_of_many_senders_are_numbered_without_holes()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();

        await Task.WhenAll(Enumerable.Range(0, 60).Select(n => member.Http.SayAsync(conversation, $"message {n}", $"c-{n}")));

        var timeline = await member.Http.GetJsonAsync($"/api/v1/conversations/{conversation}/messages?limit=200");
        Assert.Equal(Enumerable.Range(1, 60), timeline.Items.Select(entry => entry.GetProperty("seq").GetInt32()));
    }

    [Fact]
    public async Task History_is_read_backwards_and_forwards_in_pages()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();
        for (var n = 1; n <= 7; n++)
            await member.Http.SayAsync(conversation, $"message {n}");

        var newest = await member.Http.GetJsonAsync($"/api/v1/conversations/{conversation}/messages?limit=3");
        var earlier = await member.Http.GetJsonAsync($"/api/v1/conversations/{conversation}/messages?limit=3&before_seq={newest.Text("next_cursor")}");
        var first = await member.Http.GetJsonAsync($"/api/v1/conversations/{conversation}/messages?limit=3&before_seq={earlier.Text("next_cursor")}");
        var later = await member.Http.GetJsonAsync($"/api/v1/conversations/{conversation}/messages?limit=3&after_seq=5");

        Assert.Equal([5, 6, 7], Seqs(newest));
        Assert.Equal([2, 3, 4], Seqs(earlier));
        Assert.Equal([1], Seqs(first));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, first.GetProperty("next_cursor").ValueKind);
        Assert.Equal([6, 7], Seqs(later));

        static IEnumerable<int> Seqs(System.Text.Json.JsonElement page) => page.Items.Select(entry => entry.GetProperty("seq").GetInt32());
    }

    [Fact]
    public async Task A_visitor_never_sees_a_note()
    {
        var agent = await server.SignInAloneAsync(Role.Supervisor);
        var visitor = await server.VisitAsync(agent.TenantId);
        await visitor.Http.SayAsync(visitor.ConversationId, "where is my order?");
        await using var socket = await server.ListenAsync($"/ws/chat/{visitor.ConversationId}?after_seq=0", visitor.Token);

        await (await agent.Http.SayAsync(visitor.ConversationId, "a difficult one", isPrivate: true)).JsonAsync();
        await agent.Http.SayAsync(visitor.ConversationId, "it left on Tuesday");

        var seen = await visitor.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/messages");
        Assert.Equal(["where is my order?", "it left on Tuesday"], seen.Items.Select(entry => entry.Text("body")));
        await socket.NextAsync("message");
        var heard = await socket.NextAsync("message");
        Assert.Equal("it left on Tuesday", heard.GetProperty("message").Text("body"));
        var asAgent = await agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/messages");
        Assert.Equal(3, asAgent.Items.Length);
    }

    [Fact]
    public async Task A_visitor_writes_no_notes()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);

        var answer = await visitor.Http.SayAsync(visitor.ConversationId, "psst", isPrivate: true);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Theory]
    [InlineData("too long")]
    [InlineData("blank")]
    [InlineData("NUL")]
    public async Task A_body_that_cannot_be_is_refused_by_name(string what)
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();
        var body = what switch { "too long" => new string('a', 32_001), "blank" => "  \n", _ => "a\0b" };

        var answer = await member.Http.SayAsync(conversation, body);

        var problem = await answer.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.True(problem.GetProperty("errors").TryGetProperty("body", out _), problem.ToString());
    }

    [Fact]
    public async Task An_archived_conversation_is_read_only()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();
        await member.Http.PatchAsJsonAsync($"/api/v1/conversations/{conversation}", new { status = "archived" });

        var answer = await member.Http.SayAsync(conversation, "hello?");

        Assert.Equal("conversation_archived", (await answer.ProblemAsync(HttpStatusCode.Conflict)).Text("code"));
    }

    [Fact]
    public async Task What_was_read_counts_down_and_never_goes_back()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        for (var n = 1; n <= 4; n++)
            await visitor.Http.SayAsync(visitor.ConversationId, $"message {n}");

        await agent.Http.PostAsJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/read", new { seq = 3 });
        await agent.Http.PostAsJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/read", new { seq = 1 });

        var view = await agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}");
        Assert.Equal(3, view.GetProperty("my_read_seq").GetInt32());
        Assert.Equal(1, view.GetProperty("unread").GetInt32());
    }

    [Fact]
    public async Task The_visitor_rates_and_nobody_else()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        var path = $"/api/v1/conversations/{visitor.ConversationId}/rating";

        Assert.Equal(HttpStatusCode.Forbidden, (await agent.Http.PostAsJsonAsync(path, new { score = 5 })).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await visitor.Http.PostAsJsonAsync(path, new { score = 6 })).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await visitor.Http.PostAsJsonAsync(path, new { score = 4, comment = "quick" })).StatusCode);

        var rating = (await agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}")).GetProperty("rating");
        Assert.Equal(4, rating.GetProperty("score").GetInt32());
        Assert.Equal("quick", rating.Text("comment"));
    }
}
