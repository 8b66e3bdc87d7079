using System.Text;
using Microsoft.AspNetCore.Authorization;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

internal static class AccountsModule
{
    public static void AddAccounts(this WebApplicationBuilder builder)
    {
        _ = builder.Configuration.PublicUrl(); // a bad value stops the start, not the first who needs it
        _ = People.ConfiguredRegistration(builder.Configuration);
        builder.Services.AddSingleton(SigningKeyFrom);
        builder.Services.AddSingleton<AccessTokens>();
        builder.Services.AddSingleton<Sessions>();
        builder.Services.AddSweep<Sessions>("sessions", TimeSpan.FromHours(1));
        builder.Services.AddSingleton<SessionSockets>();
        builder.Services.AddSingleton<ApiKeys>();
        builder.Services.AddSingleton<Passwords>();
        builder.Services.AddSingleton<SignInThrottle>();
        builder.Services.AddSingleton<People>();
        builder.Services.AddSingleton<FirstAccount>();
        builder.Services.AddSingleton<SignIn>();
        // AddAuthentication would bring data protection: a key ring on the disk, read at every start, for cookies that we do not have.
        builder.Services.AddAuthenticationCore(authentication =>
        {
            authentication.DefaultScheme = TokenAuthentication.Name;
            authentication.AddScheme<TokenAuthentication>(TokenAuthentication.Name, displayName: null);
        });
        builder.Services.AddWebEncoders();
        builder.Services.AddTransient<TokenAuthentication>();
        builder.Services.AddAuthorization(authorization =>
            authorization.DefaultPolicy = new AuthorizationPolicyBuilder().AddRequirements(new AccessRequirement()).Build());
        builder.Services.AddSingleton<IAuthorizationMiddlewareResultHandler, AccessRefused>();
        builder.Services.ConfigureHttpJsonOptions(http => http.SerializerOptions.TypeInfoResolverChain.Insert(0, AccountsJson.Default));
    }

    /// <summary>From here on the request is its caller's tenant's: every query of the context sees that tenant alone.</summary>
    public static void UseTenant(this WebApplication app)
    {
        var requests = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Parley.Requests");
        app.Use(next => context =>
        {
            if (context.User is not Caller caller)
                return next(context);
            context.RequestServices.GetRequiredService<CurrentTenant>().Id = caller.TenantId;
            return RequestEnvelope.IsSocket(context) ? next(context) : InScopeAsync(context, next, requests, new CallerScope(caller));
        });
    }

    private static async Task InScopeAsync(HttpContext context, RequestDelegate next, ILogger requests, CallerScope scope)
    {
        using (requests.BeginScope(scope))
            await next(context);
    }

    /// <summary>At the first start: makes the administrator that the environment names, or prints the setup link.</summary>
    public static Task PrepareFirstAccountAsync(this IServiceProvider services, CancellationToken cancellationToken) =>
        services.GetRequiredService<FirstAccount>().PrepareAsync(cancellationToken);

    public static void MapAccessPage(this WebApplication app) => AccessPage.Map(app);

    public static void MapAccounts(this IEndpointRouteBuilder api)
    {
        SignIn.Map(api);
        Profile.Map(api);
        People.Map(api);
        ApiKeys.Map(api);
        TenantRoutes.Map(api);
        api.MapAudit();
    }

    // With a secret of their own, others can check our tokens; without one it follows from the installation's root key.
    private static SigningKey SigningKeyFrom(IServiceProvider services) =>
        services.GetRequiredService<IConfiguration>()["JWT_SECRET"] is { Length: > 0 } secret
            ? new(Encoding.UTF8.GetBytes(secret))
            : new(services.GetRequiredService<Secrets>().DeriveKey("parley access tokens"));

    /// <summary>The tenant and the caller in every log line that is written under the request.</summary>
    private sealed class CallerScope(Caller caller) : IReadOnlyList<KeyValuePair<string, object?>>
    {
        public int Count => 2;

        public KeyValuePair<string, object?> this[int index] => index switch
        {
            0 => new("tenant", caller.TenantId),
            1 => new("user", caller.Id),
            _ => throw new ArgumentOutOfRangeException(nameof(index)),
        };

        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator()
        {
            yield return this[0];
            yield return this[1];
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();

        public override string ToString() => $"tenant:{caller.TenantId} user:{caller.Id}";
    }
}
