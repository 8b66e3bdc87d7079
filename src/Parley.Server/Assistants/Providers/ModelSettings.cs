using System.Text.Json;
using Parley.Server.Assistants.Wire;

namespace Parley.Server.Assistants.Providers;

/// <summary>What a provider's <c>settings</c> say about asking it; the simulator has more of its own.</summary>
/// <param name="ContextTokens">How much the model takes in, the answer included.</param>
/// <param name="MaxTokens">Of an answer; null leaves it to the model.</param>
/// <param name="FirstToken">Until the first word, the connection included.</param>
/// <param name="Idle">Between two pieces of an answer. Comments that only keep the connection open are no pieces.</param>
/// <param name="Total">For the whole answer.</param>
/// <param name="Body">Fields to send besides ours.</param>
internal sealed record ModelSettings(
    int ContextTokens, int? MaxTokens, double? Temperature, TimeSpan FirstToken, TimeSpan Idle, TimeSpan Total, JsonElement? Body)
{
    private const int DefaultContextTokens = 8_000;
    private const int DefaultAnswerTokens = 1_000;

    /// <summary>What an answer may take of the context.</summary>
    public int AnswerTokens => Math.Min(MaxTokens ?? DefaultAnswerTokens, ContextTokens / 2);

    public static ModelSettings Read(ProviderType type, JsonElement settings)
    {
        JsonElement? s = settings;
        var isLocal = type is ProviderType.OpenaiCompatible; // its first call may load the model
        return new ModelSettings(
            s.Number("context_tokens") ?? DefaultContextTokens,
            s.Number("max_tokens"),
            settings.Get("temperature") is { ValueKind: JsonValueKind.Number } temperature ? temperature.GetDouble() : null,
            Milliseconds("first_token_timeout_ms", TimeSpan.FromSeconds(isLocal ? 120 : 30)),
            Milliseconds("idle_timeout_ms", TimeSpan.FromSeconds(20)),
            Milliseconds("total_timeout_ms", TimeSpan.FromMinutes(10)),
            settings.Get("body"));

        TimeSpan Milliseconds(string name, TimeSpan otherwise) => s.Number(name) is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : otherwise;
    }

    /// <summary>The first thing that is wrong with <paramref name="settings"/>; null when nothing is. Unknown fields are no fault.</summary>
    public static string? FirstFault(ProviderType type, JsonElement settings)
    {
        if (settings.ValueKind is not JsonValueKind.Object)
            return "must be an object.";
        var text = settings.GetRawText();
        if (text.Length > 16_384)
            return "must be shorter.";
        if (text.Contains("\\u0000", StringComparison.Ordinal))
            return "must not contain NUL.";
        foreach (var (name, min, max, isWhole) in type is ProviderType.Simulator ? [.. _numbers, .. _simulatorNumbers] : _numbers)
        {
            if (settings.Get(name) is not { } value)
                continue;
            if (value.ValueKind is not JsonValueKind.Number || !value.TryGetDouble(out var number) || number < min || number > max || (isWhole && number != Math.Floor(number)))
                return $"{name} must be a {(isWhole ? "whole " : "")}number from {min} to {max}.";
        }
        if (settings.Get("body") is { ValueKind: not JsonValueKind.Object })
            return "body must be an object.";
        if (type is ProviderType.Simulator && settings.Get("fault") is { } fault && !(fault.ValueKind is JsonValueKind.String && SimulatorSettings.TryParse(fault.GetString()!, out _)))
            return $"fault must be one of: {SimulatorSettings.FaultNames}.";
        return null;
    }

    private static readonly (string Name, double Min, double Max, bool IsWhole)[] _numbers =
    [
        ("context_tokens", 500, 4_000_000, true),
        ("max_tokens", 1, 1_000_000, true),
        ("temperature", 0, 2, false),
        ("first_token_timeout_ms", 100, 600_000, true),
        ("idle_timeout_ms", 100, 600_000, true),
        ("total_timeout_ms", 1_000, 3_600_000, true),
    ];

    private static readonly (string Name, double Min, double Max, bool IsWhole)[] _simulatorNumbers =
    [
        ("first_token_ms", 0, 600_000, true),
        ("tokens_per_second", 0.1, 1_000_000, false),
        ("reply_tokens", 1, 100_000, true),
        ("fault_after_tokens", 0, 100_000, true),
    ];
}
