using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Assistants.Replies;
using Parley.Server.Assistants.Wire;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Providers;

/// <param name="Name">Unique within the tenant; stands in routes.</param>
/// <param name="Type">`openai`, `deepseek`, `dashscope`, `openai_compatible` or `simulator`.</param>
/// <param name="BaseUrl">Up to and without `/chat/completions`; `openai_compatible` needs one.</param>
/// <param name="ApiKey">Encrypted at rest and never returned.</param>
/// <param name="Models">The first one is asked when a route names none; `openai_compatible` needs one.</param>
/// <param name="Settings">`context_tokens` (8000), `max_tokens`, `temperature`, `first_token_timeout_ms`, `idle_timeout_ms`, `total_timeout_ms`, `body` (fields to send besides ours); the simulator's: `first_token_ms`, `tokens_per_second`, `reply_tokens`, `fault` (`none`, `refuse`, `rate_limit`, `server_error`, `stall`, `cut`, `malformed`), `fault_after_tokens`.</param>
public sealed record ProviderRequest(
    [StringLength(60, MinimumLength = 1)] string Name,
    [StringLength(40)] string Type,
    [StringLength(500)] string? BaseUrl = null,
    [StringLength(1000)] string? ApiKey = null,
    [MaxLength(200)] IReadOnlyList<string>? Models = null,
    JsonElement? Settings = null,
    bool Enabled = true);

/// <summary>What is left out stays as it is; an empty key or address removes it.</summary>
public sealed record ProviderChange(
    [StringLength(60, MinimumLength = 1)] string? Name = null,
    [StringLength(500)] string? BaseUrl = null,
    [StringLength(1000)] string? ApiKey = null,
    [MaxLength(200)] IReadOnlyList<string>? Models = null,
    JsonElement? Settings = null,
    bool? Enabled = null);

/// <param name="ReadOnly">Set by environment, for every tenant.</param>
internal sealed record ProviderResponse(
    Guid Id, string Name, string Type, string? BaseUrl, bool HasKey, IReadOnlyList<string> Models, JsonElement Settings, bool Enabled, bool ReadOnly,
    ModelHealth Health, DateTimeOffset? CreatedAt);

/// <param name="State">`up`, `down` or `unknown` (not asked yet).</param>
/// <param name="Detail">Why it is down.</param>
/// <param name="CoolingUntil">It is not asked until then.</param>
internal sealed record ModelHealth(string State, DateTimeOffset? CheckedAt, string? Detail, DateTimeOffset? CoolingUntil)
{
    public static ModelHealth Of(TargetHealth health) => new(health.State.Name(), health.CheckedAt, health.Detail, health.CoolingUntil);
}

/// <param name="LatencyMs">Until the first word, or until it failed.</param>
/// <param name="Text">What it said.</param>
internal sealed record ProviderTestResponse(bool Ok, int LatencyMs, string? Model, string? Text, string? Code, string? Detail);

internal static class ProviderRoutes
{
    private const int MaxProviders = 100;

    public static void MapProviders(this IEndpointRouteBuilder api)
    {
        var providers = api.MapGroup("/ai/providers").WithTags("Assistants").Allow(Role.Admin, Scopes.Admin);
        providers.MapGet("/", ListAsync).WithName("ListProviders");
        providers.MapPost("/", CreateAsync).WithName("CreateProvider").ProducesProblem(StatusCodes.Status409Conflict);
        providers.MapGet("/{id:guid}", GetAsync).WithName("GetProvider");
        providers.MapPatch("/{id:guid}", ChangeAsync).WithName("ChangeProvider").ProducesProblem(StatusCodes.Status409Conflict);
        providers.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteProvider").ProducesProblem(StatusCodes.Status409Conflict);
        providers.MapPost("/{id:guid}/test", TestAsync).WithName("TestProvider");
    }

    /// <summary>The model servers of this tenant, those set by environment first.</summary>
    internal static async Task<Ok<Page<ProviderResponse>>> ListAsync(Routing routing, ProviderHealth health, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var known = await routing.ProvidersAsync(caller.TenantId, cancellationToken);
        return TypedResults.Ok(new Page<ProviderResponse>([.. known.Select(one => ToResponse(one, health))], NextCursor: null));
    }

    internal static async Task<Results<Ok<ProviderResponse>, ProblemHttpResult>> GetAsync(
        Guid id, Routing routing, ProviderHealth health, ClaimsPrincipal caller, CancellationToken cancellationToken) =>
        await FindAsync(id, routing, caller, cancellationToken) is { } known ? TypedResults.Ok(ToResponse(known, health)) : NotFound();

