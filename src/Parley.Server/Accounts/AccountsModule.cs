using System.Text;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

internal static class AccountsModule
{
    public static void AddAccounts(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(services => SigningKeyFrom(services.GetRequiredService<IConfiguration>()));
        builder.Services.AddSingleton<AccessTokens>();
        builder.Services.AddSingleton<Sessions>();
        builder.Services.AddSingleton<SessionSockets>();
        builder.Services.AddSingleton<ApiKeys>();
        builder.Services.AddAuthentication(TokenAuthentication.Name)
            .AddScheme<AuthenticationSchemeOptions, TokenAuthentication>(TokenAuthentication.Name, configureOptions: null);
        builder.Services.AddAuthorization(authorization =>
            authorization.DefaultPolicy = new AuthorizationPolicyBuilder().AddRequirements(new AccessRequirement()).Build());
        builder.Services.AddSingleton<IAuthorizationMiddlewareResultHandler, AccessRefused>();
    }

    /// <summary>From here on the request is its caller's tenant's: every query of the context sees that tenant alone.</summary>
    public static void UseTenant(this WebApplication app) => app.Use(static (context, next) =>
    {
        if (context.User is Caller caller)
            context.RequestServices.GetRequiredService<CurrentTenant>().Id = caller.TenantId;
        return next(context);
    });

    public static void MapAccounts(this IEndpointRouteBuilder api)
    {
    }

    private static SigningKey SigningKeyFrom(IConfiguration configuration) =>
        configuration["JWT_SECRET"] is { Length: > 0 } secret
            ? new(Encoding.UTF8.GetBytes(secret))
            : new(System.Security.Cryptography.RandomNumberGenerator.GetBytes(SigningKey.MinLength));
}
