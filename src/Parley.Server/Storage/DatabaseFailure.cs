using System.Data.Common;
using System.Net.Sockets;
using Npgsql;

namespace Parley.Server.Storage;

internal static class DatabaseFailure
{
    /// <summary>
    /// Whether <paramref name="exception"/>, or one inside it, says that the database could not be reached, went away or is overloaded: a retry
    /// later may succeed, and nothing is wrong with the request. What a lost commit did is unknown.
    /// </summary>
    public static bool IsUnavailable(Exception? exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                // 08: connection; 53: no resources, disk full; 57P: shutting down or starting up; 25006: a read-only standby
                case PostgresException postgres:
                    return postgres.SqlState.StartsWith("08", StringComparison.Ordinal) || postgres.SqlState.StartsWith("53", StringComparison.Ordinal)
                        || postgres.SqlState.StartsWith("57P", StringComparison.Ordinal) || postgres.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction;
                case NpgsqlException { InnerException: not null and not PostgresException }:
                case NpgsqlException { IsTransient: true }:
                    return true;
                case DbException when e.InnerException is SocketException:
                    return true;
            }
        }
        return false;
    }
}
