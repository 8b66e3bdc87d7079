using System.Text.Json;
using System.Threading.Channels;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Timelines;

/// <summary>What became of a batch, entry by entry in the order in which they came.</summary>
internal sealed class StoredBatch
{
    private readonly List<Item> _items = [];

    public IReadOnlyList<Item> Items => _items;

    public static StoredBatch OfFailure(IReadOnlyList<Draft> drafts, Exception failure)
    {
        var batch = new StoredBatch();
        foreach (var draft in drafts)
            batch._items.Add(new Item(draft, default, default, Metadata: null, failure));
        return batch;
    }

    /// <param name="metadata">As stored, where the database added to the draft's.</param>
    public void Add(Draft draft, AppendResult result, ConversationKind kind, string? metadata) =>
        _items.Add(new Item(draft, result, kind, metadata, Failure: null));

    /// <summary>The same client id again within the batch: what became of the entry at <paramref name="first"/> became of this one.</summary>
    public void AddResend(Draft draft, int first)
    {
        var (_, result, kind, _, failure) = _items[first];
        var again = result.Outcome is AppendOutcome.Appended ? result with { Outcome = AppendOutcome.Duplicate, ReplyOwed = false } : result;
        _items.Add(new Item(draft, again, kind, Metadata: null, failure));
    }

    public void Add(StoredBatch part) => _items.AddRange(part._items);

    internal readonly record struct Item(Draft Draft, AppendResult Result, ConversationKind Kind, string? Metadata, Exception? Failure);
}

/// <summary>
/// Tells of what is stored: the acknowledgement to the sender, the entry, serialised once, to its topic, and the modules above.
/// Everything of a batch is queued first and then written, so that a socket gets it in one write.
/// </summary>
internal sealed partial class TimelineDelivery(Topics topics, Jobs jobs, Action<EntryAppended> appended, ILogger logger)
{
    private readonly DeliveryBatch _delivery = new(topics);

    private static readonly ConversationChange _opened = new() { Status = ConversationStatus.Open };

    /// <summary>Until the channel ends.</summary>
    public async Task RunAsync(ChannelReader<StoredBatch> stored)
    {
        await foreach (var batch in stored.ReadAllAsync())
        {
            try
            {
                Deliver(batch);
            }
            catch (Exception e)
            {
                // Whatever a listener did: the next batch must be told of.
                LogDeliveryFailed(e);
            }
        }
    }

    private void Deliver(StoredBatch batch)
    {
        var owed = false;
        try
        {
            foreach (var item in batch.Items)
            {
                if (item.Failure is null && item.Result.Outcome is AppendOutcome.Appended)
                {
                    var entry = EntryOf(item);
                    Publish(entry, item.Kind);
                    appended(new EntryAppended(item.Draft.TenantId, entry, item.Draft.Change ?? (item.Metadata is null ? null : _opened), item.Result.ReplyOwed, item.Kind));
                    owed |= item.Result.ReplyOwed;
                }
                if (item.Draft.Origin is { } origin && Answer(item) is { } answer)
                    _delivery.Send(origin, answer);
            }
        }
        finally
        {
            _delivery.Flush();
        }
        foreach (var item in batch.Items)
        {
            if (item.Failure is { } failure)
                item.Draft.Stored?.TrySetException(failure);
            else
                item.Draft.Stored?.TrySetResult(item.Result);
        }
        if (owed)
            jobs.Nudge("reply");
    }

    /// <summary>Publishes the entry once when everybody sees the same of it, else once for the tenant's people and once, if it is visible there, for the visitor.</summary>
    private void Publish(Entry entry, ConversationKind kind)
    {
        var topic = new Topic(TopicKind.Conversation, entry.ConversationId);
        var visitors = kind is ConversationKind.Support ? EntryView.Visitor.Of(entry) : null;
        _delivery.Publish(topic, Frame.Text(entry, WriteMessage, entry.Seq), ReferenceEquals(visitors, entry) ? Audience.Everyone : Audience.Staff);
        if (visitors is not null && !ReferenceEquals(visitors, entry))
            _delivery.Publish(topic, Frame.Text(visitors, WriteMessage, entry.Seq), Audience.Visitors);
    }

    /// <summary>What the socket that sent it is told; null when it sent no client id and all is well.</summary>
    private static Frame? Answer(StoredBatch.Item item) => item switch
    {
        { Failure: not null } => Error(item.Draft, "unavailable", "The message could not be stored just now; send it again."),
        { Result.IsStored: true } => item.Draft.ClientId is null ? null : Frame.Text((item.Draft.ClientId, item.Result), WriteAck),
        { Result.Outcome: AppendOutcome.Archived } => Error(item.Draft, "conversation_archived", "An archived conversation is read only."),
        _ => Error(item.Draft, "conversation_not_found", "The conversation is gone."),
    };

    private static Frame Error(Draft draft, string code, string detail) => Frame.Text((code, detail, draft.ClientId), static (json, error) =>
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "error"u8);
        json.WriteString("code"u8, error.code);
        json.WriteString("detail"u8, error.detail);
        if (error.ClientId is { } clientId)
            json.WriteString("client_id"u8, clientId);
        json.WriteEndObject();
    });

    private static void WriteAck(Utf8JsonWriter json, (string ClientId, AppendResult Result) ack)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "ack"u8);
        json.WriteString("client_id"u8, ack.ClientId);
        json.WriteNumber("seq"u8, ack.Result.Seq);
        json.WriteString("id"u8, ack.Result.Id);
        EntryJson.WriteTime(json, "created_at"u8, ack.Result.CreatedAt);
        json.WriteEndObject();
    }

    /// <summary>The frame <c>message {message}</c>.</summary>
    public static void WriteMessage(Utf8JsonWriter json, Entry entry)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "message"u8);
        json.WritePropertyName("message"u8);
        EntryJson.Write(json, entry);
        json.WriteEndObject();
    }

    private static Entry EntryOf(StoredBatch.Item item)
    {
        var draft = item.Draft;
        return new Entry(
            draft.Id, draft.ConversationId, item.Result.Seq, draft.Kind, draft.Sender, draft.Body, draft.Attachments, draft.Private, draft.ClientId,
            item.Metadata is null ? draft.Metadata : JsonElement.Parse(item.Metadata), draft.Model, draft.Usage, item.Result.CreatedAt);
    }

    [LoggerMessage(LogLevel.Error, "Telling of stored entries failed")]
    private partial void LogDeliveryFailed(Exception exception);
}
