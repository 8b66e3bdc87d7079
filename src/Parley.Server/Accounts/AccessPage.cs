using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Parley.Server.Accounts;

/// <summary>The table of who may call which route, as the routes themselves have it.</summary>
internal static class AccessPage
{
    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/docs/access", Get).AllowAnonymous().ExcludeFromDescription();

    internal static ContentHttpResult Get(EndpointDataSource endpoints)
    {
        var page = new StringBuilder(
            """
            <!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Parley: who may call what</title><style>
            body{font-family:system-ui,sans-serif;margin:2rem;color:#1f2933}table{border-collapse:collapse}th,td{padding:.35rem .8rem;text-align:left;border-bottom:1px solid #d8dde3}
            td:nth-child(n+3),th:nth-child(n+3){text-align:center}code{font-size:.95em}thead th{position:sticky;top:0;background:#fff}a{color:#1c5fa8}
            </style></head><body><p><a href="/docs">API</a></p><h1>Who may call what</h1>
            <p>Each role may do all that the ones to its left may. A key with the scope <code>admin</code> may whatever any key may. A visitor's token opens its own conversation alone.</p>
            <table><thead><tr><th>Route</th><th></th><th>anybody</th><th>visitor</th><th>member</th><th>agent</th><th>supervisor</th><th>admin</th><th>API key</th></tr></thead><tbody>
            """);
        foreach (var route in Routes(endpoints))
        {
            page.Append("<tr><td><code>").Append(WebUtility.HtmlEncode(route.Pattern)).Append("</code></td><td>").Append(route.Methods).Append("</td>");
            Mark(route.Access is null);
            Mark(route.Access is null or { Visitors: true });
            foreach (var role in Enum.GetValues<Role>())
            {
                if (route.Access is { Operator: true } && role is Role.Admin)
                    page.Append("<td>operator</td>");
                else
                    Mark(route.Access is null || role >= route.Access.Minimum);
            }
            page.Append("<td>").Append(route.Access is null ? "✓" : route.Access.Scope is { } scope ? $"<code>{scope}</code>" : "").Append("</td></tr>\n");
        }
        return TypedResults.Content(page.Append("</tbody></table></body></html>").ToString(), "text/html; charset=utf-8");

        void Mark(bool may) => page.Append(may ? "<td>✓</td>" : "<td></td>");
    }

    private static IEnumerable<(string Pattern, string Methods, Access? Access)> Routes(EndpointDataSource endpoints) => endpoints.Endpoints
        .OfType<RouteEndpoint>()
        .Where(endpoint => endpoint.RoutePattern.RawText?.StartsWith("/docs", StringComparison.Ordinal) is false)
        .Select(endpoint => (
            Pattern: "/" + endpoint.RoutePattern.RawText!.Trim('/'),
            Methods: string.Join(", ", endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []),
            Access: endpoint.Metadata.GetMetadata<Access>()))
        .OrderBy(route => route.Pattern, StringComparer.Ordinal).ThenBy(route => route.Methods, StringComparer.Ordinal);
}
