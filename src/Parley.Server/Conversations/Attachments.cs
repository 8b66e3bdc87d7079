using Npgsql;

namespace Parley.Server.Conversations;

/// <summary>Turns the ids of uploaded files into what an entry says of them.</summary>
internal sealed class Attachments(NpgsqlDataSource database)
{
    /// <summary>The files in the order of <paramref name="ids"/>; null when one of them is not a file of this conversation.</summary>
    public async Task<IReadOnlyList<Attachment>?> FindAsync(ConversationAccess access, IReadOnlyList<Guid> ids, CancellationToken cancellationToken)
    {
        if (ids.Count == 0)
            return [];
        await using var command = database.CreateCommand(
            "select id, name, content_type, size from files where tenant_id = $1 and conversation_id = $2 and id = any($3)");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = access.TenantId });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = access.ConversationId });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. ids] });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var found = new Dictionary<Guid, Attachment>();
        while (await row.ReadAsync(cancellationToken))
        {
            var id = row.GetGuid(0);
            found[id] = new Attachment(id, row.GetString(1), row.GetString(2), row.GetInt64(3), $"/api/v1/files/{id}");
        }
        return ids.All(found.ContainsKey) ? [.. ids.Select(id => found[id])] : null;
    }
}
