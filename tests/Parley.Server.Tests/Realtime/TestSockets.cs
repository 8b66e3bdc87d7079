using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Parley.Server.Realtime;

namespace Parley.Server.Tests.Realtime;

/// <summary>Connections over memory, with a clock that the test moves.</summary>
internal sealed class TestSockets : IMeterFactory
{
    private readonly List<Meter> _meters = [];

    public TestSockets(RealtimeOptions? options = null)
    {
        Options = options ?? new RealtimeOptions();
        Clock = new Heartbeat(Time, NullLogger<Heartbeat>.Instance);
        Metrics = new RealtimeMetrics(this);
        Sockets = new Sockets(Microsoft.Extensions.Options.Options.Create(Options), Clock, Metrics, NullLogger<Sockets>.Instance);
        Topics = new Topics(new InProcessBus(), Metrics);
    }

    public TestClock Time { get; } = new();

    public RealtimeOptions Options { get; }

    public Heartbeat Clock { get; }

    public RealtimeMetrics Metrics { get; }

    public Sockets Sockets { get; }

    public Topics Topics { get; }

    /// <summary>A connection that is open and runs, with the far end of it.</summary>
    public (Connection Connection, FarEnd Far) Open(ISocketHandler? handler = null)
    {
        var far = new FarEnd();
        var connection = new Connection(Sockets, far, far.Abort, handler ?? new TestHandler());
        far.Running = Sockets.RunAsync(connection);
        return (connection, far);
    }

    public Meter Create(MeterOptions options)
    {
        var meter = new Meter(options);
        _meters.Add(meter);
        return meter;
    }

    public void Dispose()
    {
        Clock.Dispose();
        foreach (var meter in _meters)
            meter.Dispose();
    }
}

/// <summary>A handler made of what a test gives it.</summary>
internal sealed class TestHandler : ISocketHandler
{
    private readonly TaskCompletionSource<CloseCode> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Func<Connection, ValueTask> Opened { get; init; } = _ => ValueTask.CompletedTask;

    public Func<Connection, string, ValueTask> Received { get; init; } = (_, _) => ValueTask.CompletedTask;

    public Task<CloseCode> Closing => _closed.Task.WaitAsync(TimeSpan.FromSeconds(30));

    private Connection? Connection { get; set; }

    public ValueTask OpenedAsync(Connection connection) => Opened(Connection = connection);

    public ValueTask ReceivedAsync(ReadOnlyMemory<byte> message) => Received(Connection!, Encoding.UTF8.GetString(message.Span));

    public void Closed(CloseCode code) => _closed.SetResult(code);
}

/// <summary>The server's side of a socket in memory: what it writes can be read, counted and held up.</summary>
internal sealed class FarEnd : Stream
{
    private readonly Pipe _toServer = new();
    private readonly Channel<string> _received = Channel.CreateUnbounded<string>();
    private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile TaskCompletionSource? _blocked;
    private int _writes;

    public Task Running { get; set; } = Task.CompletedTask;

    /// <summary>Writes of the server so far, those that wait included.</summary>
    public int Writes => Volatile.Read(ref _writes);

    public Task Aborted => _aborted.Task;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public async Task SendAsync(byte[] frames) => await _toServer.Writer.WriteAsync(frames);

    public void Hangup() => _toServer.Writer.Complete();

    /// <summary>From now on the client does not read.</summary>
    public void Block() => _blocked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Unblock()
    {
        var blocked = _blocked!;
        _blocked = null;
        blocked.SetResult();
    }

    /// <summary>The next frame: its text, or <c>close 4008 reason</c>, <c>ping</c>, <c>pong</c>.</summary>
    public async Task<string> NextAsync() => await _received.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>All frames that were written by now.</summary>
    public List<string> Taken()
    {
        List<string> taken = [];
        while (_received.Reader.TryRead(out var frame))
            taken.Add(frame);
        return taken;
    }

    public void Abort()
    {
        _aborted.TrySetResult();
        _toServer.Writer.Complete(new IOException("aborted"));
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await _toServer.Reader.ReadAsync(cancellationToken);
        var taken = read.Buffer.Slice(0, Math.Min(buffer.Length, read.Buffer.Length));
        foreach (var part in taken)
        {
            part.CopyTo(buffer);
            buffer = buffer[part.Length..];
        }
        var length = (int)taken.Length;
        _toServer.Reader.AdvanceTo(taken.End);
        return length;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _writes);
        if (_blocked is { } blocked && await Task.WhenAny(blocked.Task, _aborted.Task) == _aborted.Task)
            throw new IOException("aborted");
        foreach (var frame in ServerFrames.Read(buffer.Span))
            _received.Writer.TryWrite(frame);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

/// <summary>Reads what the server writes, by RFC 6455 and not by the server's own code.</summary>
internal static class ServerFrames
{
    /// <summary>All frames of a write, which holds whole ones.</summary>
    public static List<string> Read(ReadOnlySpan<byte> bytes)
    {
        List<string> frames = [];
        while (!bytes.IsEmpty)
        {
            if (!TryRead(ref bytes, out var frame))
                throw new InvalidDataException("A write ended within a frame.");
            frames.Add(frame);
        }
        return frames;
    }

    public static bool TryRead(ref ReadOnlySpan<byte> bytes, out string frame)
    {
        frame = "";
        if (bytes.Length < 2)
            return false;
        int length = bytes[1], header = 2;
        if (length == 126 && bytes.Length >= 4)
            (length, header) = ((bytes[2] << 8) | bytes[3], 4);
        else if (length == 127 && bytes.Length >= 10)
            (length, header) = ((bytes[6] << 24) | (bytes[7] << 16) | (bytes[8] << 8) | bytes[9], 10);
        else if (length > 125)
            return false;
        if (bytes.Length < header + length)
            return false;
        var payload = bytes.Slice(header, length);
        frame = bytes[0] switch
        {
            0x81 => Encoding.UTF8.GetString(payload),
            0x88 when length >= 2 => $"close {(payload[0] << 8) | payload[1]} {Encoding.UTF8.GetString(payload[2..])}".TrimEnd(),
            0x88 => "close",
            0x89 => "ping",
            0x8a => $"pong {Encoding.UTF8.GetString(payload)}".TrimEnd(),
            var first => throw new InvalidDataException($"A frame began with {first:x2}."),
        };
        bytes = bytes[(header + length)..];
        return true;
    }
}
