using System.Threading.Channels;
using Npgsql;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Timelines;

/// <summary>
/// Writes the entries of its share of the conversations. One loop stores, and while the database commits a batch the next one gathers;
/// another loop (<see cref="TimelineDelivery"/>) tells of what is stored, so that slow telling does not hold up storing.
/// </summary>
internal sealed partial class TimelineWriter : IDisposable
{
    private const int BusyBatch = 4;
    private const int MaxTries = 3;
    private const int FirstReplan = 1_000;

    private readonly NpgsqlDataSource _database;
    private readonly TimelineDelivery _delivery;
    private readonly TimeProvider _time;
    private readonly TimelineMetrics _metrics;
    private readonly TimelineOptions _options;
    private readonly ILogger<TimelineWriter> _logger;
    private readonly Channel<Draft> _waiting;
    private readonly Channel<StoredBatch> _stored;
    private readonly TimelineStatements.Columns _columns = new();
    private readonly List<Draft> _batch = [];
    private readonly Dictionary<(Guid Conversation, Guid Owner, string ClientId), int> _clientIds = [];
    private readonly List<(Draft Draft, int First)> _resends = [];

    private NpgsqlConnection? _connection;
    private NpgsqlBatch? _append;
    private long _appended;
    private long _replanAt = FirstReplan;
    private Draft? _next;
    private Task _storing = Task.CompletedTask;
    private Task _telling = Task.CompletedTask;

    public TimelineWriter(NpgsqlDataSource database, TimelineDelivery delivery, TimeProvider time, TimelineMetrics metrics, TimelineOptions options, ILogger<TimelineWriter> logger)
    {
        (_database, _delivery, _time, _metrics, _options, _logger) = (database, delivery, time, metrics, options, logger);
        _waiting = Channel.CreateBounded<Draft>(new BoundedChannelOptions(options.QueueSize) { SingleReader = true });
        _stored = Channel.CreateBounded<StoredBatch>(new BoundedChannelOptions(4) { SingleReader = true, SingleWriter = true });
    }

    public void Start()
    {
        _storing = Task.Run(StoreAsync);
        _telling = Task.Run(() => _delivery.RunAsync(_stored.Reader));
    }

    public async Task StopAsync()
    {
        _waiting.Writer.TryComplete();
        await _storing;
        _stored.Writer.TryComplete();
        await _telling;
        await CloseConnectionAsync();
    }

    public void Dispose()
    {
        _append?.Dispose();
        _connection?.Dispose();
    }

    /// <summary>Waits only while the queue is full.</summary>
    public ValueTask QueueAsync(Draft draft, CancellationToken cancellationToken) => _waiting.Writer.WriteAsync(draft, cancellationToken);

    private async Task StoreAsync()
    {
        while (_next is not null || await _waiting.Reader.WaitToReadAsync())
        {
            // A writer that just had company will have it again: waiting a little then costs the sender less than it saves the database.
            if (_batch.Count >= BusyBatch && _waiting.Reader.Count < _options.BatchSize && _options.GatherMilliseconds > 0)
                await Task.Delay(_options.GatherMilliseconds);

            Gather();
            var stored = _batch is [{ Change: { } change } only]
                ? await StoreAsync(only, change)
                : await StoreAsync(_batch, mayDivide: true);
            foreach (var (draft, first) in _resends)
                stored.AddResend(draft, first);
            await _stored.Writer.WriteAsync(stored);
        }
    }

    /// <summary>Takes what waits, in order: many plain entries, or one that changes its conversation.</summary>
    private void Gather()
    {
        _batch.Clear();
        _resends.Clear();
        _clientIds.Clear();
        while (_batch.Count + _resends.Count < _options.BatchSize && (_next ?? Read()) is { } draft)
        {
            _next = null;
            if (draft.Change is not null && _batch.Count > 0)
            {
                _next = draft;
                return;
            }
            if (draft.ClientId is { } clientId && !_clientIds.TryAdd((draft.ConversationId, draft.ClientIdOwner, clientId), _batch.Count))
            {
                // The same client id twice at once: what becomes of the first becomes of this.
                _resends.Add((draft, _clientIds[(draft.ConversationId, draft.ClientIdOwner, clientId)]));
                continue;
            }
            _batch.Add(draft);
            if (draft.Change is not null)
                return;
        }

        Draft? Read() => _waiting.Reader.TryRead(out var draft) ? draft : null;
    }