    /// <summary>Adds a model server.</summary>
    /// <response code="409">The name is taken (`name_taken`).</response>
    internal static async Task<Results<Created<ProviderResponse>, ProblemHttpResult>> CreateAsync(
        ProviderRequest request, AppDbContext db, Routing routing, ProviderHealth health, ModelHttp http, EnvironmentProviders environment, Secrets secrets,
        TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        if (!ProviderTypes.TryParse(request.Type, out var type))
            return Problems.BadRequest("unsupported_type", $"type must be one of: {string.Join(", ", ProviderTypes.Names)}. anthropic and knowledge are not supported by this version.", "type");
        if (string.IsNullOrWhiteSpace(request.Name))
            return Problems.BadRequest("invalid_name", "The name must not be empty.", "name");
        var settings = request.Settings is { ValueKind: not JsonValueKind.Null } given ? given : KnownProvider.NoSettings;
        if (Fault(type, request.BaseUrl, request.Models, settings, http) is { } fault)
            return fault;
        if (type is ProviderType.OpenaiCompatible && string.IsNullOrEmpty(request.BaseUrl))
            return Problems.BadRequest("base_url_required", "A provider of type openai_compatible needs a base_url.", "base_url");
        if (type is ProviderType.OpenaiCompatible && request.Models is not { Count: > 0 })
            return Problems.BadRequest("models_required", "A provider of type openai_compatible needs at least one model.", "models");
        if (environment.All.Any(one => Routing.NamesMatch(one.Name, request.Name.Trim())))
            return NameTaken(request.Name);
        if (await db.Providers.CountAsync(cancellationToken) >= MaxProviders)
            return Problems.Conflict("too_many_providers", $"A tenant has at most {MaxProviders} providers.");

        var now = time.Now;
        var id = Guid.CreateVersion7();
        var provider = new Provider
        {
            Id = id,
            TenantId = caller.TenantId,
            Name = request.Name,
            Type = type,
            BaseUrl = string.IsNullOrEmpty(request.BaseUrl) ? null : request.BaseUrl,
            ApiKey = string.IsNullOrEmpty(request.ApiKey) ? null : secrets.Protect(request.ApiKey.Trim(), Provider.KeyContext(id)),
            Models = request.Models is { Count: > 0 } models ? Clean(models) : [.. type.DefaultModels],
            Settings = settings.GetRawText(),
            Enabled = request.Enabled,
            CreatedAt = now,
            UpdatedAt = now,
        };
        db.Add(provider);
        if (!await TrySaveAsync(db, cancellationToken))
            return NameTaken(provider.Name);
        var known = await FindAsync(id, routing, caller, cancellationToken);
        return TypedResults.Created($"/api/v1/ai/providers/{id}", ToResponse(known!, health));
    }

