using System.Security.Claims;

namespace Parley.Server.Accounts;

/// <summary>What a person may do; each role may do all that the ones before it may.</summary>
internal enum Role
{
    Member,
    Agent,
    Supervisor,
    Admin,
}

/// <summary>What an API key is for.</summary>
internal static class Scopes
{
    public const string Rooms = "rooms";
    public const string Conversations = "conversations";
    public const string Ai = "ai";
    public const string Admin = "admin";
}

/// <summary>Who may call a route: endpoint metadata, from which authorization and the table in the documentation are both made.</summary>
/// <param name="Minimum">The lowest role that may.</param>
/// <param name="Scope">The scope with which an API key may; null when no key may.</param>
/// <param name="Visitors">Whether a visitor's token may (the handler checks that it is about the visitor's own conversation).</param>
/// <param name="Operator">Whether only the installation's operator may.</param>
internal sealed record Access(Role Minimum, string? Scope, bool Visitors, bool Operator);

internal static class AccessExtensions
{
    /// <summary>Opens a route, or all of a group, to people of <paramref name="minimum"/> and above, to API keys with <paramref name="scope"/>, and to visitors if said.</summary>
    public static TBuilder Allow<TBuilder>(this TBuilder routes, Role minimum, string? scope = null, bool visitors = false)
        where TBuilder : IEndpointConventionBuilder =>
        routes.WithMetadata(new Access(minimum, scope, visitors, Operator: false)).RequireAuthorization();

    extension(ClaimsPrincipal caller)
    {
        /// <summary>The caller's tenant; every row it may see carries it.</summary>
        public Guid TenantId => Guid.Parse(caller.FindFirstValue("tid") ?? throw new InvalidOperationException("The caller is not authenticated."));

        /// <summary>The user, the visitor's contact, or the API key.</summary>
        public Guid CallerId => Guid.Parse(caller.FindFirstValue("sub") ?? throw new InvalidOperationException("The caller is not authenticated."));

        public bool IsVisitor => caller.HasClaim("role", "visitor");

        /// <summary>The only conversation a visitor's token opens; null for everybody else.</summary>
        public Guid? VisitorConversationId => Guid.TryParse(caller.FindFirstValue("conv"), out var id) ? id : null;

        /// <summary>Agents and above, and API keys with the scope `conversations`.</summary>
        public bool IsStaff => caller.AtLeast(Role.Agent);

        public bool AtLeast(Role role) => Enum.TryParse<Role>(caller.FindFirstValue("role"), ignoreCase: true, out var own) && own >= role;

        /// <summary>How the timeline and the audit name the caller.</summary>
        public string DisplayName => caller.FindFirstValue("name") ?? "";
    }
}
