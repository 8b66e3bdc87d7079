using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using Parley.Server.Assistants.Providers;
using Parley.Server.Assistants.Replies;
using Parley.Server.Assistants.Wire;
using Parley.Server.Conversations;
using Parley.Server.Conversations.Desk;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Assistants;

internal static class AssistantsModule
{
    public static void AddAssistants(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<AssistantsOptions>().BindConfiguration("Assistants").ValidateOnStart();
        services.AddSingleton<IValidateOptions<AssistantsOptions>, AssistantsOptionsValidator>();
        services.ConfigureHttpJsonOptions(http => http.SerializerOptions.TypeInfoResolverChain.Insert(0, AssistantsJson.Default));

        // Whom to ask
        services.AddSingleton(new EnvironmentProviders(builder.Configuration));
        services.AddSingleton<ModelHttp>();
        services.AddSingleton<ProviderHealth>();
        services.AddSingleton<Routing>();
        services.AddSingleton<RouteTable>();
        services.AddHealthChecks().AddCheck<AssistantsCheck>("assistants");

        // Replies
        var options = builder.Configuration.GetSection("Assistants").Get<AssistantsOptions>() ?? new();
        services.AddSingleton<AssistantsMetrics>();
        services.AddSingleton<ReplyStore>();
        services.AddSingleton<ReplyEngine>();
        services.AddSingleton<ReplyFollower>();
        services.AddSingleton<ISummariser, Summariser>();
        services.AddSingleton<IRunningReplies>(all => all.GetRequiredService<ReplyEngine>());
        services.AddJob<ReplyJob, ReplyOwed>(ReplyJob.Kind, AssistantsJson.Default.ReplyOwed, new JobOptions { Concurrency = options.Replies, MaxAttempts = 20 });
    }

    public static void MapAssistants(this IEndpointRouteBuilder api)
    {
        api.MapProviders();
        api.MapRouteTable();
        api.MapChat();
        api.MapReplies();
    }
}

internal sealed class AssistantsOptions
{
    /// <summary>Replies that this process gives at once.</summary>
    [Range(1, 10_000)]
    public int Replies { get; init; } = 256;

    /// <summary>Of these, those of one tenant.</summary>
    [Range(1, 10_000)]
    public int RepliesPerTenant { get; init; } = 192;
}

[OptionsValidator]
internal sealed partial class AssistantsOptionsValidator : IValidateOptions<AssistantsOptions>;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ReplyOwed))]
[JsonSerializable(typeof(Attempt[]))]
[JsonSerializable(typeof(RouteTarget[]))]
[JsonSerializable(typeof(ProviderRequest))]
[JsonSerializable(typeof(ProviderChange))]
[JsonSerializable(typeof(ProviderResponse))]
[JsonSerializable(typeof(Page<ProviderResponse>), TypeInfoPropertyName = "ProviderPage")]
[JsonSerializable(typeof(ProviderTestResponse))]
[JsonSerializable(typeof(RoutesRequest))]
[JsonSerializable(typeof(RoutesResponse))]
[JsonSerializable(typeof(Page<ModelResponse>), TypeInfoPropertyName = "ModelPage")]
[JsonSerializable(typeof(ChatRequest))]
[JsonSerializable(typeof(ChatResponse))]
[JsonSerializable(typeof(ReplyResponse))]
internal sealed partial class AssistantsJson : JsonSerializerContext;
