using System.Collections.Concurrent;
using System.Text;
using Npgsql;
using NpgsqlTypes;
using Parley.Server.Conversations.Files;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Search;

/// <summary>
/// Fills the full-text index behind the log: soon after each entry, and, whatever a crash left out, after the start. A conversation's
/// <c>indexed_seq</c> says how far it has come. It takes small bites, so that under load messages go first and the index follows when there is time.
/// </summary>
internal sealed partial class SearchIndexer : BackgroundService
{
    private const int BiteEntries = 500;
    private const int BiteConversations = 200;
    private const int MaxTokens = 20_000;
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _catchUpAfter = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _catchUpEvery = TimeSpan.FromMinutes(10);

    private readonly NpgsqlDataSource _database;
    private readonly Timeline _timeline;
    private readonly TimeProvider _time;
    private readonly ILogger<SearchIndexer> _logger;
    private readonly ConcurrentDictionary<Guid, bool> _behind = new();
    private volatile TaskCompletionSource _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SearchIndexer(NpgsqlDataSource database, Timeline timeline, TimeProvider time, ILogger<SearchIndexer> logger)
    {
        (_database, _timeline, _time, _logger) = (database, timeline, time, logger);
        timeline.Appended += OnAppended;
    }

    public override void Dispose()
    {
        _timeline.Appended -= OnAppended;
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            var catchUpAt = _time.GetUtcNow() + _catchUpAfter;
            while (true)
            {
                try
                {
                    await WaitAsync(catchUpAt, stoppingToken);
                    if (_time.GetUtcNow() >= catchUpAt)
                    {
                        await FindBehindAsync(stoppingToken);
                        catchUpAt = _time.GetUtcNow() + _catchUpEvery;
                    }
                    if (!_behind.IsEmpty)
                        await IndexAsync(stoppingToken);
                }
                catch (NpgsqlException e)
                {
                    LogFailed(e); // the database is away; what is behind stays noted
                }
                await Task.Delay(_pause, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // what is left is found at the next start
        }
    }

    private void OnAppended(EntryAppended appended)
    {
        if (appended.Entry.Kind is EntryKind.Event)
            return;
        if (_behind.TryAdd(appended.Entry.ConversationId, true))
            _appended.TrySetResult();
    }

    /// <summary>Until something is behind, or it is time to look for what was left out.</summary>
    private async Task WaitAsync(DateTimeOffset until, CancellationToken cancellationToken)
    {
        _appended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_behind.IsEmpty)
            return;
        var patience = until - _time.GetUtcNow();
        if (patience <= TimeSpan.Zero)
            return;
        try
        {
            await _appended.Task.WaitAsync(patience, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // time to look
        }
    }

    private async Task FindBehindAsync(CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand("select id from conversations where indexed_seq < last_seq limit 100000");
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            _behind[row.GetGuid(0)] = true;
    }

    private async Task IndexAsync(CancellationToken cancellationToken)
    {
        var ids = _behind.Take(BiteConversations).Select(pair => pair.Key).ToArray();
        foreach (var id in ids)
            _behind.TryRemove(id, out _); // before the reading: an entry that comes meanwhile notes it again
        try
        {
            var bite = await ReadAsync(ids, cancellationToken);
            await WriteAsync(bite, cancellationToken);
            if (bite.Count == BiteEntries)
            {
                foreach (var id in ids)
                    _behind[id] = true; // there may be more
            }
        }
        catch (NpgsqlException)
        {
            foreach (var id in ids)
                _behind[id] = true;
            throw;
        }
    }

    private async Task<List<Row>> ReadAsync(Guid[] ids, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand(
            $"""
            select e.tenant_id, e.conversation_id, e.seq, e.private, e.body, e.attachments::text, e.kind
            from conversations c
            cross join lateral (
                select * from timeline_entries t where t.conversation_id = c.id and t.seq > c.indexed_seq order by t.seq limit {BiteEntries}) e
            where c.id = any($1) limit {BiteEntries}
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = ids });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<Row>();
        while (await row.ReadAsync(cancellationToken))
        {
            var text = new StringBuilder(row.GetString(4));
            foreach (var attachment in AttachmentsJson.Read(row.TextOrNull(5)))
                text.Append('\n').Append(attachment.Name);
            var isEvent = row.GetString(6) is "event";
            rows.Add(new Row(row.GetGuid(0), row.GetGuid(1), row.GetInt64(2), row.GetBoolean(3), isEvent ? "" : TokensOf(text.ToString())));
        }
        return rows;
    }

    private async Task WriteAsync(List<Row> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
            return;
        await using var command = _database.CreateCommand(
            """
            with input as materialized (
                select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::boolean[], $5::text[]) as i (tenant_id, conversation_id, seq, private, tokens)
            ), indexed as (
                insert into timeline_search (tenant_id, conversation_id, seq, private, tokens)
                select tenant_id, conversation_id, seq, private, array_to_tsvector(string_to_array(tokens, ' ')) from input where tokens <> ''
                on conflict (conversation_id, seq) do nothing
            )
            update conversations c set indexed_seq = greatest(c.indexed_seq, d.seq)
            from (select conversation_id, max(seq) as seq from input group by conversation_id) d where c.id = d.conversation_id
            """);
        command.Parameters.Add(Column(rows.ConvertAll(row => row.TenantId), NpgsqlDbType.Uuid));
        command.Parameters.Add(Column(rows.ConvertAll(row => row.ConversationId), NpgsqlDbType.Uuid));
        command.Parameters.Add(Column(rows.ConvertAll(row => row.Seq), NpgsqlDbType.Bigint));
        command.Parameters.Add(Column(rows.ConvertAll(row => row.IsPrivate), NpgsqlDbType.Boolean));
        command.Parameters.Add(Column(rows.ConvertAll(row => row.Tokens), NpgsqlDbType.Text));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Each once, with spaces between, which no token has in it.</summary>
    private static string TokensOf(string text) => string.Join(' ', Tokens.Of(text).Select(token => token.Text).Take(MaxTokens).Distinct(StringComparer.Ordinal));

    private static NpgsqlParameter<List<T>> Column<T>(List<T> values, NpgsqlDbType element) => new() { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | element };

    [LoggerMessage(LogLevel.Warning, "The full-text index could not be written; it is tried again")]
    private partial void LogFailed(Exception exception);

    private sealed record Row(Guid TenantId, Guid ConversationId, long Seq, bool IsPrivate, string Tokens);
}
