using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Parley.Server.Assistants.Providers;

namespace Parley.Server.Assistants.Wire;

/// <param name="BaseUrl">Up to and without <c>/chat/completions</c>.</param>
/// <param name="Body">Fields to send besides ours, such as a server's own switch for thinking.</param>
internal sealed record OpenAiEndpoint(ProviderType Type, Uri BaseUrl, string? ApiKey, JsonElement? Body = null);

/// <summary>OpenAI's chat completions, streamed; spoken by OpenAI, DeepSeek, DashScope, Ollama, vLLM and most others, each in its own way.</summary>
internal sealed class OpenAiClient(HttpClient http, OpenAiEndpoint endpoint, TimeProvider time) : IModelClient
{
    private const int LargestEvent = 1024 * 1024;
    private const int LargestErrorBody = 16 * 1024;

    /// <summary>How long after the finish the usage may take to come.</summary>
    private static readonly TimeSpan UsageWait = TimeSpan.FromSeconds(2);

    public async IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var message = ToHttp(request);
        var (response, refused) = await SendAsync(message, cancellationToken);
        if (response is null)
        {
            yield return ModelEvent.OfFailure(refused!);
            yield break;
        }
        using var _ = response;
        if (await CheckAsync(response, cancellationToken) is { } unfit)
        {
            yield return ModelEvent.OfFailure(unfit);
            yield break;
        }

        using var reading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var body = new EventCap(await response.Content.ReadAsStreamAsync(cancellationToken), LargestEvent);
        await using var chunks = SseParser.Create(body, static (_, data) => OpenAiChunk.Parse(data)).EnumerateAsync(reading.Token).GetAsyncEnumerator(reading.Token);
        using var usageTimer = time.CreateTimer(static source => ((CancellationTokenSource)source!).Cancel(), reading, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        string? finishReason = null;
        ModelUsage? usage = null;
        var spoke = false;
        while (true)
        {
            var (more, broken) = await MoveAsync(chunks, body, reading.Token);
            cancellationToken.ThrowIfCancellationRequested();
            var chunk = more ? chunks.Current.Data : default;
            usage = chunk.Usage ?? usage;
            if (more && chunk.IsMalformed)
                broken = new ModelFailure(FailureClass.Protocol, "An event of the answer was not valid JSON.");
            if (more && chunk.Error is { } error)
                broken = WithoutKey(OpenAiFailures.Of(endpoint.Type, error));
            finishReason ??= chunk.FinishReason;

            if (chunk.Text is { } text)
            {
                spoke = true;
                yield return ModelEvent.OfText(text);
            }
            else if (chunk.Thinks)
                yield return ModelEvent.Thinking;

            var isEnd = !more || broken is not null || chunk.IsDone || (finishReason is not null && usage is not null && chunk.Text is null);
            if (isEnd)
            {
                yield return End(finishReason, chunk.IsDone && spoke, broken, usage);
                yield break;
            }
            if (finishReason is not null)
                usageTimer.Change(UsageWait, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>How the answer ended. What was finished stays so, whatever comes after it.</summary>
    private static ModelEvent End(string? finishReason, bool isDone, ModelFailure? broken, ModelUsage? usage) => finishReason switch
    {
        null when broken is not null => ModelEvent.OfFailure(broken, usage),
        null when !isDone => ModelEvent.OfFailure(new ModelFailure(FailureClass.Truncated, "The stream ended before the answer did."), usage),
        "insufficient_system_resource" => ModelEvent.OfFailure(new ModelFailure(FailureClass.Overloaded, "The server broke the answer off for lack of capacity."), usage),
        "error" => ModelEvent.OfFailure(broken ?? new ModelFailure(FailureClass.Server, "The server broke the answer off."), usage),
        "length" or "max_tokens" => ModelEvent.OfFinish(FinishReason.Length, usage),
        "content_filter" => ModelEvent.OfFinish(FinishReason.ContentFilter, usage),
        _ => ModelEvent.OfFinish(FinishReason.Stop, usage),
    };

    private HttpRequestMessage ToHttp(ModelRequest request)
    {
        var body = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("model", request.Model);
            json.WriteStartArray("messages");
            foreach (var message in request.Messages)
            {
                json.WriteStartObject();
                json.WriteString("role", message.Role switch { ModelRole.System => "system", ModelRole.User => "user", _ => "assistant" });
                json.WriteString("content", message.Content);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteBoolean("stream", true);
            json.WriteStartObject("stream_options");
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
            if (request.MaxTokens is { } maxTokens)
                json.WriteNumber(endpoint.Type is ProviderType.Openai ? "max_completion_tokens" : "max_tokens", maxTokens);
            if (request.Temperature is { } temperature)
                json.WriteNumber("temperature", temperature);
            if (endpoint.Body is { ValueKind: JsonValueKind.Object } extra)
                foreach (var field in extra.EnumerateObject())
                    field.WriteTo(json);
            json.WriteEndObject();
        }
        var content = new ReadOnlyMemoryContent(body.WrittenMemory);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json") { CharSet = "utf-8" };
        var http = new HttpRequestMessage(HttpMethod.Post, $"{endpoint.BaseUrl.AbsoluteUri.TrimEnd('/')}/chat/completions") { Content = content };
        http.Headers.Accept.ParseAdd("text/event-stream");
        if (endpoint.ApiKey is { Length: > 0 } key)
            http.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return http;
    }

    private async Task<(HttpResponseMessage? Response, ModelFailure? Failure)> SendAsync(HttpRequestMessage message, CancellationToken cancellationToken)
    {
        try
        {
            return (await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken), null);
        }
        catch (HttpRequestException e) when (e.InnerException is PrivateTargetException refused)
        {
            return (null, new ModelFailure(FailureClass.PrivateTarget, refused.Message));
        }
        catch (HttpRequestException e)
        {
            return (null, new ModelFailure(FailureClass.Network, e.Message));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, new ModelFailure(FailureClass.Timeout, "The server could not be connected to in time."));
        }
    }

    /// <summary>Null when the answer is a stream of events.</summary>
    private async Task<ModelFailure?> CheckAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var type = response.Content.Headers.ContentType?.MediaType;
        if (response.StatusCode is HttpStatusCode.OK && type is not ("application/json" or "application/problem+json" or "text/html"))
            return null;
        var body = await ReadErrorBodyAsync(response, cancellationToken);
        if (response.StatusCode is not HttpStatusCode.OK)
            return WithoutKey(OpenAiFailures.Of(endpoint.Type, response.StatusCode, body.Span, RetryAfter(response)));
        return OpenAiFailures.ReadBody(body.Span) is { } error
            ? WithoutKey(OpenAiFailures.Of(endpoint.Type, error))
            : new ModelFailure(FailureClass.Protocol, $"The server answered with {type} in place of a stream of events.");
    }

