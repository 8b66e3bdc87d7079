using System.Net;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Parley.EndToEnd;

/// <summary>A customer's site: a blank page on an origin of its own, with the snippet pasted in and a content security policy as strict as a page can have.</summary>
internal sealed class ForeignPage : IAsyncDisposable
{
    private readonly WebApplication _site;

    private ForeignPage(WebApplication site) => _site = site;

    /// <summary>127.0.0.1, where the server is at localhost: another origin, and another site.</summary>
    public Uri Address => new(_site.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public static async Task<ForeignPage> ServeAsync(string snippet, Uri server, string language = "en")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var site = builder.Build();
        var origin = server.GetLeftPart(UriPartial.Authority);
        var policy = $"default-src 'none'; script-src {origin}; connect-src {origin} {origin.Replace("http", "ws", StringComparison.Ordinal)}; "
            + $"img-src {origin} blob:; require-trusted-types-for 'script'";
        var page = $"""
            <!doctype html>
            <html lang="{HtmlEncoder.Default.Encode(language)}">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>A blank page</title>
            <main><h1>A blank page</h1></main>
            {snippet}
            </html>
            """;
        site.MapGet("/", (HttpResponse response) =>
        {
            response.Headers.ContentSecurityPolicy = policy;
            return Results.Content(page, "text/html; charset=utf-8");
        });
        site.MapGet("/favicon.ico", () => Results.NoContent());
        await site.StartAsync();
        return new(site);
    }

    public async ValueTask DisposeAsync() => await _site.DisposeAsync();
}