    private async Task<StoredBatch> StoreAsync(List<Draft> drafts, bool mayDivide)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await AppendAsync(drafts);
            }
            catch (PostgresException e) when (IsRace(e) && attempt < MaxTries)
            {
                // Another node stored the same client id between our look and our insert, or held a lock crosswise: look again.
            }
            catch (PostgresException e) when (IsEnded(e) && attempt < MaxTries)
            {
                // The database ended our connection and says so instead of committing: most likely it was restarted and is back by now.
                await CloseConnectionAsync();
            }
            catch (Exception e) when (mayDivide && drafts.Count > 1 && !DatabaseFailure.IsUnavailable(e))
            {
                // One of them cannot be stored: found by storing each alone, so that it fails alone.
                LogDivided(drafts.Count, e);
                await CloseConnectionAsync();
                var parts = new StoredBatch();
                foreach (var draft in drafts)
                    parts.Add(await StoreAsync([draft], mayDivide: false));
                return parts;
            }
            catch (Exception e)
            {
                return await FailAsync(drafts, e);
            }
        }
    }

    /// <summary>Nothing is known of these; their senders are told so and send them again.</summary>
    private async Task<StoredBatch> FailAsync(List<Draft> drafts, Exception failure)
    {
        await CloseConnectionAsync();
        if (!DatabaseFailure.IsUnavailable(failure))
            LogRefused(drafts.Count, failure);
        _metrics.Failed(drafts.Count);
        return StoredBatch.OfFailure(drafts, failure);
    }

    private async Task<StoredBatch> AppendAsync(List<Draft> drafts)
    {
        var now = _time.Now;
        var append = await OpenAsync();
        await ReplanAsync();
        _columns.Fill(drafts, now);
        var started = _time.GetTimestamp();
        var stored = new StoredBatch();
        await using (var rows = await append.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
            {
            }
            await rows.NextResultAsync();
            for (var i = 0; await rows.ReadAsync(); i++)
                stored.Add(drafts[i], ReadResult(rows, drafts[i], now, out var kind, out var opening), kind, opening);
            await rows.NextResultAsync();   // reads to the end, where a failed commit would show
        }
        _metrics.Stored(drafts.Count, _time.GetElapsedTime(started));
        _appended += drafts.Count;
        return stored;
    }

    private static AppendResult ReadResult(NpgsqlDataReader row, Draft draft, DateTimeOffset now, out ConversationKind kind, out string? opening)
    {
        kind = default;
        opening = null;
        if (row.IsDBNull(4))
            return AppendResult.Refused(AppendOutcome.NotFound);
        if (row.IsDBNull(1))
            return AppendResult.Refused(row.GetBoolean(0) ? AppendOutcome.Archived : AppendOutcome.Stale);
        if (!row.IsDBNull(2))
            return new AppendResult(AppendOutcome.Duplicate, row.GetGuid(2), row.GetInt64(1), row.GetFieldValue<DateTimeOffset>(3), false);
        kind = EnumName.Parse<ConversationKind>(row.GetString(4));
        opening = row.IsDBNull(6) ? null : row.GetString(6);
        return new AppendResult(AppendOutcome.Appended, draft.Id, row.GetInt64(1), now, row.GetBoolean(5));
    }

    /// <summary>One entry that changes its conversation, with a commit of its own: these are rare, and must not hold up the others with their conditions.</summary>
    private async Task<StoredBatch> StoreAsync(Draft draft, ConversationChange change)
    {
        var now = _time.Now;
        try
        {
            await OpenAsync();
            await using var command = TimelineStatements.CreateChange(_connection!, draft, change, now);
            await using var row = await command.ExecuteReaderAsync();
            var stored = new StoredBatch();
            if (await row.ReadAsync())
                stored.Add(draft, ReadChange(row, draft, now, out var kind, out var metadata), kind, metadata);
            else
                stored.Add(draft, AppendResult.Refused(AppendOutcome.NotFound), default, metadata: null);
            await row.NextResultAsync();
            return stored;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation && draft.ClientId is not null)
        {
            // A resend: as a plain entry it finds the first one and changes nothing.
            return await StoreAsync([draft], mayDivide: false);
        }
        catch (Exception e)
        {
            return await FailAsync([draft], e);
        }
    }

    private static AppendResult ReadChange(NpgsqlDataReader row, Draft draft, DateTimeOffset now, out ConversationKind kind, out string? metadata)
    {
        kind = default;
        metadata = null;
        if (row.IsDBNull(0))
            return AppendResult.Refused(AppendOutcome.Stale);
        kind = EnumName.Parse<ConversationKind>(row.GetString(1));
        metadata = row.IsDBNull(2) ? null : row.GetString(2);
        return new AppendResult(AppendOutcome.Appended, draft.Id, row.GetInt64(0), now, row.GetBoolean(3));
    }

    private async ValueTask<NpgsqlBatch> OpenAsync()
    {
        if (_append is not null && _connection is { State: System.Data.ConnectionState.Open })
            return _append;
        await CloseConnectionAsync();
        _connection = await _database.OpenConnectionAsync();
        await using (var session = new NpgsqlCommand(TimelineStatements.Session, _connection))
            await session.ExecuteNonQueryAsync();
        _append = _columns.CreateBatch(_connection);
        await _append.PrepareAsync();
        return _append;
    }

    /// <summary>
    /// A plan made while the log was nearly empty looks a client id up by reading the whole conversation. It is made anew as the log grows, until the
    /// database has statistics and does so by itself. Before a batch, never behind one: what fails here must not be taken for a failure of what is stored.
    /// </summary>
    private async ValueTask ReplanAsync()
    {
        if (_appended < _replanAt)
            return;
        _replanAt *= 10;
        await using var discard = new NpgsqlCommand("discard plans", _connection);
        await discard.ExecuteNonQueryAsync();
    }

    private async Task CloseConnectionAsync()
    {
        if (_append is not null)
            await _append.DisposeAsync();
        _append = null;
        if (_connection is not null)
            await _connection.DisposeAsync();
        _connection = null;
    }

    private static bool IsRace(PostgresException e) => e.SqlState is
        PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure;

    private static bool IsEnded(PostgresException e) => e.SqlState is PostgresErrorCodes.AdminShutdown;

    [LoggerMessage(LogLevel.Warning, "A batch of {Count} entries was refused and is stored one by one")]
    private partial void LogDivided(int count, Exception exception);

    [LoggerMessage(LogLevel.Error, "{Count} entries could not be stored")]
    private partial void LogRefused(int count, Exception exception);
}
