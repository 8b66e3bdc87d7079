using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Parley.Server.Operations;

/// <summary>
/// Listens to the process's meters and writes what they measured in Prometheus' text format (version 0.0.4). Measuring takes one
/// uncontended lock; a series appears with its first measurement, and an instrument has at most <see cref="MaxSeries"/> of them.
/// </summary>
internal sealed class Metrics : IDisposable
{
    private const int MaxSeries = 512;

    private static readonly string[] _meters =
        ["Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime", "Npgsql", "Parley"];

    // Always the same here, or of no use beside the others.
    private static readonly HashSet<string> _droppedTags =
        ["url.scheme", "network.protocol.name", "network.protocol.version", "network.type", "network.transport", "server.address", "server.port"];

    private static readonly double[] _secondBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
    private static readonly double[] _byteBounds = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576];
    private static readonly double[] _countBounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

    private readonly MeterListener _listener = new();
    private readonly Lock _familiesLock = new();
    private readonly SortedDictionary<string, Family> _families = new(StringComparer.Ordinal);
    private readonly Lock _scrape = new();

    public Metrics()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (_meters.Any(meter => instrument.Meter.Name == meter || instrument.Meter.Name.StartsWith(meter + ".", StringComparison.Ordinal))
                && Add(instrument) is { } family)
                listener.EnableMeasurementEvents(instrument, family);
        };
        _listener.SetMeasurementEventCallback<byte>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<short>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<float>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, family) => ((Family)family!).Record(value, tags));
        _listener.SetMeasurementEventCallback<decimal>(static (_, value, tags, family) => ((Family)family!).Record((double)value, tags));
        _listener.Start();
    }

    /// <summary>All that was measured so far.</summary>
    public string Write()
    {
        lock (_scrape)
        {
            _listener.RecordObservableInstruments();
            Family[] families;
            lock (_familiesLock)
                families = [.. _families.Values];
            var text = new StringBuilder(16 * 1024);
            foreach (var family in families)
                family.Write(text);
            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();

    private Family? Add(Instrument instrument)
    {
        var kind = KindOf(instrument);
        if (kind is null)
            return null;
        var name = NameOf(instrument, kind.Value);
        lock (_familiesLock)
        {
            // Another meter of the same name, such as a second host's in one process, goes on counting in the first one's series.
            if (_families.TryGetValue(name, out var known))
                return known.Kind == kind ? known : null;
            return _families[name] = new Family(name, instrument.Description, kind.Value, IsObservable(instrument), BoundsOf(instrument));
        }
    }

    private static Kind? KindOf(Instrument instrument)
    {
        var type = instrument.GetType();
        return type.IsGenericType ? type.GetGenericTypeDefinition() switch
        {
            var t when t == typeof(Counter<>) || t == typeof(ObservableCounter<>) => Kind.Counter,
            var t when t == typeof(UpDownCounter<>) || t == typeof(ObservableUpDownCounter<>) || t == typeof(Gauge<>) || t == typeof(ObservableGauge<>) => Kind.Gauge,
            var t when t == typeof(Histogram<>) => Kind.Histogram,
            _ => null,
        } : null;
    }

    // A gauge's and an observable's measurement is the value itself; a counter's is what is added to it.
    private static bool IsObservable(Instrument instrument) =>
        instrument.IsObservable || instrument.GetType().GetGenericTypeDefinition() == typeof(Gauge<>);

    private static double[] BoundsOf(Instrument instrument) =>
        AdviceOf(instrument) ?? instrument.Unit switch
        {
            "s" => _secondBounds,
            "By" => _byteBounds,
            _ => _countBounds,
        };

    private static double[]? AdviceOf(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(bound => (double)bound)],
        Histogram<int> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(bound => (double)bound)],
        _ => null,
    };

    /// <summary>As OpenTelemetry's rules for Prometheus have it: words with underscores, then the unit, and <c>_total</c> for counters.</summary>
    private static string NameOf(Instrument instrument, Kind kind)
    {
        var name = LabelName(instrument.Name);
        var unit = instrument.Unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            _ => "",
        };
        if (!name.EndsWith(unit, StringComparison.Ordinal))
            name += unit;
        // The format keeps these endings for counters and histograms.
        if (kind is Kind.Counter)
            return name.EndsWith("_total", StringComparison.Ordinal) ? name : $"{name}_total";
        if (name.EndsWith("_total", StringComparison.Ordinal))
            return name[..^"_total".Length];
        return name.EndsWith("_count", StringComparison.Ordinal) ? $"{name[..^"_count".Length]}_current" : name;
    }

    private static string LabelName(string name)
    {
        var text = new StringBuilder(name.Length);
        foreach (var c in name)
            text.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        return text.ToString();
    }

    private enum Kind
    {
        Counter,
        Gauge,
        Histogram,
    }

    /// <summary>One metric with its series, one for each combination of tags.</summary>
    private sealed class Family(string name, string? description, Kind kind, bool absolute, double[] bounds)
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<int, List<Series>> _byHash = [];
        private Series? _untagged;
        private Series? _overflow;
        private int _count;

        public Kind Kind => kind;

        public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            lock (_lock)
            {
                var series = Find(tags);
                if (kind is Kind.Histogram)
                    series.Observe(value, bounds);
                else if (absolute)
                    series.Sum = value;
                else
                    series.Sum += value;
            }
        }

        private Series Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.IsEmpty)
                return _untagged ??= new Series([], kind is Kind.Histogram ? bounds.Length : 0);
            var hash = 0;
            foreach (var (tag, value) in tags)
                hash = hash * 31 + (_droppedTags.Contains(tag) ? 0 : HashCode.Combine(tag, value));
            if (_byHash.TryGetValue(hash, out var candidates))
            {
                foreach (var candidate in candidates)
                {
                    if (candidate.Has(tags))
                        return candidate;
                }
            }
            if (_count >= MaxSeries)
                return _overflow ??= new Series([new("overflow", "true")], kind is Kind.Histogram ? bounds.Length : 0);
            _count++;
            var series = new Series([.. tags], kind is Kind.Histogram ? bounds.Length : 0);
            if (candidates is null)
                _byHash[hash] = [series];
            else
                candidates.Add(series);
            return series;
        }

        public void Write(StringBuilder text)
        {
            lock (_lock)
            {
                IEnumerable<Series?> all = [_untagged, .. _byHash.Values.SelectMany(series => series), _overflow];
                var type = kind.ToString().ToLowerInvariant();
                var headed = false;
                foreach (var series in all)
                {
                    if (series is null)
                        continue;
                    if (!headed)
                    {
                        var help = string.IsNullOrEmpty(description) ? name.Replace('_', ' ') : description.Replace("\\", "\\\\", StringComparison.Ordinal).ReplaceLineEndings(" ");
                        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
                        headed = true;
                    }
                    series.Write(text, name, kind is Kind.Histogram ? bounds : null);
                }
            }
        }
    }

    private sealed class Series(KeyValuePair<string, object?>[] tags, int boundCount)
    {
        private readonly long[] _buckets = new long[boundCount + 1];
        private readonly string _labels = LabelsOf(tags);
        private long _count;

        public double Sum { get; set; }

        public bool Has(ReadOnlySpan<KeyValuePair<string, object?>> others)
        {
            if (others.Length != tags.Length)
                return false;
            for (var i = 0; i < tags.Length; i++)
            {
                if (others[i].Key != tags[i].Key || (!_droppedTags.Contains(tags[i].Key) && !Equals(others[i].Value, tags[i].Value)))
                    return false;
            }
            return true;
        }

        public void Observe(double value, double[] bounds)
        {
            var bucket = Array.BinarySearch(bounds, value);
            _buckets[bucket < 0 ? ~bucket : bucket]++;
            _count++;
            Sum += value;
        }

        public void Write(StringBuilder text, string name, double[]? bounds)
        {
            if (bounds is null)
            {
                text.Append(CultureInfo.InvariantCulture, $"{name}{Braced(_labels)} {Number(Sum)}\n");
                return;
            }
            var below = 0L;
            var separator = _labels.Length > 0 ? "," : "";
            for (var i = 0; i < bounds.Length; i++)
            {
                below += _buckets[i];
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{_labels}{separator}le=\"{Number(bounds[i])}\"}} {below}\n");
            }
            text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{_labels}{separator}le=\"+Inf\"}} {_count}\n");
            text.Append(CultureInfo.InvariantCulture, $"{name}_sum{Braced(_labels)} {Number(Sum)}\n");
            text.Append(CultureInfo.InvariantCulture, $"{name}_count{Braced(_labels)} {_count}\n");
        }

        private static string Braced(string labels) => labels.Length > 0 ? $"{{{labels}}}" : "";

        private static string Number(double value) => value switch
        {
            double.PositiveInfinity => "+Inf",
            double.NegativeInfinity => "-Inf",
            _ => value.ToString("R", CultureInfo.InvariantCulture),
        };

        private static string LabelsOf(KeyValuePair<string, object?>[] tags) =>
            string.Join(',', tags.Where(tag => !_droppedTags.Contains(tag.Key) && tag.Value is not null)
                .Select(tag => $"{LabelName(tag.Key)}=\"{Escape(Convert.ToString(tag.Value, CultureInfo.InvariantCulture) ?? "")}\""));

        private static string Escape(string value) =>
            value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
    }
}
