using System.Text.Json;
using Npgsql;
using Parley.Server.Conversations.Live;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Timelines;

/// <summary>How far each person and each visitor has read.</summary>
internal sealed class ReadMarks(NpgsqlDataSource database, Topics topics, EventFeed events, ChatPresence presence, TimeProvider time)
{
    /// <summary>Notes that the one with <paramref name="access"/> has read up to <paramref name="seq"/>, which never goes back or beyond the end, and tells the others with `read {sender, seq}`.</summary>
    public async Task MarkAsync(ConversationAccess access, long seq, CancellationToken cancellationToken)
    {
        if (access.Sender.Id is not { } readerId)
            return;
        await using var command = database.CreateCommand(
            """
            insert into conversation_reads as r (tenant_id, conversation_id, reader_id, seq, read_at)
            select c.tenant_id, c.id, $2, least($3, c.last_seq), $4 from conversations c where c.id = $1 and least($3, c.last_seq) > 0
            on conflict (conversation_id, reader_id) do update set seq = excluded.seq, read_at = excluded.read_at where r.seq < excluded.seq
            returning seq
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = access.ConversationId });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = readerId });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = seq });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.Now });
        if (await command.ExecuteScalarAsync(cancellationToken) is not long marked)
            return; // had read as far already
        var frame = Frame.Text((access.Sender, marked), Write);
        topics.Publish(new Topic(TopicKind.Conversation, access.ConversationId), frame, await presence.AudienceOfAsync(access, cancellationToken));
        if (!access.IsVisitor)
            events.Publish(access.TenantId, [new Topic(TopicKind.User, readerId)], (access.ConversationId, marked), WriteOwn);
    }

    private static void Write(Utf8JsonWriter json, (Sender Sender, long Seq) read)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "read"u8);
        EntryJson.WriteSender(json, read.Sender);
        json.WriteNumber("seq"u8, read.Seq);
        json.WriteEndObject();
    }

    /// <summary>To one's other devices, on `/ws/events`: the conversation's unread count is to be taken anew.</summary>
    private static void WriteOwn(Utf8JsonWriter json, (Guid ConversationId, long Seq) read)
    {
        json.WriteString("type"u8, "read"u8);
        json.WriteString("conversation_id"u8, read.ConversationId);
        json.WriteNumber("seq"u8, read.Seq);
    }
}
