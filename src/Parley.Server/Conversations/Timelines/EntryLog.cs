using System.Runtime.CompilerServices;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Parley.Server.Conversations.Files;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Timelines;

/// <summary>Reads timelines; <see cref="Timeline"/> writes them.</summary>
internal sealed class EntryLog(NpgsqlDataSource database)
{
    private const int PageSize = 200;

    private const string Columns =
        """
        select e.id, e.conversation_id, e.seq, e.kind, e.sender_type, e.sender_id, e.sender_name, e.body, e.attachments::text, e.private,
               e.client_id, e.metadata::text, e.model, e.usage::text, e.created_at
        from timeline_entries e
        """;

    // The rows that EntryView.Of does not drop, so that a page is full.
    private const string Seen = "($3 or not e.private) and ($5::text[] is null or e.kind <> 'event' or e.metadata->>'event' = any($5))";

    private const string After = $"{Columns} where e.conversation_id = $1 and e.seq > $2 and {Seen} order by e.seq limit $4";
    private const string Before = $"{Columns} where e.conversation_id = $1 and e.seq < $2 and {Seen} order by e.seq desc limit $4";

    /// <summary>Up to <paramref name="limit"/> entries after <paramref name="afterSeq"/>, oldest first.</summary>
    public Task<List<Entry>> ReadAfterAsync(Guid conversationId, long afterSeq, EntryView view, int limit, CancellationToken cancellationToken) =>
        ReadAsync(After, conversationId, afterSeq, view, limit, cancellationToken);

    /// <summary>The last <paramref name="limit"/> entries before <paramref name="beforeSeq"/> (<see cref="long.MaxValue"/> for the newest), oldest first.</summary>
    public async Task<List<Entry>> ReadBeforeAsync(Guid conversationId, long beforeSeq, EntryView view, int limit, CancellationToken cancellationToken)
    {
        var entries = await ReadAsync(Before, conversationId, beforeSeq, view, limit, cancellationToken);
        entries.Reverse();
        return entries;
    }

    /// <summary>All entries after <paramref name="afterSeq"/>, page by page.</summary>
    public async IAsyncEnumerable<Entry> ReadAllAfterAsync(
        Guid conversationId, long afterSeq, EntryView view, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            var page = await ReadAfterAsync(conversationId, afterSeq, view, PageSize, cancellationToken);
            foreach (var entry in page)
                yield return entry;
            if (page.Count < PageSize)
                yield break;
            afterSeq = page[^1].Seq;
        }
    }

    /// <summary>The entries at these places, in no particular order; places come in pairs from the two lists.</summary>
    public async Task<List<Entry>> ReadAtAsync(Guid[] conversationIds, long[] seqs, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"{Columns} join unnest($1, $2) as asked (conversation_id, seq) on asked.conversation_id = e.conversation_id and asked.seq = e.seq");
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = conversationIds });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = seqs });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var entries = new List<Entry>();
        while (await row.ReadAsync(cancellationToken))
            entries.Add(Read(row));
        return entries;
    }

    private async Task<List<Entry>> ReadAsync(string sql, Guid conversationId, long seq, EntryView view, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = conversationId });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = seq });
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = view.SeesNotes });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)view.Events ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var entries = new List<Entry>();
        while (await row.ReadAsync(cancellationToken))
        {
            if (view.Of(Read(row)) is { } entry)
                entries.Add(entry);
        }
        return entries;
    }

    private static Entry Read(NpgsqlDataReader row)
    {
        return new Entry(
            Id: row.GetGuid(0),
            ConversationId: row.GetGuid(1),
            Seq: row.GetInt64(2),
            Kind: EnumName.Parse<EntryKind>(row.GetString(3)),
            Sender: new Sender(EnumName.Parse<SenderType>(row.GetString(4)), row.IsDBNull(5) ? null : row.GetGuid(5), row.GetString(6)),
            Body: row.GetString(7),
            Attachments: AttachmentsJson.Read(Text(8)),
            Private: row.GetBoolean(9),
            ClientId: Text(10),
            Metadata: Json(11),
            Model: Text(12),
            Usage: Json(13),
            CreatedAt: row.GetFieldValue<DateTimeOffset>(14));

        string? Text(int column) => row.IsDBNull(column) ? null : row.GetString(column);
        JsonElement? Json(int column) => row.IsDBNull(column) ? null : JsonElement.Parse(row.GetString(column));
    }
}
