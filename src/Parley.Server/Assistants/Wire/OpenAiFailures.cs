using System.Net;
using System.Text.Json;
using Parley.Server.Assistants.Providers;

namespace Parley.Server.Assistants.Wire;

/// <summary>Sorts what OpenAI-like servers answer when they do not answer. The code and the type decide before the status.</summary>
internal static class OpenAiFailures
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    /// <summary>A refusal with a status of its own.</summary>
    public static ModelFailure Of(ProviderType provider, HttpStatusCode status, ReadOnlySpan<byte> body, TimeSpan? retryAfter)
    {
        var error = ReadBody(body);
        var failure = Classify(provider, (int)status, error);
        var detail = error?.Message ?? $"The server answered {(int)status} {status}.";
        return new ModelFailure(failure, detail, (int)status, Clamp(retryAfter));
    }

    /// <summary>A refusal inside an answer that had begun with 200.</summary>
    public static ModelFailure Of(ProviderType provider, OpenAiError error) => new(Classify(provider, null, error), error.Message);

    public static OpenAiError? ReadBody(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using var json = JsonDocument.ParseValue(ref reader);
            return OpenAiError.Read(json.RootElement);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static FailureClass Classify(ProviderType provider, int? status, OpenAiError? error)
    {
        var code = error?.Code?.ToLowerInvariant();
        var type = error?.Type?.ToLowerInvariant();
        var message = error?.Message ?? "";
        return ByWord(provider, code, message) ?? ByWord(provider, type, message) ?? ByStatus(status ?? StatusIn(code), message);
    }

    private static FailureClass? ByWord(ProviderType provider, string? word, string message) => word switch
    {
        null => null,
        "context_length_exceeded" or "request_too_large" or "string_above_max_length" => FailureClass.ContextTooLong,
        "content_filter" or "content_policy_violation" or "data_inspection_failed" or "datainspectionfailed" => FailureClass.ContentFilter,
        "invalid_api_key" or "authentication_error" or "permission_error" or "invalidapikey" or "accessdenied" or "access_denied" => FailureClass.Auth,
        "model_not_found" or "modelnotfound" or "not_found_error" => FailureClass.NotFound,

        // DashScope's "current quota" is so many tokens a minute; only the free one ends for good.
        "insufficient_quota" when provider is ProviderType.Dashscope && !message.Contains("free", StringComparison.OrdinalIgnoreCase) => FailureClass.RateLimited,
        "insufficient_quota" or "billing_error" or "credit_balance_exhausted" or "organization_spend_limit_exceeded" or "project_spend_limit_exceeded"
            or "enforced_spend_limit_reached" or "contract_spend_limit_reached" or "arrearage" or "billing_hard_limit_reached" => FailureClass.Quota,
        "rate_limit_error" or "rate_limit_exceeded" or "slow_down" => FailureClass.RateLimited,
        _ when word.StartsWith("throttling", StringComparison.Ordinal) => FailureClass.RateLimited,
        "overloaded_error" or "server_is_overloaded" or "insufficient_system_resource" => FailureClass.Overloaded,
        "timeout_error" => FailureClass.Timeout,
        "server_error" or "api_error" or "internal_server_error" or "internal_error" => FailureClass.Server,
        _ => null,
    };

    private static FailureClass ByStatus(int? status, string message) => status switch
    {
        400 or 413 or 422 when IsAboutLength(message) || status is 413 => FailureClass.ContextTooLong,
        401 or 403 => FailureClass.Auth,
        402 => FailureClass.Quota,
        404 => FailureClass.NotFound,
        408 or 504 => FailureClass.Timeout,
        429 => FailureClass.RateLimited,
        503 or 529 => FailureClass.Overloaded,
        >= 500 => FailureClass.Server,
        >= 400 => FailureClass.BadRequest,
        >= 300 => FailureClass.Protocol, // a redirect is not followed: it would carry the key elsewhere
        _ => FailureClass.Server,
    };

    private static bool IsAboutLength(string message) =>
        message.Contains("maximum context", StringComparison.OrdinalIgnoreCase)
        || message.Contains("context length", StringComparison.OrdinalIgnoreCase)
        || message.Contains("context window", StringComparison.OrdinalIgnoreCase)
        || message.Contains("too long", StringComparison.OrdinalIgnoreCase)
        || message.Contains("range of input length", StringComparison.OrdinalIgnoreCase);

    private static int? StatusIn(string? code) => int.TryParse(code, out var status) && status is >= 400 and < 600 ? status : null;

    private static TimeSpan? Clamp(TimeSpan? wait) =>
        wait is not { } w ? null : w < TimeSpan.Zero ? TimeSpan.Zero : w > LongestWait ? LongestWait : w;
}
