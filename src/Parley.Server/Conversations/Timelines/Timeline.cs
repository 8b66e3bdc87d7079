using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Npgsql;
using Parley.Server.Realtime;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Timelines;

/// <summary>An entry that is to be: everything but its place in the log.</summary>
internal sealed class Draft
{
    public Guid Id { get; } = Guid.CreateVersion7();
    public required Guid TenantId { get; init; }
    public required Guid ConversationId { get; init; }
    public EntryKind Kind { get; init; } = EntryKind.Text;
    public required Sender Sender { get; init; }
    public string Body { get; init; } = "";
    public IReadOnlyList<Attachment> Attachments { get; init; } = [];

    /// <summary>For the tenant's people alone: a note.</summary>
    public bool Private { get; init; }

    /// <summary>The sender's own name for it, at most 128 characters; the same one again from the same sender in a conversation changes nothing.</summary>
    public string? ClientId { get; init; }

    /// <summary>Whose <see cref="ClientId"/> it is: a client's own, or the server's (empty) for what assistants and the system write, which no client can name.</summary>
    internal Guid ClientIdOwner => Sender.Type is SenderType.Visitor or SenderType.Member or SenderType.Agent ? Sender.Id ?? Guid.Empty : Guid.Empty;

    public JsonElement? Metadata { get; init; }
    public string? Model { get; init; }
    public JsonElement? Usage { get; init; }

    /// <summary>Refused as stale unless the conversation's <c>owner_epoch</c> is this one; every write by an assistant says it.</summary>
    public long? IfEpoch { get; init; }

    /// <summary>Whether an assistant owes an answer to it, provided that the conversation is with the AI: a durable job is written with it.</summary>
    public bool WantsReply { get; init; }

    /// <summary>What changes in the conversation with this entry, in the same commit.</summary>
    public ConversationChange? Change { get; init; }

    /// <summary>Completed by the delivery when somebody awaits it.</summary>
    internal TaskCompletionSource<AppendResult>? Stored { get; set; }

    /// <summary>The socket that sent it and waits for its <c>ack</c>.</summary>
    internal Connection? Origin { get; set; }
}

/// <summary>What an entry changes in its conversation; null leaves a field as it is.</summary>
internal sealed record ConversationChange
{
    /// <summary>A change of handler raises <c>owner_epoch</c>, also when it is the same handler again (one agent taking over from another).</summary>
    public Handler? Handler { get; init; }

    /// <summary>The new assignee; <see cref="Guid.Empty"/> for nobody.</summary>
    public Guid? AssigneeId { get; init; }

    public ConversationStatus? Status { get; init; }
    public Priority? Priority { get; init; }
    public IReadOnlyList<string>? Tags { get; init; }
    public short? RatingScore { get; init; }
    public string? RatingComment { get; init; }

    /// <summary>Refused as stale unless nobody is assigned.</summary>
    public bool OnlyIfUnassigned { get; init; }

    /// <summary>Refused as stale unless the handler is this one.</summary>
    public Handler? OnlyIfHandler { get; init; }
}

internal enum AppendOutcome
{
    Appended,

    /// <summary>The sender's <c>client_id</c> is in the log already; the result is the first one.</summary>
    Duplicate,

    /// <summary>The conversation's handler changed meanwhile; nothing was written.</summary>
    Stale,

    /// <summary>There is no such conversation in this tenant, or it is deleted.</summary>
    NotFound,

    /// <summary>People write no more in an archived conversation.</summary>
    Archived,
}

/// <param name="Seq">0 unless appended or duplicate.</param>
/// <param name="ReplyOwed">A job for the assistant was written with it.</param>
internal readonly record struct AppendResult(AppendOutcome Outcome, Guid Id, long Seq, DateTimeOffset CreatedAt, bool ReplyOwed)
{
    /// <summary>Nothing was written.</summary>
    public static AppendResult Refused(AppendOutcome outcome) => new(outcome, default, 0, default, ReplyOwed: false);

    public bool IsStored => Outcome is AppendOutcome.Appended or AppendOutcome.Duplicate;
}

