using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Parley.Server.Conversations.Desk;
using Parley.Server.Conversations.Files;
using Parley.Server.Conversations.Live;
using Parley.Server.Conversations.Search;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Conversations.Widget;
using Parley.Server.Storage;

namespace Parley.Server.Conversations;

internal static class ConversationsModule
{
    public static void AddConversations(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ConversationRights>();
        builder.Services.AddSingleton<ConversationViews>();
        builder.Services.AddSingleton<Colleagues>();
        builder.Services.AddSingleton<ContactMerge>();
        builder.Services.ConfigureHttpJsonOptions(http => http.SerializerOptions.TypeInfoResolverChain.Insert(0, ConversationsJson.Default));

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
        builder.Services.AddSingleton<ConversationFeed>();
        builder.Services.AddHostedService(services => services.GetRequiredService<ConversationFeed>());

        // Who answers
        builder.Services.AddSingleton<Briefings>();
        builder.Services.AddJob<BriefingJobHandler, BriefingJob>(Briefings.JobKind, ConversationsJson.Default.BriefingJob);
        builder.Services.AddSingleton<Assigner>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Assigner>());

        builder.Services.AddSingleton<FileLimits>();
        builder.Services.AddSingleton<FileLinks>();
        builder.Services.AddHostedService<SearchIndexer>();

        // Visitors on the customers' sites
        builder.Services.AddOptions<WidgetOptions>().BindConfiguration("Widget").ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<WidgetOptions>, WidgetOptionsValidator>();
        builder.Services.AddSingleton<WidgetSessions>();
        builder.Services.AddSingleton<WidgetOrigins>();
        builder.Services.Replace(ServiceDescriptor.Singleton<ICorsPolicyProvider, WidgetCors>());
        builder.Services.AddSweep<WidgetSessionSweep>(WidgetSessionSweep.Name, WidgetSessionSweep.Interval);
    }

    public static void MapConversations(this IEndpointRouteBuilder api)
    {
        api.MapInbox();
        api.MapConversationRoutes();
        api.MapMessages();
        api.MapHandoff();
        api.MapMembers();
        api.MapContacts();
        api.MapCannedReplies();
        api.MapFiles();
        api.MapSearch();
        api.MapStatistics();
        api.MapWidgetSettings();
        api.MapWidgetSessions();
    }

    public static void MapConversationSockets(this WebApplication app)
    {
        app.MapDemo();
        app.MapGet("/ws/chat/{id:guid}", ChatSocket.AcceptAsync).ExcludeFromDescription();
        app.MapGet("/ws/events", EventsSocket.AcceptAsync).ExcludeFromDescription();
    }
}
