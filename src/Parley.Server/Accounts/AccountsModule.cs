namespace Parley.Server.Accounts;

internal static class AccountsModule
{
    public static void AddAccounts(this WebApplicationBuilder builder)
    {
        builder.Services.AddAuthentication();
        builder.Services.AddAuthorization();
    }

    public static void UseTenant(this WebApplication app)
    {
    }

    public static void MapAccounts(this IEndpointRouteBuilder api)
    {
    }
}