/// <summary>
/// The one writer of entries. Each conversation belongs to one of a few <see cref="TimelineWriter"/>s, so its order holds; a writer takes
/// all that waits and stores it with one commit. Only what is stored is acknowledged, and told to those who listen.
/// </summary>
internal sealed class Timeline : IHostedService
{
    private readonly TimelineWriter[] _writers;

    public Timeline(NpgsqlDataSource database, Topics topics, Jobs jobs, TimeProvider time, TimelineMetrics metrics, IOptions<TimelineOptions> options, ILogger<TimelineWriter> logger)
    {
        // Each writer tells of its own: a delivery is one thread's at a time.
        _writers = [.. Enumerable.Range(0, options.Value.Writers).Select(_ =>
            new TimelineWriter(database, new TimelineDelivery(topics, jobs, Tell, logger), time, metrics, options.Value, logger))];
    }

    /// <summary>Told after the commit, in order per conversation, on the delivery loop: must not block or throw. What must not be lost is a job, not this.</summary>
    public event Action<EntryAppended>? Appended;

    /// <summary>
    /// Appends an entry; completes when it is durable, and by then it is on its way to all who listen.
    /// Throws <see cref="NpgsqlException"/> when the database is away: then nothing can be said of whether it was stored, and a resend with the same client id is safe.
    /// </summary>
    public async ValueTask<AppendResult> AppendAsync(Draft draft, CancellationToken cancellationToken)
    {
        draft.Stored = new TaskCompletionSource<AppendResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        await WriterOf(draft.ConversationId).QueueAsync(draft, cancellationToken);
        // From here on it is written whatever the caller does; only the waiting can be given up.
        return await draft.Stored.Task.WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Appends what a socket sent, without waiting for it to be stored: <paramref name="origin"/> gets the <c>ack</c>, or an <c>error</c>
    /// with the <c>client_id</c>. Waits only while the writer's queue is full, and with it the socket's reading.
    /// </summary>
    public ValueTask AppendAsync(Draft draft, Connection origin, CancellationToken cancellationToken)
    {
        draft.Origin = origin;
        return WriterOf(draft.ConversationId).QueueAsync(draft, cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var writer in _writers)
            writer.Start();
        return Task.CompletedTask;
    }

    /// <summary>Stores what waits, then ends; later appends throw <see cref="System.Threading.Channels.ChannelClosedException"/>.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(_writers.Select(writer => writer.StopAsync()));

    private void Tell(EntryAppended appended) => Appended?.Invoke(appended);

    private TimelineWriter WriterOf(Guid conversationId) => _writers[(uint)conversationId.GetHashCode() % (uint)_writers.Length];
}

internal sealed class TimelineOptions
{
    /// <summary>How many writers share the conversations. One commits 30,000 messages a second on two cores; more help only with more cores.</summary>
    [Range(1, 16)]
    public int Writers { get; init; } = Math.Clamp(Environment.ProcessorCount / 4, 1, 4);

    /// <summary>Entries in one commit at most.</summary>
    [Range(1, 10_000)]
    public int BatchSize { get; init; } = 1_000;

    /// <summary>Entries that wait for one writer before senders are made to wait.</summary>
    [Range(1, 1_000_000)]
    public int QueueSize { get; init; } = 20_000;

    /// <summary>How long a busy writer gathers before it commits. A commit costs the database the same for one entry as for fifty.</summary>
    [Range(0, 50)]
    public int GatherMilliseconds { get; init; } = 1;
}

[OptionsValidator]
internal sealed partial class TimelineOptionsValidator : IValidateOptions<TimelineOptions>;

/// <param name="TenantId">The tenant of the conversation.</param>
/// <param name="Entry">As stored.</param>
/// <param name="Change">What changed in the conversation with it; a customer's message to a resolved one opens it (<c>metadata.reopened</c>).</param>
/// <param name="ReplyOwed">A job of kind <c>reply</c> was written with it.</param>
/// <param name="Kind">The conversation's kind.</param>
internal sealed record EntryAppended(Guid TenantId, Entry Entry, ConversationChange? Change, bool ReplyOwed, ConversationKind Kind);
