using System.Diagnostics.Metrics;

namespace Parley.Server.Assistants;

/// <summary>What assistants do, as figures.</summary>
internal sealed class AssistantsMetrics
{
    private readonly UpDownCounter<int> _running;
    private readonly Counter<long> _replies;
    private readonly Counter<long> _attempts;
    private readonly Counter<long> _tokens;
    private readonly Histogram<double> _firstToken;

    public AssistantsMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Parley.Assistants");
        _running = meter.CreateUpDownCounter<int>("parley.replies.running", description: "Replies that are given now");
        _replies = meter.CreateCounter<long>("parley.replies", description: "Replies by how they ended");
        _attempts = meter.CreateCounter<long>("parley.reply.attempts", description: "Requests to models by how they ended");
        _tokens = meter.CreateCounter<long>("parley.reply.tokens", description: "Tokens to and from models");
        _firstToken = meter.CreateHistogram<double>("parley.reply.first_token", "s", "Until a model's first word");
    }

    public void Began() => _running.Add(1);

    public void Left() => _running.Add(-1);

    public void Ended(string status) => _replies.Add(1, new KeyValuePair<string, object?>("status", status));

    public void Attempted(string providerType, string outcome, TimeSpan? firstToken, int inputTokens, int outputTokens)
    {
        var provider = new KeyValuePair<string, object?>("provider", providerType);
        _attempts.Add(1, provider, new("outcome", outcome));
        _tokens.Add(inputTokens, provider, new("direction", "in"));
        _tokens.Add(outputTokens, provider, new("direction", "out"));
        if (firstToken is { } wait)
            _firstToken.Record(wait.TotalSeconds, provider);
    }
}
