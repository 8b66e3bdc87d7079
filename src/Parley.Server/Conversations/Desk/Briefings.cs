using Npgsql;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Desk;

/// <summary>Says in a few words what a conversation was about. The assistants bring a better one than <see cref="Extract"/>.</summary>
internal interface ISummariser
{
    /// <returns>Null when there is nothing to say, or nobody who could say it: then what was said is extracted.</returns>
    Task<string?> SummariseAsync(Guid tenantId, Guid conversationId, IReadOnlyList<Entry> entries, CancellationToken cancellationToken);
}

/// <param name="Epoch">The `owner_epoch` of the hand-over that it is for.</param>
internal sealed record BriefingJob(Guid ConversationId, long Epoch);

/// <summary>Who takes over a conversation is told what the visitor wants, what was tried and what is open: a private `summary` entry, written by a durable job.</summary>
internal sealed class Briefings(Jobs jobs, TimeProvider time)
{
    public const string JobKind = "briefing";

    // The hand-over commits within milliseconds; a job that outlives a crash in between finds out whether it did.
    private static readonly TimeSpan _whenBegun = TimeSpan.FromSeconds(5);

    /// <summary>Before the hand-over that follows <paramref name="epoch"/>: writes the job down, so that no crash forgets it.</summary>
    public Task PrepareAsync(Guid tenantId, Guid conversationId, long epoch, CancellationToken cancellationToken) =>
        EnqueueAsync(tenantId, conversationId, epoch, time.Now + _whenBegun, cancellationToken);

    /// <summary>After the hand-over: has the job done now.</summary>
    public Task BeginAsync(Guid tenantId, Guid conversationId, long epoch, CancellationToken cancellationToken) =>
        EnqueueAsync(tenantId, conversationId, epoch, time.Now, cancellationToken);

    private Task EnqueueAsync(Guid tenantId, Guid conversationId, long epoch, DateTimeOffset runAt, CancellationToken cancellationToken) =>
        jobs.EnqueueAsync(
            JobKind, new BriefingJob(conversationId, epoch + 1), ConversationsJson.Default.BriefingJob, tenantId, $"{conversationId}:{epoch + 1}", runAt, cancellationToken);
}

internal sealed class BriefingJobHandler(NpgsqlDataSource database, EntryLog log, Timeline timeline, IServiceProvider services) : IJobHandler<BriefingJob>
{
    private const int EntriesRead = 100;

    public async Task RunAsync(BriefingJob payload, JobContext job, CancellationToken cancellationToken)
    {
        if (job.TenantId is not { } tenantId || !await IsTakenOverAsync(payload, cancellationToken))
            return;
        var entries = await log.ReadBeforeAsync(payload.ConversationId, long.MaxValue, EntryView.Full, EntriesRead, cancellationToken);
        entries.RemoveAll(entry => entry.Kind is EntryKind.Event);
        var summariser = services.GetService<ISummariser>(); // of a module above, if it is there
        var text = summariser is null ? null : await summariser.SummariseAsync(tenantId, payload.ConversationId, entries, cancellationToken);
        text ??= Extract.Briefing(entries);
        if (text is null)
            return;
        await timeline.AppendAsync(
            new Draft
            {
                TenantId = tenantId,
                ConversationId = payload.ConversationId,
                Kind = EntryKind.Event,
                Sender = Sender.System,
                Private = true,
                Metadata = TimelineEvents.Summary(text),
                ClientId = $"briefing:{payload.Epoch}", // done again after a crash it changes nothing
                IfEpoch = payload.Epoch,
            },
            cancellationToken);
    }

    private async Task<bool> IsTakenOverAsync(BriefingJob payload, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select true from conversations where id = $1 and owner_epoch = $2 and handler = 'agent' and deleted_at is null");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = payload.ConversationId });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = payload.Epoch });
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }
}

/// <summary>A briefing without a model: the customer's own words, and the last answer.</summary>
internal static class Extract
{
    private const int MaxLength = 240;

    /// <param name="messages">Without events, oldest first.</param>
    /// <returns>Null when the customer has said nothing.</returns>
    public static string? Briefing(IReadOnlyList<Entry> messages)
    {
        var asked = messages.Where(message => message.Sender.Type is SenderType.Visitor && !string.IsNullOrWhiteSpace(message.Body)).ToList();
        if (asked.Count == 0)
            return null;
        var answered = messages.LastOrDefault(message => message.Sender.Type is SenderType.Assistant or SenderType.Agent && !message.Private && message.Body.Length > 0);
        var wants = asked.FirstOrDefault(message => message.Body.AsSpan().IndexOfAny('?', '？') >= 0) ?? asked[0];
        var open = answered is null || asked[^1].Seq > answered.Seq ? asked[^1] : null;
        return string.Join('\n',
            $"Wants: {Shorten(wants.Body)}",
            $"Tried: {(answered is null ? "nothing yet" : Shorten(answered.Body))}",
            $"Open: {(open is null ? "the visitor has not written since" : open == wants ? "no answer yet" : Shorten(open.Body))}");
    }

    private static string Shorten(string text)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (line.Length <= MaxLength)
            return line;
        var end = char.IsHighSurrogate(line[MaxLength - 1]) ? MaxLength - 1 : MaxLength;
        return $"{line.AsSpan(0, end).TrimEnd()}…";
    }
}
