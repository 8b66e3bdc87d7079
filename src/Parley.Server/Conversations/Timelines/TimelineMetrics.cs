using System.Diagnostics.Metrics;

namespace Parley.Server.Conversations.Timelines;

internal sealed class TimelineMetrics
{
    private readonly Counter<long> _entries;
    private readonly Counter<long> _failures;
    private readonly Histogram<int> _batchSize;
    private readonly Histogram<double> _commit;

    public TimelineMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Parley.Timeline");
        _entries = meter.CreateCounter<long>("parley.timeline.entries", "{entry}", "Entries given to the database, resends among them");
        _failures = meter.CreateCounter<long>("parley.timeline.failures", "{entry}", "Entries of which nothing is known because the database was away or refused them");
        _batchSize = meter.CreateHistogram<int>("parley.timeline.batch.size", "{entry}", "Entries stored with one commit");
        _commit = meter.CreateHistogram<double>("parley.timeline.commit.duration", "s", "Time from sending a batch to the database to its commit");
    }

    public void Stored(int entries, TimeSpan commit)
    {
        _entries.Add(entries);
        _batchSize.Record(entries);
        _commit.Record(commit.TotalSeconds);
    }

    public void Failed(int entries) => _failures.Add(entries);
}
