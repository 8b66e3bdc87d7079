using System.Text.Json;

namespace Parley.Server.Assistants.Wire;

/// <summary>One event of a chat completion's stream, read with all the tolerance that the servers in the field need.</summary>
internal readonly record struct OpenAiChunk
{
    /// <summary>What was said; null when nothing was.</summary>
    public string? Text { get; private init; }

    /// <summary>The model thinks aloud.</summary>
    public bool Thinks { get; private init; }

    /// <summary>In the server's own words, which are many.</summary>
    public string? FinishReason { get; private init; }

    public ModelUsage? Usage { get; private init; }

    /// <summary>The mark <c>[DONE]</c>.</summary>
    public bool IsDone { get; private init; }

    /// <summary>Not JSON, or not an object.</summary>
    public bool IsMalformed { get; private init; }

    public OpenAiError? Error { get; private init; }

    /// <summary>Reads the data of one event. Never throws, whatever the bytes.</summary>
    public static OpenAiChunk Parse(ReadOnlySpan<byte> data)
    {
        data = Trim(data);
        if (data.IsEmpty)
            return default;
        if (data.SequenceEqual("[DONE]"u8))
            return new OpenAiChunk { IsDone = true };
        try
        {
            var reader = new Utf8JsonReader(data);
            using var json = JsonDocument.ParseValue(ref reader);
            return reader.BytesConsumed == data.Length && json.RootElement.ValueKind is JsonValueKind.Object
                ? Read(json.RootElement)
                : new OpenAiChunk { IsMalformed = true };
        }
        catch (JsonException)
        {
            return new OpenAiChunk { IsMalformed = true };
        }
    }

    private static OpenAiChunk Read(JsonElement chunk)
    {
        var usage = ReadUsage(chunk.Get("usage"));
        var choices = chunk.Get("choices");
        if (choices is not { ValueKind: JsonValueKind.Array } || choices.Value.GetArrayLength() == 0)
            return new OpenAiChunk { Usage = usage, Error = OpenAiError.Read(chunk) };

        var choice = choices.Value[0];
        var delta = choice.Get("delta") ?? choice.Get("message");
        var text = delta.Text("content") is { Length: > 0 } content ? content : delta.Text("refusal") is { Length: > 0 } refusal ? refusal : null;
        return new OpenAiChunk
        {
            Text = text,
            Thinks = delta.Text("reasoning_content") is { Length: > 0 } || delta.Text("reasoning") is { Length: > 0 } || delta.Text("thinking") is { Length: > 0 },
            FinishReason = choice.Text("finish_reason") is { Length: > 0 } reason ? reason : null,
            Usage = usage ?? ReadUsage(choice.Get("usage")),
            Error = OpenAiError.ReadError(chunk.Get("error") ?? choice.Get("error")),
        };
    }

    private static ModelUsage? ReadUsage(JsonElement? usage)
    {
        if (usage is not { ValueKind: JsonValueKind.Object } || (usage.Number("prompt_tokens") is null && usage.Number("completion_tokens") is null))
            return null;
        return new ModelUsage(
            usage.Number("prompt_tokens") ?? 0,
            usage.Number("completion_tokens") ?? 0,
            usage.Get("prompt_tokens_details").Number("cached_tokens") ?? usage.Number("prompt_cache_hit_tokens") ?? 0,
            usage.Get("completion_tokens_details").Number("reasoning_tokens") ?? 0);
    }

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> data) => data.Trim(" \t\r\n"u8);
}

/// <summary>An error as model servers word it: as an object, a string, or flat.</summary>
internal sealed record OpenAiError(string Message, string? Type, string? Code)
{
    private const int LongestMessage = 500;

    /// <summary>The error in an answer's body; null when it holds none.</summary>
    public static OpenAiError? Read(JsonElement body)
    {
        if (body.ValueKind is not JsonValueKind.Object)
            return null;
        if (ReadError(body.Get("error")) is { } error)
            return error;
        var isFlat = body.Text("object") is "error" || (body.Get("choices") is null && body.Text("message") is not null);
        if (isFlat)
            return ReadError(body);
        return body.Text("detail") is { } detail ? new OpenAiError(Cut(detail), null, null) : null;
    }

    public static OpenAiError? ReadError(JsonElement? error) => error?.ValueKind switch
    {
        JsonValueKind.String => new OpenAiError(Cut(error.Value.SafeText() ?? ""), null, null),
        JsonValueKind.Object => new OpenAiError(
            Cut(error.Text("message") ?? "No reason was given."),
            error.Text("type"),
            error.Get("details").Text("error_code") ?? error.Text("code") ?? error.Number("code")?.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        _ => null,
    };

    private static string Cut(string message) => message.Length <= LongestMessage ? message : message[..LongestMessage];
}

/// <summary>Reading JSON of which nothing is certain.</summary>
internal static class LooseJson
{
    extension(JsonElement element)
    {
        /// <summary>The property, unless it is missing or null.</summary>
        public JsonElement? Get(string name) =>
            element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind is not JsonValueKind.Null ? value : null;

        public string? Text(string name) => element.Get(name) is { ValueKind: JsonValueKind.String } text ? text.SafeText() : null;

        /// <summary>Half of a surrogate pair, which JSON can hold and a string should not, becomes U+FFFD.</summary>
        public string? SafeText()
        {
            try
            {
                return element.GetString();
            }
            catch (InvalidOperationException)
            {
                return "\uFFFD";
            }
        }
    }

    extension(JsonElement? element)
    {
        public JsonElement? Get(string name) => element?.Get(name);

        public string? Text(string name) => element?.Text(name);

        public int? Number(string name) =>
            element?.Get(name) is { ValueKind: JsonValueKind.Number } number && number.TryGetDouble(out var value) && value is >= 0 and <= int.MaxValue ? (int)value : null;
    }
}
