using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http.HttpResults;
using Parley.Server.Operations;

namespace Parley.Server.Accounts;

/// <summary>What a person may do; each role may do all that the ones before it may.</summary>
public enum Role
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

    /// <summary>Opens whatever an API key may call at all.</summary>
    public const string Admin = "admin";

    public static readonly IReadOnlyList<string> All = [Rooms, Conversations, Ai, Admin];
}

/// <summary>Who may call a route: endpoint metadata, from which authorization and the table in the documentation are both made.</summary>
/// <param name="Minimum">The lowest role that may.</param>
/// <param name="Scope">The scope with which an API key may; null when no key may.</param>
/// <param name="Visitors">Whether a visitor's token may (the handler checks that it is about the visitor's own conversation).</param>
/// <param name="Operator">Whether only the installation's operator may.</param>
internal sealed record Access(Role Minimum, string? Scope, bool Visitors, bool Operator)
{
    public bool Permits(Caller caller) => caller.Kind switch
    {
        CallerKind.Visitor => Visitors,
        CallerKind.ApiKey => Scope is not null && (caller.Scopes.Contains(Scope) || caller.Scopes.Contains(Scopes.Admin)),
        _ => caller.Role >= Minimum && (!Operator || caller.Operator),
    };
}

internal static class AccessExtensions
{
    /// <summary>Opens a route, or all of a group, to people of <paramref name="minimum"/> and above, to API keys with <paramref name="scope"/>, and to visitors if said.</summary>
    public static TBuilder Allow<TBuilder>(this TBuilder routes, Role minimum, string? scope = null, bool visitors = false)
        where TBuilder : IEndpointConventionBuilder
    {
        if (visitors)
            routes.RequireCors(OperationsModule.AnyOrigin);
        return routes.WithMetadata(new Access(minimum, scope, visitors, Operator: false)).RequireAuthorization();
    }

    /// <summary>Opens a route to the installation's operator alone.</summary>
    public static TBuilder AllowOperator<TBuilder>(this TBuilder routes) where TBuilder : IEndpointConventionBuilder =>
        routes.WithMetadata(new Access(Role.Admin, Scope: null, Visitors: false, Operator: true)).RequireAuthorization();

    extension(ClaimsPrincipal caller)
    {
        private Caller Known => caller as Caller ?? throw new InvalidOperationException("The caller is not authenticated.");

        /// <summary>The caller's tenant; every row it may see carries it.</summary>
        public Guid TenantId => caller.Known.TenantId;

        /// <summary>The user, the visitor's contact, or the API key.</summary>
        public Guid CallerId => caller.Known.Id;

        /// <summary>The user's session or the visitor's widget session; empty for an API key.</summary>
        public Guid SessionId => caller.Known.SessionId;

        public bool IsVisitor => caller is Caller { Kind: CallerKind.Visitor };

        public bool IsApiKey => caller is Caller { Kind: CallerKind.ApiKey };

        /// <summary>The only conversation a visitor's token opens; null for everybody else.</summary>
        public Guid? VisitorConversationId => (caller as Caller)?.ConversationId;

        /// <summary>Agents and above, and API keys with the scope `conversations`.</summary>
        public bool IsStaff => caller.AtLeast(Role.Agent);

        public bool AtLeast(Role role) => caller is Caller known && known.Role >= role;

        /// <summary>How the timeline and the audit name the caller.</summary>
        public string DisplayName => caller.Known.Name;
    }
}

/// <summary>Holds each request against its route's <see cref="Access"/>. A route that asks for a caller and says nothing else is closed to all.</summary>
internal sealed class AccessRequirement : AuthorizationHandler<AccessRequirement>, IAuthorizationRequirement
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, AccessRequirement requirement)
    {
        if (context.Resource is HttpContext request && IsMet(request, context.User))
            context.Succeed(requirement);
        return Task.CompletedTask;
    }

    /// <summary>Returns whether the route's <see cref="Access"/> permits the caller; asked by the handler itself where a route admits requests in another way too.</summary>
    internal static bool IsMet(HttpContext request, ClaimsPrincipal user) =>
        user is Caller caller && request.GetEndpoint()?.Metadata.GetMetadata<Access>() is { } access && access.Permits(caller);
}

/// <summary>Says why a request was refused: 401 without valid credentials, 403 with ones that do not suffice.</summary>
internal sealed class AccessRefused : IAuthorizationMiddlewareResultHandler
{
    public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
            return next(context);
        return Refusal(context).ExecuteAsync(context);
    }

    internal static ProblemHttpResult Refusal(HttpContext context)
    {
        if (context.User is Caller)
            return Problems.Forbidden("forbidden", "Your role or key does not permit this.");
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Problems.Unauthorized("unauthenticated", "Sign in, or send a valid access token or API key.");
    }
}
