namespace Parley.Server.Operations;

internal static class OperationsModule
{
    public static void AddOperations(this WebApplicationBuilder builder)
    {
    }

    public static void UseOperations(this WebApplication app)
    {
    }

    public static void MapOperations(this WebApplication app)
    {
    }
}
