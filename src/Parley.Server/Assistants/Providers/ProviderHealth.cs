using System.Collections.Concurrent;
using Parley.Server.Assistants.Wire;

namespace Parley.Server.Assistants.Providers;

internal enum HealthState
{
    Unknown,
    Up,
    Down,
}

/// <param name="Detail">Why it is down.</param>
internal sealed record TargetHealth(HealthState State, DateTimeOffset? CheckedAt, string? Detail, DateTimeOffset? CoolingUntil, int FailuresInARow)
{
    public static readonly TargetHealth Unknown = new(HealthState.Unknown, null, null, null, 0);
}

/// <summary>What this process has seen of each model, and for how long one that failed is left alone. A target is a provider and a model.</summary>
internal sealed class ProviderHealth(TimeProvider time)
{
    private const int FailuresBeforeCooling = 3;
    private static readonly TimeSpan _coolAfterFailures = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _coolWhenMisconfigured = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _coolWhenEmpty = TimeSpan.FromMinutes(15);

    private readonly ConcurrentDictionary<(Guid Provider, string Model), TargetHealth> _targets = new();

    public TargetHealth Of(Guid provider, string model) => _targets.GetValueOrDefault((provider, model)) ?? TargetHealth.Unknown;

    /// <summary>The worst of its models that were asked.</summary>
    public TargetHealth Of(Guid provider) =>
        _targets.Where(target => target.Key.Provider == provider).Select(target => target.Value)
            .OrderByDescending(health => health.State).ThenByDescending(health => health.CheckedAt).FirstOrDefault() ?? TargetHealth.Unknown;

    public IEnumerable<TargetHealth> All => _targets.Values;

    public bool IsCooling(Guid provider, string model) => Of(provider, model).CoolingUntil is { } until && until > time.GetUtcNow();

    public void Succeeded(Guid provider, string model) => _targets[(provider, model)] = new TargetHealth(HealthState.Up, time.GetUtcNow(), null, null, 0);

    public void Failed(Guid provider, IEnumerable<string> models, string model, ModelFailure failure)
    {
        // A wrong key and an empty account are the whole provider's.
        var targets = failure.Class is FailureClass.Auth or FailureClass.Quota ? models.Append(model).Distinct() : [model];
        foreach (var target in targets)
            _targets.AddOrUpdate((provider, target), _ => After(TargetHealth.Unknown, failure), (_, before) => After(before, failure));
    }

    /// <summary>Its configuration changed: what was seen of it says nothing any more.</summary>
    public void Forget(Guid provider)
    {
        foreach (var target in _targets.Keys.Where(target => target.Provider == provider))
            _targets.TryRemove(target, out _);
    }

    private TargetHealth After(TargetHealth before, ModelFailure failure)
    {
        var now = time.GetUtcNow();
        var detail = $"{failure.Code}: {failure.Detail}";
        return failure.Class switch
        {
            FailureClass.BadRequest or FailureClass.ContextTooLong or FailureClass.ContentFilter or FailureClass.Empty => before with { CheckedAt = now },
            FailureClass.Auth or FailureClass.NotFound or FailureClass.PrivateTarget => Down(_coolWhenMisconfigured),
            FailureClass.Quota => Down(_coolWhenEmpty),
            FailureClass.RateLimited => Down(failure.RetryAfter ?? _coolAfterFailures) with { FailuresInARow = before.FailuresInARow },
            _ => Down(before.FailuresInARow + 1 >= FailuresBeforeCooling ? _coolAfterFailures : null),
        };

        TargetHealth Down(TimeSpan? cool) => new(HealthState.Down, now, detail, cool is null ? null : now + cool, before.FailuresInARow + 1);
    }
}
