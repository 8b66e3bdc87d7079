using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;
using Npgsql;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Widget;

/// <summary>
/// The sites on which widgets may be, of all tenants: whether a browser may let a page see an answer is asked before it is known whose visitor it is. It guards
/// nothing by itself: a session is begun only on its own widget's sites, and everything after that asks for the visitor's token.
/// </summary>
internal sealed class WidgetOrigins(NpgsqlDataSource database, TimeProvider time)
{
    private static readonly TimeSpan _memory = TimeSpan.FromSeconds(10);
    private volatile Known? _known;

    /// <summary>Whether a widget of any tenant may be on this site.</summary>
    public async ValueTask<bool> AllowAsync(string origin, CancellationToken cancellationToken)
    {
        if (_known is not { } known || time.GetElapsedTime(known.At) >= _memory)
            _known = known = await ReadAsync(cancellationToken);
        return known.IsAny || (TryNormalize(origin, out var normal) && known.Origins.Contains(normal));
    }

    /// <summary>Settings have changed here.</summary>
    public void Forget() => _known = null;

    /// <summary>Scheme, host and port as browsers send them, lower-case and without a slash.</summary>
    public static bool TryNormalize(string? text, [NotNullWhen(true)] out string? origin)
    {
        origin = null;
        if (!Uri.TryCreate(text?.Trim(), UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.PathAndQuery is not "/"
            || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
            return false;
        origin = uri.IsDefaultPort ? $"{uri.Scheme}://{uri.IdnHost}" : $"{uri.Scheme}://{uri.IdnHost}:{uri.Port}";
        return true;
    }

    private async Task<Known> ReadAsync(CancellationToken cancellationToken)
    {
        var origins = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var isAny = false;
        await using var command = database.CreateCommand("select allowed_origins from widgets");
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var allowed = row.Get<string[]>(0);
            isAny |= allowed.Length == 0;
            origins.UnionWith(allowed);
        }
        return new Known(isAny, origins, time.GetTimestamp());
    }

    private sealed record Known(bool IsAny, HashSet<string> Origins, long At);
}

/// <summary>Answers browsers on the widgets' sites; all other policies are as they are configured.</summary>
internal sealed class WidgetCors(WidgetOrigins origins, IOptions<CorsOptions> options) : ICorsPolicyProvider
{
    /// <summary>Of routes that the widget calls from the pages it is on.</summary>
    public const string Policy = "widget";

    private readonly DefaultCorsPolicyProvider _configured = new(options);

    public async Task<CorsPolicy?> GetPolicyAsync(HttpContext context, string? policyName)
    {
        var configured = await _configured.GetPolicyAsync(context, policyName is Policy ? null : policyName);
        if (policyName is not Policy || context.Request.Headers.Origin is not [{ Length: > 0 } origin] || !await origins.AllowAsync(origin, context.RequestAborted))
            return configured;
        var policy = new CorsPolicyBuilder(origin).AllowAnyHeader().AllowAnyMethod().SetPreflightMaxAge(TimeSpan.FromHours(1));
        if (configured is not null)
            policy.WithExposedHeaders([.. configured.ExposedHeaders]);
        return policy.Build();
    }
}
