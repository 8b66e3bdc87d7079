using Npgsql;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

/// <summary>Reads people without the object mapper, where signing in must not wait for it to be built.</summary>
internal static class UserRow
{
    public const string Columns =
        """
        u.id, u.tenant_id, u.username, u.email, u.full_name, u.role, u.status, u.availability, u.locale, u.theme, u.operator, u.created_at, u.last_seen_at
        """;

    public static UserResponse Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetGuid(1), row.GetString(2), row.GetString(3), row.GetString(4),
        EnumName.Parse<Role>(row.GetString(5)), EnumName.Parse<UserStatus>(row.GetString(6)), EnumName.Parse<Availability>(row.GetString(7)),
        row.GetString(8), row[9] as string, row.GetBoolean(10), new(row.GetDateTime(11)), row[12] is DateTime seen ? new(seen) : null);
}
