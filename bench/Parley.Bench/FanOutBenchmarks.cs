using System.Diagnostics.Metrics;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;

namespace Parley.Bench;

/// <summary>One message to a whole room whose sockets take every write at once: what is left is the work of the topic and the connections.</summary>
public class FanOutBenchmarks
{
    private readonly Topic _topic = new(TopicKind.Conversation, Guid.CreateVersion7());
    private readonly Frame _frame = Frame.Text(new byte[400], seq: 0);
    private Topics _topics = null!;
    private DeliveryBatch _batch = null!;

    [Params(2, 10, 1000)]
    public int Members { get; set; }

    [GlobalSetup]
    public void Open()
    {
        var metrics = new RealtimeMetrics(new Meters());
        var clock = new Heartbeat(TimeProvider.System, NullLogger<Heartbeat>.Instance);
        var sockets = new Sockets(Options.Create(new RealtimeOptions()), clock, metrics, NullLogger<Sockets>.Instance);
        _topics = new Topics(new InProcessBus(), metrics);
        _batch = new DeliveryBatch(_topics);
        for (var i = 0; i < Members; i++)
            _topics.Subscribe(_topic, new Connection(sockets, Stream.Null, static () => { }, new Nobody()), Audience.Everyone);
    }

    [Benchmark]
    public void Publish() => _topics.Publish(_topic, _frame);

    /// <summary>As a commit of the timeline does it: eight messages, one write per connection.</summary>
    [Benchmark(OperationsPerInvoke = 8)]
    public void PublishInBatch()
    {
        for (var i = 0; i < 8; i++)
            _batch.Publish(_topic, _frame);
        _batch.Flush();
    }

    private sealed class Nobody : ISocketHandler
    {
        public ValueTask OpenedAsync(Connection connection) => ValueTask.CompletedTask;

        public ValueTask ReceivedAsync(ReadOnlyMemory<byte> message) => ValueTask.CompletedTask;

        public void Closed(CloseCode code)
        {
        }
    }

    private sealed class Meters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options);

        public void Dispose()
        {
        }
    }
}
