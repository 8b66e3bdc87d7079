using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Extensions.FileProviders;
using Microsoft.Net.Http.Headers;

namespace Parley.Server.Operations;

/// <summary>
/// Serves the built web: the console at <c>/</c> and wherever its router may be, the widget at <c>/widget.js</c> and <c>/widget/*</c>, the API
/// page at <c>/docs</c>, the sample page at <c>/demo</c>. The build has compressed the files; names under <c>/assets</c> and <c>/widget</c> carry their content's hash.
/// </summary>
internal sealed class WebFiles(IFileProvider files)
{
    private const string Immutable = "public, max-age=31536000, immutable";
    private const string ShortLived = "public, max-age=300";
    private const string Revalidated = "no-cache";

    // Not the web's: what lies below these is answered by routes alone.
    private static readonly string[] _routes = ["/api", "/ws", "/v1", "/health", "/metrics", "/openapi", "/rtc", "/twirp"];

    private static readonly FileExtensionContentTypeProvider _contentTypes = new();

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
            return next(context);
        foreach (var route in _routes)
        {
            if (request.Path.StartsWithSegments(route))
                return next(context);
        }
        return Find(request.Path.Value ?? "/") is { } found ? SendAsync(context, found) : next(context);
    }

    private Found? Find(string path)
    {
        var name = path switch
        {
            "/widget.js" => "/widget/widget.js",
            "/demo" or "/demo/" => "/demo/index.html",
            "/docs" or "/docs/" => "/docs/index.html",
            _ when path.StartsWith("/widget/", StringComparison.Ordinal) || path.StartsWith("/demo/", StringComparison.Ordinal)
                || path.StartsWith("/docs/", StringComparison.Ordinal) => path,
            _ when Path.HasExtension(path) => $"/console{path}",
            _ => "/console/index.html", // a page of the console's router
        };
        var file = files.GetFileInfo(name);
        return file.Exists && !file.IsDirectory ? new(name, file, CachingOf(path, name)) : null;
    }

    private static string CachingOf(string path, string name) =>
        name is "/widget/widget.js" ? ShortLived
        : path.StartsWith("/assets/", StringComparison.Ordinal) || path.StartsWith("/widget/", StringComparison.Ordinal) ? Immutable
        : Revalidated;

    private async Task SendAsync(HttpContext context, Found found)
    {
        var (encoding, file) = Encoded(context.Request, found);
        var response = context.Response;
        var etag = new EntityTagHeaderValue($"\"{file.LastModified.ToUnixTimeSeconds():x}-{file.Length:x}{(encoding is null ? "" : $"-{encoding}")}\"");
        response.Headers.ETag = etag.ToString();
        response.Headers.Vary = HeaderNames.AcceptEncoding;
        response.Headers.CacheControl = found.Caching;
        if (found.Name.StartsWith("/widget/", StringComparison.Ordinal))
            response.Headers.AccessControlAllowOrigin = "*"; // module scripts of another origin
        if (context.Request.GetTypedHeaders().IfNoneMatch.Any(known => known.Compare(etag, useStrongComparison: false)))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        response.ContentType = ContentTypeOf(found.Name);
        response.ContentLength = file.Length;
        if (encoding is not null)
            response.Headers.ContentEncoding = encoding;
        if (!HttpMethods.IsHead(context.Request.Method))
            await response.SendFileAsync(file, context.RequestAborted);
    }

    private (string? Encoding, IFileInfo File) Encoded(HttpRequest request, Found found)
    {
        foreach (var (encoding, extension) in new[] { ("br", ".br"), ("gzip", ".gz") })
        {
            if (Accepts(request, encoding) && files.GetFileInfo(found.Name + extension) is { Exists: true } compressed)
                return (encoding, compressed);
        }
        return (null, found.File);
    }

    private static bool Accepts(HttpRequest request, string encoding) =>
        request.GetTypedHeaders().AcceptEncoding.Any(accepted => accepted.Value == encoding && accepted.Quality is not 0);

    private static string ContentTypeOf(string name)
    {
        if (!_contentTypes.TryGetContentType(name, out var type))
            return "application/octet-stream";
        return type.StartsWith("text/", StringComparison.Ordinal) || type is "application/json" or "application/javascript" ? $"{type}; charset=utf-8" : type;
    }

    private sealed record Found(string Name, IFileInfo File, string Caching);
}
