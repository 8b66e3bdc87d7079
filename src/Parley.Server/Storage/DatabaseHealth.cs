using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Parley.Server.Storage;

/// <summary>Healthy when the database answers a query within three seconds.</summary>
internal sealed class DatabaseHealth(NpgsqlDataSource database, TimeProvider time) : IHealthCheck
{
    public const string Name = "database";
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(3);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await using var command = database.CreateCommand("select 1");
            await command.ExecuteScalarAsync(either.Token);
            return HealthCheckResult.Healthy();
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return HealthCheckResult.Unhealthy("The database does not answer.");
        }
    }
}
