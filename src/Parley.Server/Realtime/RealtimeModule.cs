using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Parley.Server.Realtime;

/// <summary>Sockets, topics, presence and the bus between nodes.</summary>
internal static class RealtimeModule
{
    public static void AddRealtime(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<RealtimeOptions>().BindConfiguration("Realtime").ValidateOnStart();
        services.AddSingleton<IValidateOptions<RealtimeOptions>, RealtimeOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<Heartbeat>();
        services.AddSingleton<RealtimeMetrics>();
        services.AddSingleton<Sockets>();
        services.AddHostedService(static all => all.GetRequiredService<Sockets>());
        services.AddSingleton<IBus, InProcessBus>();
        services.AddSingleton<Topics>();
        services.AddSingleton<Presence>();

        // Who has read bytes handles them: a hop between Kestrel's pipes costs more than most of what is done with them.
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
    }
}
