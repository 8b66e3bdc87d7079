using System.Security.Claims;

namespace Parley.Server.Accounts;

internal enum CallerKind
{
    User,
    Visitor,
    ApiKey,
}

/// <summary>Who makes a request, read once from the credentials. The extension properties of <see cref="AccessExtensions"/> read it.</summary>
internal sealed class Caller : ClaimsPrincipal
{
    private Caller(CallerKind kind, Guid tenantId, Guid id, string name)
        : base(new CallerIdentity(id)) => (Kind, TenantId, Id, Name) = (kind, tenantId, id, name);

    public CallerKind Kind { get; }
    public Guid TenantId { get; }

    /// <summary>The user, the visitor's contact, or the API key.</summary>
    public Guid Id { get; }

    public string Name { get; }

    /// <summary>The user's session or the visitor's widget session; empty for an API key.</summary>
    public Guid SessionId { get; private init; }

    /// <summary>Null for a visitor. An API key has the role that its scopes come to.</summary>
    public Role? Role { get; private init; }

    public bool Operator { get; private init; }
    public Guid? ConversationId { get; private init; }

    /// <summary>From where the request came; null when the credentials were read outside of one.</summary>
    public string? Address { get; set; }

    /// <summary>An API key's; empty for everybody else.</summary>
    public IReadOnlyList<string> Scopes { get; private init; } = [];

    public static Caller User(Guid tenantId, Guid userId, Guid sessionId, Role role, string name, bool @operator) =>
        new(CallerKind.User, tenantId, userId, name) { SessionId = sessionId, Role = role, Operator = @operator };

    public static Caller Visitor(Guid tenantId, Guid contactId, Guid widgetSessionId, Guid conversationId, string name) =>
        new(CallerKind.Visitor, tenantId, contactId, name) { SessionId = widgetSessionId, ConversationId = conversationId };

    public static Caller ApiKey(Guid tenantId, Guid keyId, string name, IReadOnlyList<string> scopes) =>
        new(CallerKind.ApiKey, tenantId, keyId, name) { Scopes = scopes, Role = RoleOf(scopes) };

    private static Role RoleOf(IReadOnlyList<string> scopes) =>
        scopes.Contains(Accounts.Scopes.Admin) ? Accounts.Role.Admin
        : scopes.Contains(Accounts.Scopes.Conversations) ? Accounts.Role.Agent
        : Accounts.Role.Member;

    /// <summary>Authenticated, without a claim: everything is in the caller's own properties. Its name is the key limits are counted under.</summary>
    private sealed class CallerIdentity(Guid id) : ClaimsIdentity
    {
        public override string AuthenticationType => "Bearer";
        public override bool IsAuthenticated => true;
        public override string Name => field ??= id.ToString();
    }
}
