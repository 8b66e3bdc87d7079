using System.Reflection;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Parley.Server.Operations;

/// <summary>Whether the server lives and can serve. What it needs to serve fails a check as unhealthy, what it can do without as degraded.</summary>
internal static class Health
{
    public static readonly string Version =
        typeof(Health).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(2);

    public static void AddHealth(this IServiceCollection services) =>
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            "database", provider => new DatabaseCheck(provider.GetRequiredService<NpgsqlDataSource>()), HealthStatus.Unhealthy, tags: null, _limit));

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var health = routes.MapGroup("/health").AllowAnonymous().ExcludeFromDescription();
        health.MapGet("", GetAsync);
        health.MapGet("/ready", GetAsync);
        health.MapGet("/live", Live);
    }

    /// <summary>200 while requests can be served, 503 when they cannot.</summary>
    internal static async Task<JsonHttpResult<HealthResponse>> GetAsync(HealthCheckService checks, TimeProvider time, ServerStart start, CancellationToken cancellationToken)
    {
        var report = await checks.CheckHealthAsync(cancellationToken);
        var response = new HealthResponse(
            NameOf(report.Status), "parley", Version, (long)time.GetElapsedTime(start.At).TotalSeconds,
            report.Entries.ToDictionary(entry => entry.Key, entry => new HealthCheckResponse(NameOf(entry.Value.Status), entry.Value.Description)));
        return TypedResults.Json(response, OperationsJson.Default.HealthResponse,
            statusCode: report.Status is HealthStatus.Unhealthy ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK);
    }

    /// <summary>The process answers; nothing else is asked.</summary>
    internal static Ok<LiveResponse> Live() => TypedResults.Ok(new LiveResponse("up"));

    private static string NameOf(HealthStatus status) => status switch
    {
        HealthStatus.Healthy => "up",
        HealthStatus.Degraded => "degraded",
        _ => "down",
    };

    private sealed class DatabaseCheck(NpgsqlDataSource database) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                await using var command = database.CreateCommand("select 1");
                await command.ExecuteScalarAsync(cancellationToken);
                return HealthCheckResult.Healthy();
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
            {
                return HealthCheckResult.Unhealthy("cannot be reached");
            }
        }
    }
}

/// <summary>When this server started.</summary>
internal sealed class ServerStart(TimeProvider time)
{
    public long At { get; } = time.GetTimestamp();
}

/// <param name="Status">`up`, `degraded` (something optional is missing) or `down`.</param>
internal sealed record HealthResponse(string Status, string Service, string Version, long UptimeS, Dictionary<string, HealthCheckResponse> Checks);

internal sealed record HealthCheckResponse(string Status, string? Detail);

internal sealed record LiveResponse(string Status);
