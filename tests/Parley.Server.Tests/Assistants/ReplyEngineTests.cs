using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Parley.Server.Accounts;
using Parley.Server.Conversations;
using Parley.Server.Conversations.Timelines;
using Xunit;

namespace Parley.Server.Tests.Assistants;

public sealed class ReplyEngineTests(AssistantServer server) : IClassFixture<AssistantServer>
{
    [Fact]
    public async Task A_visitor_is_answered_with_one_entry_that_carries_the_reply()
    {
        await using var model = FakeModelServer.Speaking("Hello ", "Vera!");
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);
        var conversation = await desk.BeginSupportAsync();

        await desk.AskAsync(conversation, "Hi");
        var timeline = await desk.TimelineOfAsync(conversation, entries => entries.Count == 2);

        var reply = timeline[1];
        Assert.Equal((SenderType.Assistant, "Hello Vera!", "fake-model"), (reply.Sender.Type, reply.Body, reply.Model));
        var stored = await desk.EndedReplyAsync(reply.Metadata!.Value.GetProperty("reply_id").GetGuid());
        Assert.Equal(("done", "Hello Vera!"), (stored.GetProperty("status").GetString(), stored.GetProperty("text").GetString()));
        Assert.Equal(2, stored.GetProperty("message").GetProperty("seq").GetInt64());
        var attempt = Assert.Single(stored.GetProperty("attempts").EnumerateArray());
        Assert.Equal(("fake", "done", 10), (attempt.GetProperty("provider").GetString(), attempt.GetProperty("outcome").GetString(), attempt.GetProperty("tokens").GetInt32()));
        Assert.Equal(19, reply.Usage!.Value.GetProperty("input_tokens").GetInt32());
    }

    [Fact]
    public async Task Sockets_that_join_at_any_moment_end_with_the_same_text_and_no_gap()
    {
        var words = Enumerable.Range(0, 60).Select(i => $"word{i} ").ToArray();
        var step = new SemaphoreSlim(0);
        await using var model = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            foreach (var word in words)
            {
                await step.WaitAsync(exchange.Stopped);
                await exchange.WordAsync(word);
            }
            await exchange.EndAsync();
        });
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);
        var conversation = await desk.BeginSupportAsync();
        var sockets = new List<ChatSocketClient> { await desk.OpenSocketAsync(conversation) };

        await desk.AskAsync(conversation, "Tell me everything");
        await sockets[0].FrameAsync("reply.start");
        for (var i = 0; i < words.Length; i++)
        {
            step.Release();
            if (i % 12 == 5)
                sockets.Add(await desk.OpenSocketAsync(conversation)); // while words come
        }

        foreach (var socket in sockets)
        {
            var done = await socket.FrameAsync("reply.done");
            var (text, index) = ("", -1);
            foreach (var frame in socket.Frames)
            {
                switch (frame.GetProperty("type").GetString())
                {
                    case "reply.start":
                        (text, index) = (frame.GetProperty("text").GetString()!, frame.GetProperty("index").GetInt32());
                        break;
                    case "reply.delta":
                        Assert.Equal(++index, frame.GetProperty("index").GetInt32());
                        text += frame.GetProperty("text").GetString();
                        break;
                }
            }
            Assert.Equal(string.Concat(words), text);
            Assert.Equal(text.TrimEnd(), done.GetProperty("message").GetProperty("body").GetString());
            var types = socket.Frames.Select(frame => frame.GetProperty("type").GetString()).ToList();
            Assert.True(types.LastIndexOf("message") < types.IndexOf("reply.done"), "the entry is told before the end of the reply");
            await socket.DisposeAsync();
        }
    }

    [Fact]
    public async Task Fast_words_go_out_together()
    {
        await using var model = FakeModelServer.Speaking([.. Enumerable.Range(0, 2_000).Select(i => $"{i} ")]);
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);
        var conversation = await desk.BeginSupportAsync();
        await using var socket = await desk.OpenSocketAsync(conversation);

        await desk.AskAsync(conversation, "Count");
        await socket.FrameAsync("reply.done");

        Assert.InRange(socket.Frames.Count(frame => frame.GetProperty("type").GetString() is "reply.delta"), 1, 400);
    }

    [Fact]
    public async Task Who_stops_a_reply_keeps_what_it_said()
    {
        var left = new TaskCompletionSource();
        await using var model = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            await exchange.WordAsync("Once upon");
            await exchange.UntilClientLeavesAsync();
            left.SetResult();
        });
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);
        var conversation = await desk.BeginSupportAsync();
        await using var socket = await desk.OpenSocketAsync(conversation);
        await desk.AskAsync(conversation, "Tell me a story");
        var delta = await socket.FrameAsync("reply.delta");

        await socket.SendAsync("""{"type":"stop"}""");

        var done = await socket.FrameAsync("reply.done");
        await left.Task.WaitAsync(TimeSpan.FromSeconds(5)); // the provider is left at once
        Assert.Equal("cancelled", done.GetProperty("status").GetString());
        Assert.Equal("Once upon", done.GetProperty("message").GetProperty("body").GetString());
        Assert.True(done.GetProperty("message").GetProperty("metadata").GetProperty("truncated").GetBoolean());
        Assert.Equal("cancelled", (await desk.EndedReplyAsync(delta.GetProperty("reply_id").GetGuid())).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_person_who_takes_over_silences_the_assistant_at_once_and_for_good()
    {
        var left = new TaskCompletionSource();
        await using var model = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            await exchange.WordAsync("I think");
            await exchange.UntilClientLeavesAsync();
            left.SetResult();
        });
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);
        var conversation = await desk.BeginSupportAsync();
        await using var socket = await desk.OpenSocketAsync(conversation);
        await desk.AskAsync(conversation, "Help");
        var replyId = (await socket.FrameAsync("reply.delta")).GetProperty("reply_id").GetGuid();

        await desk.HandOffAsync(conversation, Handler.Agent);

        var error = await socket.FrameAsync("reply.error");
        await left.Task.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.Equal("taken_over", error.GetProperty("code").GetString());
        Assert.Equal("cancelled", (await desk.EndedReplyAsync(replyId)).GetProperty("status").GetString());
        Assert.DoesNotContain(await desk.TimelineOfAsync(conversation), entry => entry.Sender.Type is SenderType.Assistant);
    }

    [Fact]
    public async Task A_reply_that_ends_in_the_moment_of_the_takeover_has_one_end_and_never_speaks_after_it()
    {
        await using var model = FakeModelServer.Speaking("Done ", "already.");
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);

        for (var run = 0; run < 12; run++)
        {
            var conversation = await desk.BeginSupportAsync();
            await desk.AskAsync(conversation, "Hi");
            await Task.Delay(run * 4, CancellationToken.None); // sometimes before the reply, sometimes in it, sometimes after
            await desk.HandOffAsync(conversation, Handler.Agent);

            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            while (await desk.Server.Database.QueryAsync<long>($"select count(*) from jobs where kind = 'reply' and payload ->> 'conversation_id' = '{conversation}'") > 0)
                await Task.Delay(10, limit.Token);
            var timeline = await desk.TimelineOfAsync(conversation);
            var takeover = timeline.Single(entry => entry.Kind is EntryKind.Event).Seq;
            var spoken = timeline.Where(entry => entry.Sender.Type is SenderType.Assistant).ToList();
            Assert.True(spoken.Count <= 1 && spoken.All(entry => entry.Seq < takeover), "the assistant spoke after the takeover");
            var states = await desk.Server.Database.QueryAsync<string>($"select string_agg(status, ',') from replies where conversation_id = '{conversation}'");
            Assert.Contains(states ?? "none", (string[])(spoken.Count == 1 ? ["done"] : ["cancelled", "none"]));
        }
    }

    [Fact]
    public async Task What_is_said_while_a_reply_runs_is_answered_after_it_together()
    {
        var go = new SemaphoreSlim(0);
        await using var model = new FakeModelServer(async exchange =>
        {
            var asked = exchange.Json.GetProperty("messages").EnumerateArray().Where(m => m.GetProperty("role").GetString() is "user").Select(m => m.GetProperty("content").GetString());
            await go.WaitAsync(exchange.Stopped);
            await exchange.SpeakAsync($"heard: {string.Join(',', asked)}");
        });
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);
        var conversation = await desk.BeginSupportAsync();
        await using var socket = await desk.OpenSocketAsync(conversation);

        await desk.AskAsync(conversation, "one");
        await socket.FrameAsync("reply.start");
        await desk.AskAsync(conversation, "two");
        await desk.AskAsync(conversation, "three");
        go.Release(10);
        var timeline = await desk.TimelineOfAsync(conversation, entries => entries.Count(e => e.Sender.Type is SenderType.Assistant) == 2);

        Assert.Equal(["one", "two", "three", "heard: one", "heard: one,two,three"], timeline.Select(entry => entry.Body));
        Assert.Equal(2, model.Requests.Count);
    }

    [Fact]
    public async Task The_next_provider_serves_when_one_fails_before_its_first_word()
    {
        await using var broken = new FakeModelServer(exchange => exchange.BeginAsync("500 Internal Server Error", "application/json"));
        await using var working = FakeModelServer.Speaking("Here I am.");
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("broken", broken);
        await desk.AddProviderAsync("working", working);
        var conversation = await desk.BeginSupportAsync();

        await desk.AskAsync(conversation, "Anybody?");
        var timeline = await desk.TimelineOfAsync(conversation, entries => entries.Count == 2);

        Assert.Equal(("Here I am.", "working-model"), (timeline[1].Body, timeline[1].Model));
        var reply = await desk.EndedReplyAsync(timeline[1].Metadata!.Value.GetProperty("reply_id").GetGuid());
        Assert.Equal(["broken server_error", "working done"], reply.GetProperty("attempts").EnumerateArray().Select(a => $"{a.GetProperty("provider")} {a.GetProperty("outcome")}"));
    }

    [Theory]
    [InlineData("cut", "truncated")]
    [InlineData("malformed", "protocol")]
    [InlineData("stall", "timeout")]
    public async Task A_reply_that_breaks_off_is_kept_and_says_so(string fault, string code)
    {
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync(new
        {
            name = "sim",
            type = "simulator",
            settings = new { first_token_ms = 0, tokens_per_second = 1000, fault, fault_after_tokens = 5, idle_timeout_ms = 300 },
        });
        var conversation = await desk.BeginSupportAsync();

        await desk.AskAsync(conversation, "Hello");
        var timeline = await desk.TimelineOfAsync(conversation, entries => entries.Count == 2);

        var metadata = timeline[1].Metadata!.Value;
        Assert.True(metadata.GetProperty("truncated").GetBoolean());
        Assert.Equal(code, metadata.GetProperty("reason").GetString());
        Assert.StartsWith("I am Parley's", timeline[1].Body, StringComparison.Ordinal);
        var reply = await desk.EndedReplyAsync(metadata.GetProperty("reply_id").GetGuid());
        Assert.Equal("truncated", reply.GetProperty("status").GetString());
        Assert.Equal(timeline[1].Body, reply.GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_visitor_whom_nobody_answers_goes_to_the_queue_with_the_reason()
    {
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync(new { name = "sim", type = "simulator", settings = new { first_token_ms = 0, fault = "server_error" } });
        var conversation = await desk.BeginSupportAsync();
        await using var socket = await desk.OpenSocketAsync(conversation);

        await desk.AskAsync(conversation, "Hello");
        var timeline = await desk.TimelineOfAsync(conversation, entries => entries.Count >= 3);

        Assert.Equal(["reply_failed", "handoff"], timeline.Skip(1).Take(2).Select(entry => entry.Metadata!.Value.GetProperty("event").GetString()));
        Assert.Equal("server_error", timeline[1].Metadata!.Value.GetProperty("code").GetString());
        Assert.Equal("assistant_failed", timeline[2].Metadata!.Value.GetProperty("reason").GetString());
        Assert.Equal("queue", await server.Database.QueryAsync<string>($"select handler from conversations where id = '{conversation}'"));
        Assert.Equal("server_error", (await socket.FrameAsync("reply.error")).GetProperty("code").GetString());
    }

    [Fact]
    public async Task Without_a_provider_a_visitor_is_told_and_queued()
    {
        var desk = await server.OpenDeskAsync();
        var conversation = await desk.BeginSupportAsync();

        await desk.AskAsync(conversation, "Hello");
        var timeline = await desk.TimelineOfAsync(conversation, entries => entries.Count >= 3);

        Assert.Equal(["no_assistant", "handoff"], timeline.Skip(1).Take(2).Select(entry => entry.Metadata!.Value.GetProperty("event").GetString()));
        Assert.NotEqual("", timeline[1].Body);
        Assert.Equal("queue", await server.Database.QueryAsync<string>($"select handler from conversations where id = '{conversation}'"));
    }

    [Fact]
    public async Task A_visitor_who_asks_for_a_person_gets_into_the_queue_by_the_assistant()
    {
        await using var model = FakeModelServer.Speaking("Of course, I get somebody. ", "[[hand", "off]]");
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);
        var conversation = await desk.BeginSupportAsync();
        await using var socket = await desk.OpenSocketAsync(conversation);

        await desk.AskAsync(conversation, "A person, please");
        var timeline = await desk.TimelineOfAsync(conversation, entries => entries.Count >= 3);
        await socket.FrameAsync("reply.done");

        Assert.Equal("Of course, I get somebody.", timeline[1].Body);
        Assert.Equal("assistant_asked", timeline[2].Metadata!.Value.GetProperty("reason").GetString());
        Assert.DoesNotContain(socket.Frames, frame => frame.GetRawText().Contains("[[", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Chat_answers_whole_or_as_a_stream_and_a_resend_changes_nothing()
    {
        await using var model = FakeModelServer.Speaking("Forty", "-two.");
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);

        var whole = await desk.Http.PostAsJsonAsync("/api/v1/chat", new { message = "What is the answer?", client_id = "q1" });
        var answer = await whole.Content.ReadFromJsonAsync<JsonElement>();
        var conversation = answer.GetProperty("conversation_id").GetGuid();
        var again = await (await desk.Http.PostAsJsonAsync("/api/v1/chat", new { message = "What is the answer?", client_id = "q1" })).Content.ReadFromJsonAsync<JsonElement>();
        var stream = await StreamAsync(desk.Http, HttpMethod.Post, "/api/v1/chat", new { message = "And the question?", conversation_id = conversation, stream = true });

        Assert.Equal(HttpStatusCode.OK, whole.StatusCode);
        Assert.Equal("Forty-two.", answer.GetProperty("reply").GetProperty("body").GetString());
        Assert.Equal(10, answer.GetProperty("usage").GetProperty("output_tokens").GetInt32());
        Assert.Equal(answer.GetProperty("reply").GetProperty("id").GetGuid(), again.GetProperty("reply").GetProperty("id").GetGuid());
        Assert.Equal("message", stream[0].Event);
        Assert.Equal("reply", stream[^1].Event);
        Assert.Equal("Forty-two.", string.Concat(stream.Where(e => e.Event is "delta").Select(e => e.Data.GetProperty("text").GetString())));
        Assert.Equal("Forty-two.", stream[^1].Data.GetProperty("message").GetProperty("body").GetString());
        Assert.Equal(4, (await desk.TimelineOfAsync(conversation)).Count);
    }

    [Fact]
    public async Task Chat_without_a_provider_says_so()
    {
        var desk = await server.OpenDeskAsync();

        var response = await desk.Http.PostAsJsonAsync("/api/v1/chat", new { message = "Hello?" });

        Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
        Assert.Equal("no_provider", (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_reply_is_followed_from_where_one_was_and_by_its_own_people_alone()
    {
        var go = new TaskCompletionSource();
        await using var model = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            await exchange.WordAsync("one ");
            await go.Task.WaitAsync(exchange.Stopped);
            await exchange.WordAsync("two");
            await exchange.EndAsync();
        });
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);
        var chat = StreamAsync(desk.Http, HttpMethod.Post, "/api/v1/chat", new { message = "Count", stream = true });
        var replyId = await ReplyOfAsync(desk);
        await UntilAsync(async () => (await desk.ReplyAsync(replyId)).GetProperty("index").GetInt32() == 0);
        var colleague = await server.SignInAsync(Role.Admin, desk.Admin.TenantId);
        var stranger = await server.SignInAsync(Role.Admin, Guid.CreateVersion7());

        using var all = await OpenStreamAsync(desk.Http, HttpMethod.Get, $"/api/v1/replies/{replyId}/stream");
        using var rest = await OpenStreamAsync(desk.Http, HttpMethod.Get, $"/api/v1/replies/{replyId}/stream", lastEventId: "0");
        using var lost = await OpenStreamAsync(desk.Http, HttpMethod.Get, $"/api/v1/replies/{replyId}/stream?after_index=99");
        go.SetResult();

        Assert.Equal("one two", TextOf(await ReadAsync(all)));
        var restEvents = await ReadAsync(rest);
        Assert.Equal(("two", "reply"), (TextOf(restEvents), restEvents[^1].Event));
        var lostEvents = await ReadAsync(lost);
        Assert.Equal(("one two", "start"), (TextOf(lostEvents), lostEvents[0].Event));
        Assert.Equal("one two", TextOf(await chat));
        var after = await StreamAsync(desk.Http, HttpMethod.Get, $"/api/v1/replies/{replyId}/stream?after_index=1", body: null);
        Assert.Equal(["reply"], after.Select(e => e.Event));
        Assert.Equal(HttpStatusCode.NotFound, (await colleague.Http.GetAsync(new Uri($"/api/v1/replies/{replyId}", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Http.GetAsync(new Uri($"/api/v1/replies/{replyId}", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task A_cancelled_chat_ends_its_stream()
    {
        await using var model = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            await exchange.UntilClientLeavesAsync();
        });
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model);
        var chat = StreamAsync(desk.Http, HttpMethod.Post, "/api/v1/chat", new { message = "Hello", stream = true });
        var replyId = await ReplyOfAsync(desk);
        await UntilAsync(() => Task.FromResult(!model.Requests.IsEmpty));

        var cancel = await desk.Http.PostAsync(new Uri($"/api/v1/replies/{replyId}/cancel", UriKind.Relative), content: null);

        Assert.Equal(HttpStatusCode.Accepted, cancel.StatusCode);
        var end = (await chat)[^1];
        Assert.Equal(("reply", "cancelled"), (end.Event, end.Data.GetProperty("status").GetString()));
        Assert.Equal(JsonValueKind.Null, end.Data.GetProperty("message").ValueKind);
    }

    [Fact]
    public async Task A_model_is_told_as_much_of_the_history_as_fits()
    {
        await using var model = FakeModelServer.Speaking("ok");
        var desk = await server.OpenDeskAsync();
        await desk.AddProviderAsync("fake", model, new { context_tokens = 1_000, max_tokens = 100 });
        var first = await (await desk.Http.PostAsJsonAsync("/api/v1/chat", new { message = $"first {new string('x', 2_000)}", system_prompt = "Be brief." })).Content.ReadFromJsonAsync<JsonElement>();
        var conversation = first.GetProperty("conversation_id").GetGuid();

        await desk.Http.PostAsJsonAsync("/api/v1/chat", new { message = $"second {new string('x', 2_000)}", conversation_id = conversation });

        var told = model.Requests.Last().Json.GetProperty("messages").EnumerateArray().Select(m => $"{m.GetProperty("role")} {m.GetProperty("content").GetString()![..2]}");
        Assert.Equal(["system Be", "assistant ok", "user se"], told);
    }

    private async Task<Guid> ReplyOfAsync(Desk desk)
    {
        var id = Guid.Empty;
        await UntilAsync(async () => (id = await server.Database.QueryAsync<Guid>($"select id from replies where tenant_id = '{desk.Admin.TenantId}' order by id desc limit 1")) != Guid.Empty);
        return id;
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await isSo())
            await Task.Delay(10, limit.Token);
    }

    private static string TextOf(IEnumerable<ServerSentEvent> events) =>
        events.Aggregate("", (text, e) => e.Event switch { "start" => e.Data.GetProperty("text").GetString()!, "delta" => text + e.Data.GetProperty("text").GetString(), _ => text });

    private sealed record ServerSentEvent(string Event, string? Id, JsonElement Data);

    private static async Task<List<ServerSentEvent>> StreamAsync(HttpClient http, HttpMethod method, string path, object? body)
    {
        using var response = await OpenStreamAsync(http, method, path, body);
        return await ReadAsync(response);
    }

    private static async Task<HttpResponseMessage> OpenStreamAsync(HttpClient http, HttpMethod method, string path, object? body = null, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static async Task<List<ServerSentEvent>> ReadAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.Content.Headers.ContentType?.MediaType is "text/event-stream", text);
        var events = new List<ServerSentEvent>();
        foreach (var block in text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = block.Split('\n').Where(line => !line.StartsWith(':')).Select(line => line.Split(": ", 2)).ToDictionary(line => line[0], line => line[1]);
            if (lines.Count > 0)
                events.Add(new ServerSentEvent(lines["event"], lines.GetValueOrDefault("id"), JsonElement.Parse(Encoding.UTF8.GetBytes(lines["data"]))));
        }
        return events;
    }
}
