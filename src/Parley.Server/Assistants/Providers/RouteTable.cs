using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using Parley.Server.Accounts;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Providers;

/// <param name="Provider">By its name.</param>
/// <param name="Model">Left out for the provider's first.</param>
public sealed record RouteTargetRequest([StringLength(60, MinimumLength = 1)] string Provider, [StringLength(200)] string? Model = null);

/// <summary>Who is asked for what, in order: the next one serves when one fails before its first word. A use that is left out stays as it is; an empty list switches it off.</summary>
public sealed record RoutesRequest(
    [MaxLength(10)] IReadOnlyList<RouteTargetRequest>? Chat = null,
    [MaxLength(10)] IReadOnlyList<RouteTargetRequest>? Support = null,
    [MaxLength(10)] IReadOnlyList<RouteTargetRequest>? Summary = null);

internal sealed record RoutesResponse(IReadOnlyList<RouteTarget> Chat, IReadOnlyList<RouteTarget> Support, IReadOnlyList<RouteTarget> Summary);

internal sealed record ModelResponse(string Provider, string Model, string Type, ModelHealth Health);

/// <summary>The routes as a tenant's administrator sets them.</summary>
internal sealed class RouteTable(NpgsqlDataSource database, TimeProvider time)
{
    public async Task SetAsync(Guid tenantId, IReadOnlyDictionary<Use, RouteTarget[]> routes, CancellationToken cancellationToken)
    {
        await using var batch = database.CreateBatch();
        foreach (var (use, targets) in routes)
        {
            var command = batch.CreateBatchCommand();
            command.CommandText =
                """
                insert into ai_routes (tenant_id, use, targets, updated_at) values ($1, $2, $3, $4)
                on conflict (tenant_id, use) do update set targets = excluded.targets, updated_at = excluded.updated_at
                """;
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenantId });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = use.Name() });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = JsonSerializer.Serialize(targets, AssistantsJson.Default.RouteTargetArray), NpgsqlDbType = NpgsqlDbType.Jsonb });
            command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.Now });
            batch.BatchCommands.Add(command);
        }
        if (batch.BatchCommands.Count > 0)
            await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Has the routes name a provider by its new name, in the transaction that gives it.</summary>
    public Task RenameAsync(AppDbContext db, Guid tenantId, string from, string to, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync(
            $"""
             update ai_routes set updated_at = {time.Now}, targets = (
                 select coalesce(jsonb_agg(case when lower(t.value ->> 'provider') = lower({from}) then jsonb_set(t.value, array['provider'], to_jsonb({to}::text)) else t.value end order by t.ordinality), '[]')
                 from jsonb_array_elements(targets) with ordinality t)
             where tenant_id = {tenantId}
             """, cancellationToken);
}

internal static class RouteTableRoutes
{
    public static void MapRouteTable(this IEndpointRouteBuilder api)
    {
        var ai = api.MapGroup("/ai").WithTags("Assistants");
        ai.MapGet("/models", ListModelsAsync).WithName("ListModels").Allow(Role.Member, Scopes.Ai);
        ai.MapGet("/routes", GetAsync).WithName("GetAiRoutes").Allow(Role.Supervisor, Scopes.Admin);
        ai.MapPut("/routes", SetAsync).WithName("SetAiRoutes").Allow(Role.Admin, Scopes.Admin);
    }

    /// <summary>The models that can be asked now, with what is known of their health.</summary>
    internal static async Task<Ok<Page<ModelResponse>>> ListModelsAsync(Routing routing, ProviderHealth health, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var providers = await routing.ProvidersAsync(caller.TenantId, cancellationToken);
        var models =
            from provider in providers
            where provider.Enabled
            from model in provider.Models
                // Why it is down is the operator's to know.
            select new ModelResponse(provider.Name, model, provider.Type.Name(), ModelHealth.Of(health.Of(provider.Id, model)) with { Detail = null });
        return TypedResults.Ok(new Page<ModelResponse>([.. models], NextCursor: null));
    }

    /// <summary>Who is asked for what. A use that nobody set has every provider in turn; `summary` nobody.</summary>
    internal static async Task<Ok<RoutesResponse>> GetAsync(Routing routing, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var providers = await routing.ProvidersAsync(caller.TenantId, cancellationToken);
        var routes = await routing.RoutesAsync(caller.TenantId, cancellationToken);
        return TypedResults.Ok(new RoutesResponse(Of(Use.Chat), Of(Use.Support), Of(Use.Summary)));

        IReadOnlyList<RouteTarget> Of(Use use) => Routing.TargetsOf(use, routes, providers);
    }

    /// <summary>Sets who is asked for what.</summary>
    /// <response code="400">A provider or model is not known here (`provider_not_found`, `unknown_model`).</response>
    internal static async Task<Results<Ok<RoutesResponse>, ProblemHttpResult>> SetAsync(
        RoutesRequest request, Routing routing, RouteTable table, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var providers = await routing.ProvidersAsync(caller.TenantId, cancellationToken);
        var routes = new Dictionary<Use, RouteTarget[]>();
        foreach (var (use, targets) in new[] { (Use.Chat, request.Chat), (Use.Support, request.Support), (Use.Summary, request.Summary) })
        {
            if (targets is null)
                continue;
            foreach (var target in targets)
            {
                if (providers.FirstOrDefault(one => Routing.NamesMatch(one.Name, target.Provider)) is not { } provider)
                    return Problems.BadRequest("provider_not_found", $"There is no provider called {target.Provider}.", use.Name());
                if (target.Model is not null && !provider.Models.Contains(target.Model))
                    return Problems.BadRequest("unknown_model", $"{provider.Name} has no model {target.Model}; it has: {string.Join(", ", provider.Models)}.", use.Name());
            }
            routes[use] = [.. targets.Select(target => new RouteTarget(target.Provider, target.Model))];
        }
        await table.SetAsync(caller.TenantId, routes, cancellationToken);
        return TypedResults.Ok((await GetAsync(routing, caller, cancellationToken)).Value!);
    }
}
