namespace Parley.Server.Operations;

/// <summary>What browsers are told about every answer. A handler that has set one of these itself knows better.</summary>
internal static class SecurityHeaders
{
    private const string ContentSecurityPolicy =
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; "
        + "frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'self'";

    private const string PermissionsPolicy = "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()";

    public static void Write(HttpContext context)
    {
        var headers = context.Response.Headers;
        if (headers.ContentSecurityPolicy.Count == 0)
            headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin";
        headers["Permissions-Policy"] = PermissionsPolicy;
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        if (!headers.ContainsKey("Cross-Origin-Resource-Policy"))
            headers["Cross-Origin-Resource-Policy"] = ServesOtherSites(context.Request.Path) ? "cross-origin" : "same-origin";
        if (context.Request.IsHttps)
            headers.StrictTransportSecurity = "max-age=31536000";
        if (headers.CacheControl.Count == 0 && context.Request.Path.StartsWithSegments("/api"))
            headers.CacheControl = "no-store";
    }

    // The widget's script and the pictures it shows are loaded by the customer's pages.
    private static bool ServesOtherSites(PathString path) =>
        path.StartsWithSegments("/widget") || path == "/widget.js" || path.StartsWithSegments("/api/v1/files");
}
