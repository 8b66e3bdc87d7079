using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Replies;

/// <summary>
/// The table of replies. A conversation has at most one that runs: the database sees to that. Each ends once, by <see cref="EndAsync"/>.
/// </summary>
internal sealed class ReplyStore(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>A running reply says at least every second that it lives.</summary>
    private static readonly TimeSpan _lifeless = TimeSpan.FromSeconds(30);

    private const string Columns =
        "select tenant_id, id, conversation_id, status, model, text, last_index, attempts::text, code, message_seq, created_at, ended_at from replies";

    /// <summary>
    /// Begins the reply that is owed to what stands in the conversation up to <paramref name="seq"/>. When one runs already, what is wanted is noted with it; one
    /// without a sign of life is taken over. Null when nothing is owed, because it was answered.
    /// </summary>
    /// <param name="lastSeq">The conversation's: what the reply will have read.</param>
    public async Task<Claim?> ClaimAsync(
        Guid tenantId, Guid conversationId, long seq, long jobId, long lastSeq, long ownerEpoch, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with past as (
                select coalesce(max(owed_seq), 0) as owed_seq, coalesce(max(answers_seq) filter (where status <> 'running'), 0) as answered_seq
                from replies where conversation_id = $2
            )
            insert into replies (tenant_id, id, conversation_id, status, job_id, answers_seq, owed_seq, owner_epoch, created_at, updated_at)
            select $1, $5, $2, 'running', $4, greatest($7, $3), $3, $8, $6, $6
            from past where greatest($3, owed_seq) > answered_seq
            on conflict (conversation_id) where status = 'running' do update set
                owed_seq = greatest(replies.owed_seq, excluded.owed_seq),
                job_id = case when replies.updated_at < $9 then excluded.job_id else replies.job_id end
            returning id, job_id, answers_seq, owner_epoch, last_index, attempts::text, xmax = 0
            """);
        var now = time.Now;
        command.Parameters.Add(Of(tenantId));
        command.Parameters.Add(Of(conversationId));
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = seq });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = jobId });
        command.Parameters.Add(Of(Guid.CreateVersion7()));
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = lastSeq });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = ownerEpoch });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now - _lifeless });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken))
            return null;
        return new Claim(
            tenantId, conversationId, row.GetGuid(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt32(4), AttemptsOf(row.GetString(5)), row.GetBoolean(6));
    }

    /// <summary>Saves how far a reply has come, which is also its sign of life.</summary>
    /// <returns>Whether it should go on.</returns>
    public async Task<SavedState> SaveAsync(Claim claim, string? model, string text, int lastIndex, IReadOnlyList<Attempt> attempts, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            update replies set model = $2, text = $3, last_index = $4, attempts = $5, updated_at = $6
            where id = $1 and status = 'running' and job_id = $7
            returning cancel_requested
            """);
        AddState(command, claim.ReplyId, model, text, lastIndex, attempts);
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.Now });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = claim.JobId });
        return await command.ExecuteScalarAsync(cancellationToken) switch
        {
            null => SavedState.Gone,
            true => SavedState.CancelRequested,
            _ => SavedState.Running,
        };
    }

    /// <summary>Ends a reply; false when it had ended before, or another process gives it now.</summary>
    public async Task<bool> EndAsync(
        Claim claim, ReplyStatus status, string? code, string? model, string text, int lastIndex, IReadOnlyList<Attempt> attempts, long? messageSeq,
        CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            update replies set model = $2, text = $3, last_index = $4, attempts = $5, updated_at = $6, ended_at = $6, status = $7, code = $8, message_seq = $9
            where id = $1 and status = 'running' and job_id = $10
            """);
        AddState(command, claim.ReplyId, model, text, lastIndex, attempts);
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.Now });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = status.Name() });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)code ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)messageSeq ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = claim.JobId });
        return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    /// <summary>Ends what a dead process left behind in a conversation that is not the assistant's any more.</summary>
    public async Task CancelLeftAsync(Guid conversationId, long jobId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            update replies set status = 'cancelled', code = 'taken_over', updated_at = $3, ended_at = $3
            where conversation_id = $1 and job_id = $2 and status = 'running'
            """);
        command.Parameters.Add(Of(conversationId));
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = jobId });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = time.Now });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Asks the node that gives the reply, whichever it is, to stop; false when none runs.</summary>
    public async Task<bool> RequestCancelAsync(Guid conversationId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("update replies set cancel_requested = true where conversation_id = $1 and status = 'running'");
        command.Parameters.Add(Of(conversationId));
        return await command.ExecuteNonQueryAsync(cancellationToken) > 0;
    }

    public async Task<StoredReply?> FindAsync(Guid tenantId, Guid replyId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"{Columns} where tenant_id = $1 and id = $2");
        command.Parameters.Add(Of(tenantId));
        command.Parameters.Add(Of(replyId));
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? Read(row) : null;
    }

    /// <summary>The first reply that answers what stands at <paramref name="seq"/>; null while there is none.</summary>
    public async Task<StoredReply?> FindAnswerAsync(Guid tenantId, Guid conversationId, long seq, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"{Columns} where tenant_id = $1 and conversation_id = $2 and answers_seq >= $3 order by answers_seq limit 1");
        command.Parameters.Add(Of(tenantId));
        command.Parameters.Add(Of(conversationId));
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = seq });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? Read(row) : null;
    }

    private static void AddState(NpgsqlCommand command, Guid replyId, string? model, string text, int lastIndex, IReadOnlyList<Attempt> attempts)
    {
        command.Parameters.Add(Of(replyId));
        command.Parameters.Add(new NpgsqlParameter { Value = (object?)model ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = text });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = lastIndex });
        command.Parameters.Add(new NpgsqlParameter<string>
        {
            TypedValue = JsonSerializer.Serialize([.. attempts], AssistantsJson.Default.AttemptArray),
            NpgsqlDbType = NpgsqlDbType.Jsonb,
        });
    }

    private static StoredReply Read(NpgsqlDataReader row) => new(
        row.GetGuid(0),
        row.GetGuid(1),
        row.GetGuid(2),
        EnumName.Parse<ReplyStatus>(row.GetString(3)),
        row.IsDBNull(4) ? null : row.GetString(4),
        row.GetString(5),
        row.GetInt32(6),
        AttemptsOf(row.GetString(7)),
        row.IsDBNull(8) ? null : row.GetString(8),
        row.IsDBNull(9) ? null : row.GetInt64(9),
        row.GetFieldValue<DateTimeOffset>(10),
        row.IsDBNull(11) ? null : row.GetFieldValue<DateTimeOffset>(11));

    private static Attempt[] AttemptsOf(string json) => JsonSerializer.Deserialize(json, AssistantsJson.Default.AttemptArray) ?? [];

    private static NpgsqlParameter<Guid> Of(Guid value) => new() { TypedValue = value };
}
