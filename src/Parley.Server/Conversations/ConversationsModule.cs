using Microsoft.Extensions.Options;

namespace Parley.Server.Conversations;

internal static class ConversationsModule
{
    public static void AddConversations(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ConversationRights>();
        builder.Services.AddSingleton<ConversationViews>();

        // The timeline and who hears of it
        builder.Services.AddOptions<TimelineOptions>().BindConfiguration("Timeline").ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<TimelineOptions>, TimelineOptionsValidator>();
        builder.Services.AddSingleton<TimelineMetrics>();
        builder.Services.AddSingleton<Timeline>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Timeline>());
        builder.Services.AddSingleton<EntryLog>();
        builder.Services.AddSingleton<Attachments>();
        builder.Services.AddSingleton<ReadMarks>();
        builder.Services.AddSingleton<ChatPresence>();
        builder.Services.AddSingleton<ChatSocketParts>();
        builder.Services.AddSingleton<EventFeed>();
        builder.Services.AddHostedService(services => services.GetRequiredService<EventFeed>());
    }

    public static void MapConversations(this IEndpointRouteBuilder api)
    {
    }

    public static void MapConversationSockets(this WebApplication app)
    {
        app.MapGet("/ws/chat/{id:guid}", ChatSocket.AcceptAsync).ExcludeFromDescription();
        app.MapGet("/ws/events", EventsSocket.AcceptAsync).ExcludeFromDescription();
    }
}
