using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Parley.Server.Storage;

namespace Parley.Server.Operations;

/// <summary>Turns what a request could not be answered for into a problem that tells the caller what to do about it.</summary>
internal sealed partial class Failures(ILogger<Failures> logger) : IExceptionHandler
{
    private const int ClientClosedRequest = 499;
    private static readonly string[] _required = ["is required"];

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (httpContext.RequestAborted.IsCancellationRequested && exception is OperationCanceledException or IOException or BadHttpRequestException { StatusCode: 499 })
        {
            httpContext.Response.StatusCode = ClientClosedRequest;
            return true;
        }
        await ProblemOf(httpContext, exception).ExecuteAsync(httpContext);
        return true;
    }

    private ProblemHttpResult ProblemOf(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case BadHttpRequestException bad:
                return ProblemOf(context, bad);
            case JsonException json:
                return ProblemOf(json);
            case DbUpdateConcurrencyException:
                return Problems.Conflict("concurrent_change", "Somebody else changed this at the same moment. Read it again and repeat the change.");
        }
        if (DatabaseFailure.IsUnavailable(exception))
        {
            LogDatabaseUnavailable(exception.GetBaseException().Message);
            context.Response.Headers.RetryAfter = "1";
            return Problems.Of(StatusCodes.Status503ServiceUnavailable, "database_unavailable", "The database cannot be reached. Try again in a moment.");
        }
        // Text that came by a way that is not JSON: a query, a path, a file's name.
        if (exception.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter })
            return Problems.BadRequest("invalid_text", "A text contains a character that cannot be stored, such as NUL.");

        LogFailed(exception, context.Request.Method, context.Request.Path);
        return Problems.Of(StatusCodes.Status500InternalServerError, "internal_error", "Something went wrong here. The log has it under this request_id.");
    }

    private static ProblemHttpResult ProblemOf(HttpContext context, BadHttpRequestException bad)
    {
        if (bad.InnerException is JsonException json)
            return ProblemOf(json);
        if (bad.StatusCode is StatusCodes.Status413PayloadTooLarge)
            return Problems.Of(bad.StatusCode, "body_too_large", "The body is larger than this route takes.");
        if (bad.StatusCode is StatusCodes.Status415UnsupportedMediaType)
            return Problems.Of(bad.StatusCode, "unsupported_media_type", "Send the body as application/json.");
        if (bad.StatusCode is not StatusCodes.Status400BadRequest)
            return Problems.Of(bad.StatusCode, Problems.CodeOf(bad.StatusCode), bad.Message);
        if (UnboundParameter().Match(bad.Message) is { Success: true } unbound)
            return ProblemOf(context, unbound.Groups["name"].Value);
        if (bad.Message.StartsWith("Implicit body inferred", StringComparison.Ordinal))
            return Problems.BadRequest("body_required", "This route takes a JSON body.");
        if (MissingParameter().Match(bad.Message) is { Success: true } missing)
        {
            return missing.Groups["source"].Value.Contains("body", StringComparison.Ordinal)
                ? Problems.BadRequest("body_required", "This route takes a JSON body.")
                : Problems.BadRequest("missing_parameter", "is required", WireJson.FieldName(missing.Groups["name"].Value));
        }
        return Problems.BadRequest("bad_request", "The request could not be read.");
    }

    /// <summary>A value in the path or the query that is not of the parameter's type.</summary>
    private static ProblemHttpResult ProblemOf(HttpContext context, string parameterName)
    {
        var parameter = context.GetEndpoint()?.Metadata.GetOrderedMetadata<IParameterBindingMetadata>().FirstOrDefault(p => p.Name == parameterName);
        var type = parameter is null ? null : Nullable.GetUnderlyingType(parameter.ParameterInfo.ParameterType) ?? parameter.ParameterInfo.ParameterType;
        var expected = type switch
        {
            null => "has the wrong type",
            _ when Choice.EnumOf(type) is { } choice => $"must be one of: {string.Join(", ", WireJson.NamesOf(choice))}",
            _ when type == typeof(Guid) => "must be an id (a UUID)",
            _ when type == typeof(bool) => "must be true or false",
            _ when type == typeof(DateTimeOffset) || type == typeof(DateTime) => "must be a time such as 2026-01-31T12:00:00Z",
            _ when type == typeof(Cursor) => "must be a next_cursor of this list",
            _ when type.IsPrimitive => "must be a number in range",
            _ => "has the wrong type",
        };
        return Problems.BadRequest("invalid_parameter", expected, WireJson.FieldName(parameterName));
    }

    /// <summary>
    /// The generated handlers answer an optional parameter that they cannot read with a bare 400; this finds it again. Null when it is none of them.
    /// </summary>
    public static ProblemHttpResult? FindUnreadParameter(HttpContext context)
    {
        foreach (var parameter in context.GetEndpoint()?.Metadata.GetOrderedMetadata<IParameterBindingMetadata>() ?? [])
        {
            if (parameter.HasTryParse && context.Request.Query[parameter.Name] is [{ Length: > 0 } value] && !CanBe(parameter.ParameterInfo.ParameterType, value))
                return ProblemOf(context, parameter.Name);
        }
        return null;
    }

    private static bool CanBe(Type parameterType, string value)
    {
        var type = Nullable.GetUnderlyingType(parameterType) ?? parameterType;
        if (type.IsEnum)
            return Enum.TryParse(type, value, out _);
        var tryParse = type.GetMethod("TryParse", [typeof(string), typeof(IFormatProvider), type.MakeByRefType()]);
        return tryParse is null || (bool)tryParse.Invoke(null, [value, CultureInfo.InvariantCulture, null])!;
    }

    private static ProblemHttpResult ProblemOf(JsonException json)
    {
        var field = json.Path is { Length: > 2 } path && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : null;
        if (json is FieldException known)
            return Problems.BadRequest(known.Code, known.Message, field);
        if (MissingMembers().Match(json.Message) is { Success: true } missing)
        {
            var errors = Quoted().Matches(missing.Groups["members"].Value)
                .ToDictionary(member => member.Groups[1].Value, _ => _required);
            return Problems.Of(StatusCodes.Status400BadRequest, "validation_failed", $"Missing: {string.Join(", ", errors.Keys)}.", ("errors", errors));
        }
        // The serializer's own words name our types; these do not.
        var where = json.LineNumber is { } line ? $" (line {line + 1}, byte {json.BytePositionInLine + 1})" : "";
        return field is null
            ? Problems.BadRequest("invalid_json", $"The body is not the JSON that this route takes{where}.")
            : Problems.BadRequest("invalid_json", json.Message.Contains("null", StringComparison.Ordinal) ? "must not be null" : $"has the wrong type{where}", field);
    }

    [GeneratedRegex("""^Failed to bind parameter "\S+ (?<name>\w+)" from """)]
    private static partial Regex UnboundParameter();

    [GeneratedRegex("""parameter "(?:\S+ )?(?<name>\w+)".* (?:not )?provided(?: from)? (?<source>.*)""")]
    private static partial Regex MissingParameter();

    [GeneratedRegex("""missing required properties including: (?<members>.*)""")]
    private static partial Regex MissingMembers();

    [GeneratedRegex("'([^']+)'")]
    private static partial Regex Quoted();

    [LoggerMessage(LogLevel.Error, "{Method} {Path} failed")]
    private partial void LogFailed(Exception exception, string method, string path);

    [LoggerMessage(LogLevel.Warning, "The database cannot be reached: {Reason}")]
    private partial void LogDatabaseUnavailable(string reason);
}
