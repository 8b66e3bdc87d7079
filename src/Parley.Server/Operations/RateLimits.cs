using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Parley.Server.Operations;

/// <summary>How many requests a caller may make: a bucket that is filled evenly and may be emptied at once.</summary>
internal sealed class RateLimits(TimeProvider time)
{
    private const int MaxBuckets = 100_000;
    private static readonly TimeSpan _window = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);
    private long _sweepAt;

    /// <summary>Takes one request of <paramref name="perMinute"/> from the bucket of <paramref name="key"/>.</summary>
    public Allowance Take(string key, int perMinute)
    {
        var now = time.GetTimestamp();
        SweepNowAndThen(now);
        var bucket = _buckets.GetOrAdd(key, static (_, full) => new Bucket(full.perMinute, full.now), (perMinute, now));
        lock (bucket)
        {
            bucket.Tokens = Math.Min(perMinute, bucket.Tokens + time.GetElapsedTime(bucket.At, now) / _window * perMinute);
            bucket.At = now;
            var permitted = bucket.Tokens >= 1;
            if (permitted)
                bucket.Tokens--;
            var untilFull = (perMinute - bucket.Tokens) / perMinute * _window;
            var untilNext = permitted ? TimeSpan.Zero : (1 - bucket.Tokens) / perMinute * _window;
            return new(permitted, perMinute, (int)bucket.Tokens, untilFull, untilNext);
        }
    }

    /// <summary>The key of a caller who has not said who it is. One subscriber has a whole /64 of IPv6.</summary>
    public static string KeyOf(IPAddress? address)
    {
        if (address is null)
            return "unknown";
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4().ToString();
        if (address.AddressFamily is not AddressFamily.InterNetworkV6)
            return address.ToString();
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes).ToString();
    }

    // A full bucket is as good as none. When attackers fill the table faster than it empties, everybody starts anew.
    private void SweepNowAndThen(long now)
    {
        var due = Volatile.Read(ref _sweepAt);
        if (now < due && _buckets.Count < MaxBuckets)
            return;
        if (Interlocked.CompareExchange(ref _sweepAt, now + (long)(_window.TotalSeconds * time.TimestampFrequency), due) != due)
            return;
        foreach (var (key, bucket) in _buckets)
        {
            if (time.GetElapsedTime(Volatile.Read(ref bucket.At), now) >= _window)
                _buckets.TryRemove(key, out _);
        }
        if (_buckets.Count >= MaxBuckets)
            _buckets.Clear();
    }

    private sealed class Bucket(double tokens, long at)
    {
        public double Tokens = tokens;
        public long At = at;
    }
}

/// <summary>What is left of a caller's limit after a request.</summary>
/// <param name="UntilFull">When all of it will be there again.</param>
/// <param name="UntilNext">When the next request will be taken; zero while there are some left.</param>
internal sealed record Allowance(bool Permitted, int Limit, int Remaining, TimeSpan UntilFull, TimeSpan UntilNext)
{
    public void Write(IHeaderDictionary headers)
    {
        headers["RateLimit-Limit"] = Limit.ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Remaining"] = Remaining.ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Reset"] = Seconds(UntilFull);
        if (!Permitted)
            headers.RetryAfter = Seconds(UntilNext);
    }

    private static string Seconds(TimeSpan span) => Math.Max(1, (int)Math.Ceiling(span.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}
