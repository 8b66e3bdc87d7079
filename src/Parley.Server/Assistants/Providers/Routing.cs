using System.Text.Json;
using Npgsql;
using Parley.Server.Assistants.Wire;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Providers;

/// <summary>What an assistant is asked for.</summary>
internal enum Use
{
    /// <summary>A member talks with it.</summary>
    Chat,

    /// <summary>A visitor does.</summary>
    Support,

    /// <summary>An agent wants to know what was said so far.</summary>
    Summary,
}

/// <param name="Model">Null for the provider's first.</param>
internal sealed record RouteTarget(string Provider, string? Model);

/// <summary>A provider with the model to ask of it.</summary>
internal sealed record Candidate(KnownProvider Provider, string Model)
{
    public ModelSettings Settings { get; } = ModelSettings.Read(Provider.Type, Provider.Settings);
}

/// <summary>Which model is asked, and which one when that fails.</summary>
internal sealed partial class Routing(
    NpgsqlDataSource database, Secrets secrets, EnvironmentProviders environment, ModelHttp http, TimeProvider time, ILogger<Routing> logger)
{
    /// <summary>Every provider that the tenant has, the operator's first; of two with one name the tenant's.</summary>
    public async Task<IReadOnlyList<KnownProvider>> ProvidersAsync(Guid tenantId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "select id, name, type, base_url, api_key, models, settings::text, enabled, created_at from providers where tenant_id = $1 order by id");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenantId });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var own = new List<KnownProvider>();
        while (await row.ReadAsync(cancellationToken))
            own.Add(Read(row));
        return [.. environment.All.Where(one => !own.Exists(mine => NamesMatch(mine.Name, one.Name))), .. own];
    }

    /// <summary>
    /// Whom to ask for this use, in order: the conversation's own choice, then the route, without what is switched off or is not there any more. Empty when there
    /// is nobody to ask.
    /// </summary>
    public async Task<IReadOnlyList<Candidate>> CandidatesAsync(Guid tenantId, Use use, string? provider, string? model, CancellationToken cancellationToken)
    {
        var providers = await ProvidersAsync(tenantId, cancellationToken);
        var routes = await RoutesAsync(tenantId, cancellationToken);
        IEnumerable<RouteTarget> targets = TargetsOf(use, routes, providers);
        if (provider is not null)
            targets = targets.Prepend(new RouteTarget(provider, model));
        else if (model is not null && providers.FirstOrDefault(one => one.Enabled && one.Models.Contains(model)) is { } owner)
            targets = targets.Prepend(new RouteTarget(owner.Name, model));

        var candidates = new List<Candidate>();
        foreach (var target in targets)
        {
            if (providers.FirstOrDefault(one => one.Enabled && NamesMatch(one.Name, target.Provider)) is not { } known)
                continue;
            var candidate = new Candidate(known, target.Model ?? known.DefaultModel);
            if (!candidates.Exists(one => one.Provider.Id == known.Id && one.Model == candidate.Model))
                candidates.Add(candidate);
        }
        return candidates;
    }

    /// <summary>Whether a provider of this name can be asked.</summary>
    public async Task<bool> HasAsync(Guid tenantId, string provider, CancellationToken cancellationToken) =>
        (await ProvidersAsync(tenantId, cancellationToken)).Any(one => one.Enabled && NamesMatch(one.Name, provider));

    /// <summary>What the tenant set; a use that it did not set is missing.</summary>
    public async Task<IReadOnlyDictionary<Use, IReadOnlyList<RouteTarget>>> RoutesAsync(Guid tenantId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select use, targets::text from ai_routes where tenant_id = $1");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenantId });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var routes = new Dictionary<Use, IReadOnlyList<RouteTarget>>();
        while (await row.ReadAsync(cancellationToken))
            routes[EnumName.Parse<Use>(row.GetString(0))] = JsonSerializer.Deserialize(row.GetString(1), AssistantsJson.Default.RouteTargetArray) ?? [];
        return routes;
    }

    /// <summary>What stands for a use: what was set, else every provider in turn; summaries are made only where somebody set that.</summary>
    public static IReadOnlyList<RouteTarget> TargetsOf(Use use, IReadOnlyDictionary<Use, IReadOnlyList<RouteTarget>> routes, IReadOnlyList<KnownProvider> providers) =>
        routes.GetValueOrDefault(use) ?? (use is Use.Summary ? [] : [.. providers.Where(one => one.Enabled).Select(one => new RouteTarget(one.Name, one.DefaultModel))]);

    /// <summary>The client that asks <paramref name="candidate"/>.</summary>
    public IModelClient ClientFor(Candidate candidate)
    {
        var provider = candidate.Provider;
        if (provider.Type is ProviderType.Simulator)
            return new Simulator(SimulatorSettings.Read(provider.Settings), time);
        var endpoint = new OpenAiEndpoint(provider.Type, new Uri(provider.Type.AddressOf(provider.BaseUrl)!), provider.ApiKey, candidate.Settings.Body);
        return new OpenAiClient(provider.FromEnvironment ? http.Trusted : http.Checked, endpoint, time);
    }

    public static bool NamesMatch(string one, string other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);

    private KnownProvider Read(NpgsqlDataReader row) => new(
        row.GetGuid(0),
        row.GetString(1),
        EnumName.Parse<ProviderType>(row.GetString(2)),
        row.IsDBNull(3) ? null : row.GetString(3),
        row.IsDBNull(4) ? null : Open(row.GetGuid(0), row.GetString(4)),
        row.GetFieldValue<string[]>(5),
        JsonElement.Parse(row.GetString(6)),
        row.GetBoolean(7),
        FromEnvironment: false,
        row.GetFieldValue<DateTimeOffset>(8));

    private string? Open(Guid id, string sealedKey)
    {
        if (secrets.TryUnprotect(sealedKey, Provider.KeyContext(id), out var key))
            return key;
        LogKeyLost(id);
        return null;
    }

    [LoggerMessage(LogLevel.Warning, "The key of provider {ProviderId} was sealed under another secret and is lost; set it anew")]
    private partial void LogKeyLost(Guid providerId);
}
