using System.Diagnostics;
using System.Numerics;

namespace Parley.Load.Client;

/// <summary>A histogram of durations with 3 % resolution, from a nanosecond up.</summary>
internal sealed class Latencies
{
    private const int StepBits = 5;
    private readonly long[] _counts = new long[64 << StepBits];

    public long Count { get; private set; }

    public void Add(long stopwatchTicks)
    {
        var nanoseconds = (ulong)Math.Max(0, stopwatchTicks * (1_000_000_000 / Stopwatch.Frequency));
        _counts[Bucket(nanoseconds)]++;
        Count++;
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
    }

    /// <returns>Milliseconds; NaN when nothing was measured.</returns>
    public double Percentile(double percent)
    {
        if (Count == 0)
            return double.NaN;
        var wanted = (long)Math.Ceiling(Count * percent / 100);
        var bucket = -1;
        for (long seen = 0; seen < wanted;)
            seen += _counts[++bucket];
        return Middle(bucket) / 1e6;
    }

    private static int Bucket(ulong value)
    {
        if (value < 1 << StepBits)
            return (int)value;
        var shift = BitOperations.Log2(value) - StepBits;
        return ((shift + 1) << StepBits) + (int)(value >> shift) - (1 << StepBits);
    }

    private static double Middle(int bucket)
    {
        if (bucket < 1 << StepBits)
            return bucket;
        var shift = (bucket >> StepBits) - 1;
        return ((bucket & ((1 << StepBits) - 1)) + (1 << StepBits) + 0.5) * Math.Pow(2, shift);
    }
}
