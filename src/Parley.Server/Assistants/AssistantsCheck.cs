using Microsoft.Extensions.Diagnostics.HealthChecks;
using Parley.Server.Assistants.Providers;

namespace Parley.Server.Assistants;

/// <summary>Whether the models that were asked answered. The server serves without them, so this is never worse than degraded.</summary>
internal sealed class AssistantsCheck(ProviderHealth health) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var down = health.All.Count(target => target.State is HealthState.Down);
        return Task.FromResult(down == 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded($"{down} models failed when they were last asked"));
    }
}
