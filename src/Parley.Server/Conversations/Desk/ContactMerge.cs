using Npgsql;
using NpgsqlTypes;
using Parley.Server.Conversations.Live;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Desk;

/// <summary>Makes one contact of two, in one transaction.</summary>
internal sealed class ContactMerge(NpgsqlDataSource database, ConversationFeed feed, TimeProvider time)
{
    /// <summary>
    /// Moves everything of <paramref name="from"/> to <paramref name="into"/>, which keeps what it has and takes what it lacks. The one that was merged is
    /// deleted and says where it went, so that a visitor's token for it goes on.
    /// </summary>
    /// <returns>False when one of them is not there.</returns>
    public async Task<bool> MergeAsync(Guid tenantId, Guid from, Guid into, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // Both rows in the order of their ids, so that two merges never wait for each other.
        await using (var gone = new NpgsqlCommand("select id from contacts where tenant_id = $1 and id = any($2) and deleted_at is null order by id for update", connection))
        {
            gone.Parameters.Add(Of(tenantId));
            gone.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [from, into] });
            await using var row = await gone.ExecuteReaderAsync(cancellationToken);
            var found = 0;
            while (await row.ReadAsync(cancellationToken))
                found++;
            if (found < 2)
                return false;
        }

        await using var batch = new NpgsqlBatch(connection, transaction);
        // First it lets go of its external id, which is unique among those that live.
        Add(
            """
            with merged as (
                update contacts set deleted_at = $4, updated_at = $4, merged_into = $3 where tenant_id = $1 and id = $2
            )
            update contacts set merged_into = $3 where tenant_id = $1 and merged_into = $2
            """);
        Add(
            """
            update contacts i
            set external_id = coalesce(i.external_id, f.external_id),
                verified = i.verified or (i.external_id is null and f.verified),
                name = case when i.name = '' then f.name else i.name end,
                email = coalesce(i.email, f.email),
                phone = coalesce(i.phone, f.phone),
                locale = coalesce(i.locale, f.locale),
                note = case when f.note = '' then i.note when i.note = '' then f.note else i.note || E'\n' || f.note end,
                attributes = f.attributes || i.attributes,
                last_seen_at = greatest(i.last_seen_at, f.last_seen_at),
                updated_at = $4
            from contacts f
            where i.tenant_id = $1 and i.id = $3 and f.id = $2
            """);
        Add("update widget_sessions set contact_id = $3 where tenant_id = $1 and contact_id = $2 and $4::timestamptz is not null");
        Add(
            """
            update conversation_reads r set reader_id = $3
            from conversations c
            where c.tenant_id = $1 and c.contact_id = $2 and r.conversation_id = c.id and r.reader_id = $2 and $4::timestamptz is not null
            """);
        Add("update conversations set contact_id = $3, updated_at = $4 where tenant_id = $1 and contact_id = $2 returning id");
        var moved = new List<Guid>();
        await using (var reader = await batch.ExecuteReaderAsync(cancellationToken))
        {
            do
            {
                while (await reader.ReadAsync(cancellationToken))
                    moved.Add(reader.GetGuid(0));
            }
            while (await reader.NextResultAsync(cancellationToken));
        }
        await transaction.CommitAsync(cancellationToken);
        foreach (var conversationId in moved)
            feed.Changed(conversationId);
        return true;

        void Add(string sql) => batch.BatchCommands.Add(new NpgsqlBatchCommand(sql)
        {
            Parameters = { Of(tenantId), Of(from), Of(into), new NpgsqlParameter { Value = time.Now, NpgsqlDbType = NpgsqlDbType.TimestampTz } },
        });
    }

    private static NpgsqlParameter<Guid> Of(Guid value) => new() { TypedValue = value };
}
