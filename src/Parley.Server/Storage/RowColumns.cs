using Npgsql;

namespace Parley.Server.Storage;

internal static class RowColumns
{
    /// <summary>Columns of a row that has been read: it is in memory, nothing waits.</summary>
    extension(NpgsqlDataReader row)
    {
        public T Get<T>(int column) => row.GetFieldValue<T>(column);

        public string? TextOrNull(int column) => row.IsDBNull(column) ? null : row.GetString(column);

        public T? OrNull<T>(int column) where T : struct => row.IsDBNull(column) ? null : row.GetFieldValue<T>(column);
    }
}
