using System.Text;
using Parley.Server.Assistants.Providers;
using Parley.Server.Assistants.Replies;
using Parley.Server.Assistants.Wire;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests.Assistants;

public sealed class OpenAiClientTests
{
    private static readonly HttpClient _http = new(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero, AllowAutoRedirect = false });

    private static readonly ModelRequest _question = new("gpt-4o", [new ModelMessage(ModelRole.System, "Be brief."), new ModelMessage(ModelRole.User, "Hello?")], MaxTokens: 100);

    [Fact]
    public async Task What_the_model_says_arrives_piece_by_piece_with_its_usage()
    {
        await using var server = FakeModelServer.Speaking("Hel", "lo", "!");

        var (text, end) = await AskAsync(server);

        Assert.Equal("Hello!", text);
        Assert.Equal(ModelEventKind.Finish, end.Kind);
        Assert.Equal(new ModelUsage(19, 10), end.Usage);
    }

    [Fact]
    public async Task The_request_is_as_the_protocol_has_it()
    {
        await using var server = FakeModelServer.Speaking("ok");

        await AskAsync(server, ProviderType.Openai, key: "sk-test");

        Assert.True(server.Requests.TryPeek(out var request));
        Assert.StartsWith("POST /v1/chat/completions HTTP/1.1", request.Head, StringComparison.Ordinal);
        Assert.Contains("Authorization: Bearer sk-test", request.Head, StringComparison.Ordinal);
        var body = request.Json;
        Assert.Equal("gpt-4o", body.GetProperty("model").GetString());
        Assert.Equal(["system", "user"], body.GetProperty("messages").EnumerateArray().Select(m => m.GetProperty("role").GetString()));
        Assert.True(body.GetProperty("stream").GetBoolean());
        Assert.True(body.GetProperty("stream_options").GetProperty("include_usage").GetBoolean());
        Assert.Equal(100, body.GetProperty("max_completion_tokens").GetInt32());
    }

    public static TheoryData<string, string[]> Tolerated => new()
    {
        { "no id, created, model", ["""{"choices":[{"delta":{"content":"Hello"}}]}""", """{"choices":[{"delta":{},"finish_reason":"stop"}]}""", "[DONE]"] },
        { "choices null, absent and empty in the middle", ["""{"choices":[{"delta":{"content":"Hel"}}]}""", """{"choices":null}""", """{"id":"x"}""", """{"choices":[]}""", """{"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}"""] },
        { "an empty finish reason is none", ["""{"choices":[{"delta":{"content":"Hel"},"finish_reason":""}]}""", """{"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}]}"""] },
        { "an unknown finish reason ends it", ["""{"choices":[{"delta":{"content":"Hello"},"finish_reason":"eos_token"}]}""", "[DONE]"] },
        { "no [DONE]", ["""{"choices":[{"delta":{"content":"Hello"}}]}""", """{"choices":[{"delta":{},"finish_reason":"stop"}]}"""] },
        { "[DONE] without a finish reason", ["""{"choices":[{"delta":{"content":"Hello"}}]}""", "[DONE]"] },
        { "null content and delta", ["""{"choices":[{"delta":{"role":"assistant","content":null}}]}""", """{"choices":[{"delta":null}]}""", """{"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}"""] },
        { "reasoning beside the answer", ["""{"choices":[{"delta":{"reasoning_content":"hm"}}]}""", """{"choices":[{"delta":{"reasoning":"hm"}}]}""", """{"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}"""] },
        { "unknown fields", ["""{"obfuscation":"x","service_tier":null,"choices":[{"delta":{"content":"Hello","x":[1]},"finish_reason":"stop","y":{}}]}"""] },
        { "whole message instead of a delta", ["""{"choices":[{"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}"""] },
        { "empty data", ["", """{"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}""", "", "[DONE]"] },
        { "usage with null details", ["""{"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":null}}"""] },
        { "a null error beside the answer", ["""{"error":null,"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}"""] },
    };

    [Theory]
    [MemberData(nameof(Tolerated))]
    public async Task What_servers_do_differently_is_tolerated(string what, string[] events)
    {
        await using var server = FakeModelServer.Saying(events);

        var (text, end) = await AskAsync(server);

        Assert.True(text == "Hello" && end.Kind is ModelEventKind.Finish, $"{what}: '{text}', {end.Failure}");
    }

    [Theory]
    [InlineData("data:{\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata:[DONE]\r\n\r\n")]
    [InlineData(": keep-alive\n\n: keep-alive\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\n")]
    [InlineData("data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}")]
    [InlineData("event: message\nid: 7\nretry: 10\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\n")]
    [InlineData("data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\n")]
    [InlineData("\uFEFFdata: {\"choices\":[{\"delta\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}]}\n\n")]
    public async Task Lines_may_be_written_in_every_way_the_standard_has(string body)
    {
        await using var server = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            await exchange.RawAsync(body);
        });

        var (text, end) = await AskAsync(server);

        Assert.Equal("Hello", text);
        Assert.Equal(ModelEventKind.Finish, end.Kind);
    }

    [Theory]
    [InlineData("stop", FinishReason.Stop)]
    [InlineData("length", FinishReason.Length)]
    [InlineData("content_filter", FinishReason.ContentFilter)]
    [InlineData("tool_calls", FinishReason.Stop)]
    public async Task The_finish_reason_is_told(string word, object reason)
    {
        await using var server = FakeModelServer.Saying($$"""{"choices":[{"delta":{"content":"Hello"},"finish_reason":"{{word}}"}]}""");

        var (_, end) = await AskAsync(server);

        Assert.Equal((FinishReason)reason, end.Reason);
    }

    [Theory]
    [InlineData("""{"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}""")]
    [InlineData("""{"prompt_tokens":9,"completion_tokens":5,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5,"completion_tokens_details":{"reasoning_tokens":3}}""")]
    public async Task Usage_is_read_in_both_ways_it_is_written(string usage)
    {
        await using var server = FakeModelServer.Saying("""{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}""", $$"""{"choices":[],"usage":{{usage}}}""");

        var (_, end) = await AskAsync(server);

        Assert.Equal(new ModelUsage(9, 5, 4, 3), end.Usage);
    }

    [Fact]
    public async Task A_server_that_stays_open_after_the_finish_is_not_waited_for()
    {
        await using var server = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            await exchange.EventAsync("""{"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}""");
            await exchange.UntilClientLeavesAsync();
        });

        var (text, end) = await AskAsync(server);

        Assert.Equal("Hello", text);
        Assert.Equal(ModelEventKind.Finish, end.Kind);
    }

    public static TheoryData<string, string, string, FailureClassName> Refusals => new()
    {
        { "400 Bad Request", """{"error":{"message":"bad field","type":"invalid_request_error","param":"x","code":null}}""", "openai", new(FailureClass.BadRequest) },
        { "400 Bad Request", """{"error":{"message":"This model's maximum context length is 8192 tokens","type":"invalid_request_error","code":"context_length_exceeded"}}""", "openai", new(FailureClass.ContextTooLong) },
        { "400 Bad Request", """{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}""", "openai_compatible", new(FailureClass.ContextTooLong) },
        { "400 Bad Request", """{"error":{"message":"filtered","code":"data_inspection_failed"}}""", "dashscope", new(FailureClass.ContentFilter) },
        { "401 Unauthorized", """{"error":{"message":"Incorrect API key provided: sk-secret-key","type":"invalid_request_error","code":"invalid_api_key"}}""", "openai", new(FailureClass.Auth) },
        { "403 Forbidden", """{"detail":"no"}""", "openai_compatible", new(FailureClass.Auth) },
        { "402 Payment Required", """{"error":{"message":"Insufficient Balance"}}""", "deepseek", new(FailureClass.Quota) },
        { "404 Not Found", """{"error":"model 'x' not found"}""", "openai_compatible", new(FailureClass.NotFound) },
        { "429 Too Many Requests", """{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}""", "openai", new(FailureClass.Quota) },
        { "429 Too Many Requests", """{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}""", "dashscope", new(FailureClass.RateLimited) },
        { "429 Too Many Requests", """{"error":{"message":"The free quota is exhausted","code":"insufficient_quota"}}""", "dashscope", new(FailureClass.Quota) },
        { "429 Too Many Requests", """{"error":{"message":"slow","code":"Throttling.RateQuota"}}""", "dashscope", new(FailureClass.RateLimited) },
        { "403 Forbidden", """{"error":{"message":"unpaid","code":"Arrearage"}}""", "dashscope", new(FailureClass.Quota) },
        { "500 Internal Server Error", "<html>oops</html>", "openai", new(FailureClass.Server) },
        { "503 Service Unavailable", "", "deepseek", new(FailureClass.Overloaded) },
        { "504 Gateway Timeout", "", "openai", new(FailureClass.Timeout) },
        { "302 Found", "", "openai", new(FailureClass.Protocol) },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_refusal_is_sorted(string status, string body, string provider, FailureClassName expected)
    {
        await using var server = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync(status, "application/json", status.StartsWith("302", StringComparison.Ordinal) ? "Location: http://127.0.0.1:1/\r\n" : "");
            await exchange.RawAsync(body);
        });

        var (_, end) = await AskAsync(server, EnumName.Parse<ProviderType>(provider), key: "sk-secret-key");

        Assert.Equal(expected.Value, end.Failure?.Class);
        Assert.DoesNotContain("sk-secret-key", end.Failure!.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Retry-After: 7\r\n", 7)]
    [InlineData("retry-after-ms: 2500\r\nRetry-After: 7\r\n", 2.5)]
    [InlineData("Retry-After: 86400\r\n", 600)]
    [InlineData("Retry-After: Thu, 01 Jan 2015 00:00:00 GMT\r\n", 0)]
    public async Task The_server_says_when_to_come_again(string header, double seconds)
    {
        await using var server = new FakeModelServer(exchange => exchange.BeginAsync("429 Too Many Requests", "application/json", header));

        var (_, end) = await AskAsync(server);

        Assert.Equal(FailureClass.RateLimited, end.Failure?.Class);
        Assert.Equal(TimeSpan.FromSeconds(seconds), end.Failure?.RetryAfter);
    }

    public static TheoryData<string, string, FailureClassName> ErrorsInsideTheAnswer => new()
    {
        { "object", """{"error":{"message":"busy","type":"server_error","code":500}}""", new(FailureClass.Server) },
        { "string", """{"error":"the model crashed"}""", new(FailureClass.Server) },
        { "flat", """{"object":"error","message":"too much","code":503}""", new(FailureClass.Overloaded) },
        { "beside a choice", """{"error":{"message":"slow down","code":"rate_limit_exceeded"},"choices":[{"delta":{}}]}""", new(FailureClass.RateLimited) },
        { "no JSON", "{\"choices\":[{\"del", new(FailureClass.Protocol) },
        { "no object", "[1,2]", new(FailureClass.Protocol) },
        { "two values", """{"choices":[]} {"choices":[]}""", new(FailureClass.Protocol) },
        { "lack of capacity", """{"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]}""", new(FailureClass.Overloaded) },
    };

    [Theory]
    [MemberData(nameof(ErrorsInsideTheAnswer))]
    public async Task An_error_inside_an_answer_is_found(string what, string data, FailureClassName expected)
    {
        await using var server = FakeModelServer.Saying("""{"choices":[{"delta":{"content":"Hel"}}]}""", data);

        var (text, end) = await AskAsync(server);

        Assert.True(text == "Hel" && end.Failure?.Class == expected.Value, $"{what}: '{text}', {end.Failure}");
    }

    [Fact]
    public async Task A_stream_that_ends_without_a_finish_is_truncated()
    {
        await using var server = FakeModelServer.Saying("""{"choices":[{"delta":{"content":"Hel"}}]}""");

        var (text, end) = await AskAsync(server);

        Assert.Equal("Hel", text);
        Assert.Equal(FailureClass.Truncated, end.Failure?.Class);
    }

    [Fact]
    public async Task A_connection_that_breaks_is_truncated()
    {
        await using var server = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync(more: "Transfer-Encoding: chunked\r\n");
            const string data = "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n";
            await exchange.RawAsync($"{data.Length:x}\r\n{data}\r\n");
            await Task.Delay(50, exchange.Stopped); // so that it is read before the reset discards it
            exchange.Reset();
        });

        var (text, end) = await AskAsync(server);

        Assert.Equal("Hel", text);
        Assert.Equal(FailureClass.Truncated, end.Failure?.Class);
    }

    [Theory]
    [InlineData("text/html", "<html><body>Sign in</body></html>", FailureClass.Protocol)]
    [InlineData("application/json", """{"choices":[{"message":{"content":"Hello"}}]}""", FailureClass.Protocol)]
    [InlineData("application/json", """{"error":{"message":"no","type":"authentication_error"}}""", FailureClass.Auth)]
    public async Task Success_that_is_no_stream_is_a_failure(string contentType, string body, object expected)
    {
        await using var server = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync(contentType: contentType);
            await exchange.RawAsync(body);
        });

        var (text, end) = await AskAsync(server);

        Assert.Equal("", text);
        Assert.Equal((FailureClass)expected, end.Failure?.Class);
    }

    [Fact]
    public async Task An_event_that_never_ends_is_cut_off()
    {
        await using var server = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            await exchange.RawAsync("data: ");
            var filler = Encoding.ASCII.GetBytes(new string('x', 64 * 1024));
            while (true)
                await exchange.RawAsync(filler);
        });

        var (_, end) = await AskAsync(server);

        Assert.Equal(FailureClass.Protocol, end.Failure?.Class);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_a_network_failure()
    {
        var server = FakeModelServer.Speaking("never");
        await server.DisposeAsync();

        var (_, end) = await AskAsync(server);

        Assert.Equal(FailureClass.Network, end.Failure?.Class);
    }

    [Fact]
    public async Task A_server_that_hangs_up_is_a_network_failure()
    {
        await using var server = new FakeModelServer(exchange =>
        {
            exchange.Reset();
            return Task.CompletedTask;
        });

        var (_, end) = await AskAsync(server);

        Assert.Equal(FailureClass.Network, end.Failure?.Class);
    }

    [Fact]
    public async Task Who_is_cancelled_leaves_the_server_at_once()
    {
        var left = new TaskCompletionSource();
        await using var server = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            await exchange.WordAsync("Hel");
            await exchange.UntilClientLeavesAsync();
            left.SetResult();
        });
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var said in ClientOf(server).StreamAsync(_question, cancel.Token))
                await cancel.CancelAsync();
        });

        await left.Task.WaitAsync(TimeSpan.FromSeconds(5));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_model_that_falls_silent_is_noticed_and_comments_do_not_count(bool hasSpoken)
    {
        await using var server = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync();
            if (hasSpoken)
                await exchange.WordAsync("Hel");
            while (true)
            {
                await exchange.RawAsync(": keep-alive\n\n");
                await Task.Delay(20, exchange.Stopped);
            }
        });
        var limits = ModelSettings.Read(ProviderType.Openai, KnownProvider.NoSettings) with { FirstToken = TimeSpan.FromMilliseconds(300), Idle = TimeSpan.FromMilliseconds(300) };

        var end = await new ModelAttempt(ClientOf(server), limits, TimeProvider.System).RunAsync(_question, (_, _) => true, CancellationToken.None);

        Assert.Equal(FailureClass.Timeout, end.Failure?.Class);
        Assert.Equal(hasSpoken, end.FirstToken is not null);
    }

    private static OpenAiClient ClientOf(FakeModelServer server, ProviderType type = ProviderType.OpenaiCompatible, string? key = null) =>
        new(_http, new OpenAiEndpoint(type, server.BaseUrl, key), TimeProvider.System);

    private static async Task<(string Text, ModelEvent End)> AskAsync(FakeModelServer server, ProviderType type = ProviderType.OpenaiCompatible, string? key = null)
    {
        var text = new StringBuilder();
        ModelEvent? end = null;
        await foreach (var said in ClientOf(server, type, key).StreamAsync(_question, CancellationToken.None))
        {
            Assert.Null(end); // what ends an answer is the last that comes of it
            text.Append(said.Text);
            if (said.Kind is ModelEventKind.Finish or ModelEventKind.Failure)
                end = said;
        }
        return (text.ToString(), Assert.NotNull(end));
    }

    /// <summary>The internal enum as a theory's public parameter.</summary>
    public sealed class FailureClassName
    {
        internal FailureClassName(FailureClass value) => Value = value;

        internal FailureClass Value { get; }

        public override string ToString() => Value.ToString();
    }
}
