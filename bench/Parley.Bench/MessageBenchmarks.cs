using System.Text;
using BenchmarkDotNet.Attributes;
using Parley.Server.Conversations.Live;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime.Wire;

namespace Parley.Bench;

/// <summary>A chat message on its way: out of the client's frame, into a batch of the timeline, and into the frame that a room gets.</summary>
public class MessageBenchmarks
{
    private const int Batch = 256;
    private static readonly DateTimeOffset _now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Sender _sender = new(SenderType.Member, Guid.CreateVersion7(), "Ada Lovelace");
    private readonly byte[] _json = Encoding.UTF8.GetBytes("{\"type\":\"message\",\"client_id\":\"0198c0de-0000-7000-8000-000000000001\",\"body\":\"" + new string('x', 128) + "\"}");
    private readonly Entry _entry = new(
        Guid.CreateVersion7(), Guid.CreateVersion7(), 42, EntryKind.Text, _sender, new string('x', 128), [], Private: false, "0198c0de-0000-7000-8000-000000000001",
        Metadata: null, Model: null, Usage: null, _now);
    private readonly TimelineStatements.Columns _columns = new();
    private readonly List<Draft> _drafts =
    [
        .. Enumerable.Range(0, Batch).Select(i => new Draft
        {
            TenantId = Guid.CreateVersion7(), ConversationId = Guid.CreateVersion7(), Sender = _sender, Body = new string('x', 128), ClientId = $"client-{i}",
        }),
    ];

    [Benchmark]
    public bool ParseMessage() => ClientFrame.TryRead(_json, out _, out _, out _);

    [Benchmark]
    public int EncodeMessage() => Frame.Text(_entry, TimelineDelivery.WriteMessage, _entry.Seq).Length;

    [GlobalSetup(Target = nameof(FillBatch))]
    public void Prepare() => _columns.CreateBatch(new Npgsql.NpgsqlConnection()).Dispose();

    /// <summary>Per message of a batch of 256: the columns that one statement takes.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public void FillBatch() => _columns.Fill(_drafts, _now);
}
