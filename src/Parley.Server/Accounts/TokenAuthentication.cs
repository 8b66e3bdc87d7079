using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Parley.Server.Accounts;

/// <summary>
/// Finds out who calls: an access token or an API key, from <c>Authorization: Bearer</c>, from the WebSocket sub-protocol
/// <c>bearer.&lt;token&gt;</c>, or from <c>?access_token=</c> (for sockets and pictures, where browsers can set no header).
/// </summary>
internal sealed class TokenAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, AccessTokens tokens, Sessions sessions, ApiKeys keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string Name = "Bearer";

    private const string SubProtocolPrefix = "bearer.";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (CredentialsOf(Request) is not { } credentials)
            return AuthenticateResult.NoResult();

        var caller = await FindCallerAsync(credentials);
        if (caller is null)
            return AuthenticateResult.Fail("The credentials are not valid, or not any more.");
        caller.Address = Device.AddressOf(Context);
        return AuthenticateResult.Success(new AuthenticationTicket(caller, Name));
    }

    private async ValueTask<Caller?> FindCallerAsync(string credentials)
    {
        if (credentials.StartsWith(ApiKeys.Prefix, StringComparison.Ordinal))
            return await keys.FindAsync(credentials, Context.RequestAborted);
        if (!tokens.TryRead(credentials, out Caller? caller))
            return null;
        if (caller.Kind is CallerKind.Visitor)
            return caller;

        // The token says who it is, the session what they may do now.
        var session = await sessions.FindAsync(caller.SessionId, Context.RequestAborted);
        return session is not null && session.UserId == caller.Id && session.TenantId == caller.TenantId
            ? Caller.User(session.TenantId, session.UserId, session.SessionId, session.Role, session.Name, session.Operator)
            : null;
    }

    private static string? CredentialsOf(HttpRequest request)
    {
        if (request.Headers.Authorization is [{ } header])
            return header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..].Trim() : header;
        if (request.Headers.SecWebSocketProtocol.Count > 0 && FromSubProtocols(request.Headers.GetCommaSeparatedValues("Sec-WebSocket-Protocol")) is { } token)
            return token;
        return request.Query["access_token"] is [{ Length: > 0 } query] ? query : null;
    }

    private static string? FromSubProtocols(string[] protocols)
    {
        foreach (var protocol in protocols)
        {
            if (protocol.StartsWith(SubProtocolPrefix, StringComparison.Ordinal))
                return protocol[SubProtocolPrefix.Length..];
        }
        return null;
    }
}