    /// <summary>Changes a model server; what was seen of its health is forgotten. A new name is taken over into the routes.</summary>
    /// <response code="409">The name is taken (`name_taken`), or it was set by environment (`provider_read_only`).</response>
    internal static async Task<Results<Ok<ProviderResponse>, ProblemHttpResult>> ChangeAsync(
        Guid id, ProviderChange change, AppDbContext db, Routing routing, RouteTable routes, ProviderHealth health, ModelHttp http, EnvironmentProviders environment,
        Secrets secrets, TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        if (environment.All.Any(one => one.Id == id))
            return ReadOnly();
        if (await db.Providers.FirstOrDefaultAsync(one => one.Id == id, cancellationToken) is not { } provider)
            return NotFound();
        var settings = change.Settings is { ValueKind: not JsonValueKind.Null } given ? given : JsonElement.Parse(provider.Settings);
        if (Fault(provider.Type, change.BaseUrl, change.Models, settings, http) is { } fault)
            return fault;
        if (provider.Type is ProviderType.OpenaiCompatible && change.BaseUrl is "")
            return Problems.BadRequest("base_url_required", "A provider of type openai_compatible needs a base_url.", "base_url");
        if (change.Models is [])
            return Problems.BadRequest("models_required", "Name at least one model.", "models");
        if (provider.ApiKey is not null && change.ApiKey is null && change.BaseUrl is { } moved && provider.Type.AddressOf(moved) != provider.Type.AddressOf(provider.BaseUrl))
            return Problems.BadRequest("api_key_required", "A stored key is not sent to another address: give the key again with the new base_url.", "api_key");
        if (change.Name is { } name && (string.IsNullOrWhiteSpace(name) || environment.All.Any(one => Routing.NamesMatch(one.Name, name.Trim()))))
            return NameTaken(name);

        var oldName = provider.Name;
        provider.Name = change.Name ?? provider.Name;
        if (change.BaseUrl is { } baseUrl)
            provider.BaseUrl = baseUrl.Length == 0 ? null : baseUrl;
        if (change.ApiKey is { } key)
            provider.ApiKey = key.Length == 0 ? null : secrets.Protect(key.Trim(), Provider.KeyContext(id));
        if (change.Models is { } models)
            provider.Models = Clean(models);
        provider.Settings = settings.GetRawText();
        provider.Enabled = change.Enabled ?? provider.Enabled;
        provider.UpdatedAt = time.Now;
        await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
        {
            if (!await TrySaveAsync(db, cancellationToken))
                return NameTaken(provider.Name);
            if (!Routing.NamesMatch(oldName, provider.Name))
                await routes.RenameAsync(db, caller.TenantId, oldName, provider.Name, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        health.Forget(id);
        return TypedResults.Ok(ToResponse((await FindAsync(id, routing, caller, cancellationToken))!, health));
    }

    /// <summary>Removes a model server.</summary>
    /// <response code="409">A route names it (`provider_in_use`), or it was set by environment (`provider_read_only`).</response>
    internal static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        Guid id, AppDbContext db, Routing routing, ProviderHealth health, EnvironmentProviders environment, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        if (environment.All.Any(one => one.Id == id))
            return ReadOnly();
        if (await db.Providers.FirstOrDefaultAsync(one => one.Id == id, cancellationToken) is not { } provider)
            return NotFound();
        var routes = await routing.RoutesAsync(caller.TenantId, cancellationToken);
        foreach (var (use, targets) in routes)
        {
            if (targets.Any(target => Routing.NamesMatch(target.Provider, provider.Name)))
                return Problems.Conflict("provider_in_use", $"The route for {use.Name()} names {provider.Name}. Take it out of the route first.");
        }
        db.Remove(provider);
        await db.SaveChangesAsync(cancellationToken);
        health.Forget(id);
        return TypedResults.NoContent();
    }

    /// <summary>Asks the provider for one word, now, whatever is known of its health.</summary>
    internal static async Task<Results<Ok<ProviderTestResponse>, ProblemHttpResult>> TestAsync(
        Guid id, [StringLength(200)] string? model, Routing routing, ProviderHealth health, TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, routing, caller, cancellationToken) is not { } provider)
            return NotFound();
        var candidate = new Candidate(provider, model ?? provider.DefaultModel);
        ModelRequest request = new(candidate.Model, [new ModelMessage(ModelRole.User, "Reply with the word OK and nothing else.")], MaxTokens: 256);
        var said = new System.Text.StringBuilder();
        var attempt = new ModelAttempt(routing.ClientFor(candidate), candidate.Settings with { Total = TimeSpan.FromSeconds(30) }, time);
        var end = await attempt.RunAsync(request, (text, _) => { said.Append(text); return true; }, cancellationToken);
        if (end.Failure is { } failure)
        {
            health.Failed(provider.Id, provider.Models, candidate.Model, failure);
            return TypedResults.Ok(new ProviderTestResponse(false, (int)end.Duration.TotalMilliseconds, candidate.Model, null, failure.Code, failure.Detail));
        }
        health.Succeeded(provider.Id, candidate.Model);
        return TypedResults.Ok(new ProviderTestResponse(true, (int)(end.FirstToken ?? end.Duration).TotalMilliseconds, candidate.Model, said.ToString(), null, null));
    }

    private static async Task<KnownProvider?> FindAsync(Guid id, Routing routing, ClaimsPrincipal caller, CancellationToken cancellationToken) =>
        (await routing.ProvidersAsync(caller.TenantId, cancellationToken)).FirstOrDefault(one => one.Id == id);

    private static ProblemHttpResult? Fault(ProviderType type, string? baseUrl, IReadOnlyList<string>? models, JsonElement settings, ModelHttp http)
    {
        if (!string.IsNullOrEmpty(baseUrl))
        {
            if (type is ProviderType.Simulator)
                return Problems.BadRequest("invalid_base_url", "The simulator has no address.", "base_url");
            if (!Uri.TryCreate(baseUrl, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.UserInfo.Length > 0 || url.Query.Length > 0 || url.Fragment.Length > 0)
                return Problems.BadRequest("invalid_base_url", "base_url must be an http or https address without user, query and fragment.", "base_url");

            // The early word only: what a name leads to is checked with each connection.
            if (!http.AllowsPrivateTargets && (url.IsLoopback || (IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && ModelHttp.IsPrivate(address))))
                return Problems.BadRequest("private_target", "base_url lies in a private network; ALLOW_PRIVATE_TARGETS=true would allow that.", "base_url");
        }
        if (models is not null && models.Any(model => string.IsNullOrWhiteSpace(model) || model.Length > 200 || model.Contains('\0', StringComparison.Ordinal)))
            return Problems.BadRequest("invalid_models", "A model's name has 1 to 200 characters.", "models");
        return ModelSettings.FirstFault(type, settings) is { } fault ? Problems.BadRequest("invalid_settings", $"settings: {fault}", "settings") : null;
    }

    private static List<string> Clean(IReadOnlyList<string> models) => [.. models.Select(model => model.Trim()).Distinct()];

    private static async Task<bool> TrySaveAsync(AppDbContext db, CancellationToken cancellationToken)
    {
        try
        {
            await db.SaveChangesAsync(cancellationToken);
            return true;
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            return false;
        }
    }

    private static ProviderResponse ToResponse(KnownProvider known, ProviderHealth health) => new(
        known.Id, known.Name, known.Type.Name(), known.Type.AddressOf(known.BaseUrl), known.ApiKey is not null, known.Models, known.Settings, known.Enabled,
        known.FromEnvironment, ModelHealth.Of(health.Of(known.Id)), known.CreatedAt);

    private static ProblemHttpResult NotFound() => Problems.NotFound("provider_not_found", "There is no such provider.");

    private static ProblemHttpResult NameTaken(string name) => Problems.Conflict("name_taken", $"Another provider is called {name.Trim()}.");

    private static ProblemHttpResult ReadOnly() => Problems.Conflict("provider_read_only", "This provider is set by environment variables; change it there.");
}
