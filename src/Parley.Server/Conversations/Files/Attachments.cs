using Npgsql;
using Parley.Server.Conversations.Timelines;

namespace Parley.Server.Conversations.Files;

/// <summary>Makes attachments of files.</summary>
internal sealed class Attachments(NpgsqlDataSource database)
{
    public static string UrlOf(Guid fileId) => $"/api/v1/files/{fileId}";

    /// <summary>The files with these ids as attachments, in this order; null when one of them is not a file of this conversation.</summary>
    public async ValueTask<IReadOnlyList<Attachment>?> FindAsync(Guid conversationId, IReadOnlyList<Guid> fileIds, CancellationToken cancellationToken)
    {
        if (fileIds.Count == 0)
            return [];
        await using var command = database.CreateCommand(
            """
            select f.id, f.name, f.content_type, f.size
            from unnest($2) with ordinality as asked (id, n) join files f on f.id = asked.id
            where f.conversation_id = $1 order by asked.n
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = conversationId });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. fileIds] });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var attachments = new List<Attachment>(fileIds.Count);
        while (await row.ReadAsync(cancellationToken))
            attachments.Add(new Attachment(row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetInt64(3), UrlOf(row.GetGuid(0))));
        return attachments.Count == fileIds.Count ? attachments : null;
    }
}
