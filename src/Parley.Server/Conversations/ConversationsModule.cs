namespace Parley.Server.Conversations;

internal static class ConversationsModule
{
    public static void AddConversations(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ConversationRights>();
        builder.Services.AddSingleton<ConversationViews>();
        builder.Services.AddSingleton<ReadMarks>();
        builder.Services.AddSingleton<Attachments>();
    }

    public static void MapConversations(this IEndpointRouteBuilder api)
    {
    }

    public static void MapConversationSockets(this WebApplication app)
    {
    }
}
