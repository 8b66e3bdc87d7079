using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace Parley.Server.Operations;

/// <summary>Answers in <c>application/problem+json</c> (RFC 9457), each with a stable <c>code</c>.</summary>
internal static class Problems
{
    public static ProblemHttpResult BadRequest(string code, string detail, string? field = null) =>
        field is null
            ? Of(StatusCodes.Status400BadRequest, code, detail)
            : Of(StatusCodes.Status400BadRequest, code, detail, ("errors", new Dictionary<string, string[]> { [field] = [detail] }));

    public static ProblemHttpResult Unauthorized(string code, string detail) => Of(StatusCodes.Status401Unauthorized, code, detail);

    public static ProblemHttpResult Forbidden(string code, string detail) => Of(StatusCodes.Status403Forbidden, code, detail);

    /// <summary>For what does not exist and for what is another tenant's: nobody can tell which.</summary>
    public static ProblemHttpResult NotFound(string code, string detail) => Of(StatusCodes.Status404NotFound, code, detail);

    public static ProblemHttpResult Conflict(string code, string detail) => Of(StatusCodes.Status409Conflict, code, detail);

    public static ProblemHttpResult Of(int status, string code, string detail, params ReadOnlySpan<(string Name, object? Value)> more)
    {
        var extensions = new Dictionary<string, object?> { ["code"] = code };
        foreach (var (name, value) in more)
            extensions[name] = value;
        return TypedResults.Problem(detail, statusCode: status, extensions: extensions);
    }

    /// <summary>The code of a problem that nobody gave a more telling one.</summary>
    public static string CodeOf(int status) => status switch
    {
        StatusCodes.Status400BadRequest => "bad_request",
        StatusCodes.Status401Unauthorized => "unauthenticated",
        StatusCodes.Status403Forbidden => "forbidden",
        StatusCodes.Status404NotFound => "not_found",
        StatusCodes.Status405MethodNotAllowed => "method_not_allowed",
        StatusCodes.Status406NotAcceptable => "not_acceptable",
        StatusCodes.Status408RequestTimeout => "request_timeout",
        StatusCodes.Status409Conflict => "conflict",
        StatusCodes.Status413PayloadTooLarge => "body_too_large",
        StatusCodes.Status414UriTooLong => "uri_too_long",
        StatusCodes.Status415UnsupportedMediaType => "unsupported_media_type",
        StatusCodes.Status422UnprocessableEntity => "unprocessable",
        StatusCodes.Status429TooManyRequests => "rate_limited",
        StatusCodes.Status503ServiceUnavailable => "unavailable",
        >= 500 => "internal_error",
        _ => "request_failed",
    };
}

/// <summary>Writes every problem, whoever reports it and whatever the client accepts, so that all look alike.</summary>
internal sealed partial class ProblemWriter(Microsoft.Extensions.Options.IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions> json) : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var (http, problem) = (context.HttpContext, context.ProblemDetails);
        var status = problem.Status ?? http.Response.StatusCode;
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/problem+json";
        if (HttpMethods.IsHead(http.Request.Method))
            return;

        await using var writer = new Utf8JsonWriter(http.Response.BodyWriter);
        writer.WriteStartObject();
        writer.WriteString("type", "about:blank");
        writer.WriteString("title", ReasonPhrases.GetReasonPhrase(status));
        writer.WriteNumber("status", status);
        writer.WriteString("detail", DetailOf(problem, status));
        writer.WriteString("code", problem.Extensions.TryGetValue("code", out var code) ? (string?)code : CodeOf(problem, status));
        writer.WriteString("request_id", RequestEnvelope.Of(http).RequestId);
        if (problem is HttpValidationProblemDetails { Errors: { Count: > 0 } errors })
            WriteErrors(writer, errors);
        foreach (var (name, value) in problem.Extensions)
        {
            if (name is "code" or "traceId")
                continue;
            if (value is IDictionary<string, string[]> messages)
            {
                WriteErrors(writer, messages);
                continue;
            }
            writer.WritePropertyName(name);
            JsonSerializer.Serialize(writer, value, value?.GetType() ?? typeof(object), json.Value.SerializerOptions);
        }
        writer.WriteEndObject();
    }

    private static string DetailOf(ProblemDetails problem, int status) =>
        problem.Detail ?? (problem is HttpValidationProblemDetails { Errors: { Count: > 0 } errors }
            ? $"Not as it should be: {string.Join(", ", errors.Keys.Select(WireJson.FieldName))}."
            : ReasonPhrases.GetReasonPhrase(status));

    private static string CodeOf(ProblemDetails problem, int status) =>
        problem is HttpValidationProblemDetails ? "validation_failed" : Problems.CodeOf(status);

    // The framework's messages begin with the member's name as C# has it; the field's name stands before them anyway.
    [GeneratedRegex(@"^The (field \w+|\w+ field) ")]
    private static partial Regex OwnName();

    private static void WriteErrors(Utf8JsonWriter writer, IDictionary<string, string[]> errors)
    {
        writer.WriteStartObject("errors");
        foreach (var (field, messages) in errors)
        {
            writer.WriteStartArray(WireJson.FieldName(field));
            foreach (var message in messages)
                writer.WriteStringValue(OwnName().Replace(message, ""));
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }
}
