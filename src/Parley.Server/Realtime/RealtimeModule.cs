using Microsoft.AspNetCore.Http.Features;
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

        // The thread that hears of a socket's bytes runs its handler, and who sends writes to the socket itself: a hop costs more than the work (docs/decisions).
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
    }

    /// <summary>
    /// First of the pipeline: requests that are no WebSocket leave the socket's thread, so that their handlers may take the time they need.
    /// </summary>
    public static void UseRealtime(this IApplicationBuilder app) =>
        app.Use(static async (context, next) =>
        {
            if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            await next(context);
        });
}
