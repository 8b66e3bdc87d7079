using Npgsql;
using Parley.Server.Realtime;
using Parley.Server.Storage;

namespace Parley.Server.Conversations;

/// <summary>How far each reader has come; it only moves on.</summary>
internal sealed class ReadMarks(NpgsqlDataSource database, Topics topics, TimeProvider time)
{
    /// <summary>Marks everything up to <paramref name="seq"/> as read by the caller, and tells the others when that is news.</summary>
    public async Task MarkAsync(ConversationAccess access, long seq, CancellationToken cancellationToken)
    {
        if (access.Sender.Id is not { } reader)
            return;
        await using var command = database.CreateCommand(
            """
            insert into conversation_reads as r (tenant_id, conversation_id, reader_id, seq, read_at)
            select c.tenant_id, c.id, $3, least($4, c.last_seq), $5 from conversations c where c.tenant_id = $1 and c.id = $2
            on conflict (conversation_id, reader_id) do update set seq = excluded.seq, read_at = excluded.read_at where r.seq < excluded.seq
            returning seq
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = access.TenantId });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = access.ConversationId });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = reader });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = seq });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.Now });
        if (await command.ExecuteScalarAsync(cancellationToken) is not long marked)
            return;

        topics.Publish(new Topic(TopicKind.Conversation, access.ConversationId), Frame.Text((access.Sender, marked), static (json, read) =>
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "read"u8);
            EntryJson.WriteSender(json, read.Sender);
            json.WriteNumber("seq"u8, read.marked);
            json.WriteEndObject();
        }));
    }
}
