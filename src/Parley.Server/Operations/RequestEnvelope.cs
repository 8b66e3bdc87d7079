using System.Diagnostics;
using Microsoft.AspNetCore.Http.Features;

namespace Parley.Server.Operations;

/// <summary>
/// What every request has and every answer carries, also the one that an error makes: its id and the headers that go with it.
/// The first of the pipeline.
/// </summary>
internal sealed class RequestEnvelope
{
    private const string Header = "X-Request-Id";
    private const int MaxIdLength = 64;
    private readonly HttpContext _context;

    private RequestEnvelope(HttpContext context, string requestId) =>
        (_context, RequestId) = (context, requestId);

    public string RequestId { get; }

    /// <summary>How the caller stands with its limit, once that was counted.</summary>
    public Allowance? Allowance { get; set; }

    public static RequestEnvelope Of(HttpContext context) =>
        (RequestEnvelope?)context.Items[typeof(RequestEnvelope)] ?? Open(context);

    public static Task InvokeAsync(HttpContext context, RequestDelegate next, ILogger logger)
    {
        var envelope = Open(context);
        context.Response.OnStarting(static state => ((RequestEnvelope)state).WriteHeadersAsync(), envelope);
        return IsSocket(context) ? next(context) : InScopeAsync(envelope, next, logger);
    }

    /// <summary>A socket's request lasts for hours, and there are thousands: nothing waits along with it that can be done without.</summary>
    public static bool IsSocket(HttpContext context) => context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true };

    private static async Task InScopeAsync(RequestEnvelope envelope, RequestDelegate next, ILogger logger)
    {
        using (logger.BeginScope(new RequestScope(envelope.RequestId)))
            await next(envelope._context);
    }

    private static RequestEnvelope Open(HttpContext context)
    {
        var envelope = new RequestEnvelope(context, Sanitised(context.Request.Headers[Header]) ?? Made(context.Request.Headers.TraceParent));
        context.Items[typeof(RequestEnvelope)] = envelope;
        context.TraceIdentifier = envelope.RequestId;
        return envelope;
    }

    /// <summary>The client's own id when it can stand in a log line; null when there is none or it is not fit for one.</summary>
    private static string? Sanitised(string? id)
    {
        if (id is not { Length: > 0 and <= MaxIdLength })
            return null;
        foreach (var c in id)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.' or ':'))
                return null;
        }
        return id;
    }

    // The trace's id, so that a log line leads to the trace and back; without a trace, an id of our own.
    private static string Made(string? traceParent) =>
        Activity.Current is { } activity ? activity.TraceId.ToHexString()
        : ActivityContext.TryParse(traceParent, traceState: null, out var trace) ? trace.TraceId.ToHexString()
        : Guid.CreateVersion7().ToString("N");

    private Task WriteHeadersAsync()
    {
        var headers = _context.Response.Headers;
        headers[Header] = RequestId;
        if (_context.Response.StatusCode is StatusCodes.Status101SwitchingProtocols)
            return Task.CompletedTask; // no page to guard, and headers stay in memory as long as the socket
        SecurityHeaders.Write(_context);
        Allowance?.Write(headers);
        return Task.CompletedTask;
    }
}

/// <summary>The request's id in every log line that is written under it.</summary>
internal sealed class RequestScope(string requestId) : IReadOnlyList<KeyValuePair<string, object?>>
{
    public int Count => 1;

    public KeyValuePair<string, object?> this[int index] =>
        index is 0 ? new("request_id", requestId) : throw new ArgumentOutOfRangeException(nameof(index));

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator()
    {
        yield return this[0];
    }

    System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => $"request_id:{requestId}";
}