    private static async Task<ReadOnlyMemory<byte>> ReadErrorBodyAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = new byte[LargestErrorBody];
        var length = 0;
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            length = await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken);
        }
        catch (IOException)
        {
            // What came before the break may do.
        }
        return body.AsMemory(0, length);
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        if (response.Headers.TryGetValues("retry-after-ms", out var values)
            && double.TryParse(values.First(), NumberStyles.Float, CultureInfo.InvariantCulture, out var milliseconds) && milliseconds is >= 0 and < 1e9)
            return TimeSpan.FromMilliseconds(milliseconds);
        return response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - time.GetUtcNow(),
            _ => null,
        };
    }

    private static async ValueTask<(bool More, ModelFailure? Failure)> MoveAsync(
        IAsyncEnumerator<SseItem<OpenAiChunk>> chunks, EventCap body, CancellationToken reading)
    {
        try
        {
            if (await chunks.MoveNextAsync())
                return (true, null);
            return (false, body.Exceeded ? new ModelFailure(FailureClass.Protocol, "An event of the answer was too large.") : null);
        }
        catch (IOException e)
        {
            return (false, new ModelFailure(FailureClass.Truncated, e.Message));
        }
        catch (OperationCanceledException) when (reading.IsCancellationRequested)
        {
            return (false, null);
        }
    }

    private ModelFailure WithoutKey(ModelFailure failure) =>
        endpoint.ApiKey is { Length: > 0 } key ? failure with { Detail = failure.Detail.Replace(key, "…", StringComparison.Ordinal) } : failure;
}
