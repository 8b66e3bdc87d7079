using Microsoft.AspNetCore.Http.HttpResults;

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
}
