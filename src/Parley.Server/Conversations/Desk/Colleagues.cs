using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Desk;

/// <summary>Somebody of the tenant whose account is not suspended.</summary>
internal sealed record Colleague(Guid Id, string Name, Role Role)
{
    public PersonName ToName() => new(Id, Name);
}

/// <summary>Looks up who can be assigned or added.</summary>
internal sealed class Colleagues(NpgsqlDataSource database)
{
    /// <summary>Those of these ids that are active people of the tenant.</summary>
    public async Task<List<Colleague>> FindAsync(Guid tenantId, IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select id, coalesce(nullif(full_name, ''), username), role from users
            where tenant_id = $1 and id = any($2) and status = 'active' and deleted_at is null
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenantId });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. ids] });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var people = new List<Colleague>();
        while (await row.ReadAsync(cancellationToken))
            people.Add(new Colleague(row.GetGuid(0), row.GetString(1), EnumName.Parse<Role>(row.GetString(2))));
        return people;
    }

    public async Task<Colleague?> FindAsync(Guid tenantId, Guid id, CancellationToken cancellationToken) =>
        await FindAsync(tenantId, [id], cancellationToken) is [var person] ? person : null;
}
