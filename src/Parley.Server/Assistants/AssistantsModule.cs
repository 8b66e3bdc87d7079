namespace Parley.Server.Assistants;

internal static class AssistantsModule
{
    public static void AddAssistants(this WebApplicationBuilder builder)
    {
    }

    public static void MapAssistants(this IEndpointRouteBuilder api)
    {
    }
}
