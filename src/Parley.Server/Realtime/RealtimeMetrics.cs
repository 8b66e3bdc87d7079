using System.Diagnostics.Metrics;

namespace Parley.Server.Realtime;

/// <summary>
/// What the sockets do, as <c>parley.realtime.*</c>. Counts of the hot path are plain fields that the collector reads, so that counting a delivery costs no call into it.
/// </summary>
internal sealed class RealtimeMetrics
{
    private readonly Counter<long> _closes;
    private readonly Counter<long> _overflows;
    private long _connections;
    private long _received;
    private long _sent;
    private long _sentBytes;
    private long _writes;
    private long _deliveries;

    public RealtimeMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Parley.Realtime");
        meter.CreateObservableUpDownCounter("parley.realtime.connections", () => Volatile.Read(ref _connections), "{connection}", "Open sockets");
        meter.CreateObservableCounter("parley.realtime.frames.received", () => Volatile.Read(ref _received), "{frame}", "Frames taken from clients");
        meter.CreateObservableCounter("parley.realtime.frames.sent", () => Volatile.Read(ref _sent), "{frame}", "Frames written to clients");
        meter.CreateObservableCounter("parley.realtime.bytes.sent", () => Volatile.Read(ref _sentBytes), "By", "Bytes written to clients");
        meter.CreateObservableCounter("parley.realtime.writes", () => Volatile.Read(ref _writes), "{write}", "Writes to sockets; several frames may share one");
        meter.CreateObservableCounter("parley.realtime.deliveries", () => Volatile.Read(ref _deliveries), "{delivery}", "Frames queued for subscribers of topics");
        _closes = meter.CreateCounter<long>("parley.realtime.closes", "{connection}", "Sockets closed, by close code");
        _overflows = meter.CreateCounter<long>("parley.realtime.overflows", "{connection}", "Sockets closed because their queue was full");
    }

    public long Connections => Volatile.Read(ref _connections);

    public void Opened() => Interlocked.Increment(ref _connections);

    public void Closed(CloseCode code)
    {
        Interlocked.Decrement(ref _connections);
        _closes.Add(1, new KeyValuePair<string, object?>("code", (int)code));
    }

    public void Overflowed() => _overflows.Add(1);

    public void Received(int frames) => Interlocked.Add(ref _received, frames);

    public void Wrote(int frames, int bytes)
    {
        Interlocked.Increment(ref _writes);
        Interlocked.Add(ref _sent, frames);
        Interlocked.Add(ref _sentBytes, bytes);
    }

    public void Delivered(int frames) => Interlocked.Add(ref _deliveries, frames);
}
