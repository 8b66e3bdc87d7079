using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Parley.Server.Storage;

/// <summary>
/// Brings the database's schema to what this program needs: the numbered SQL files of <c>schema/</c> in order, each in a transaction of its own together with
/// its line in <c>schema_migrations</c>. Of several servers that start at once one does it, and the others wait.
/// </summary>
internal sealed partial class SchemaMigrator(NpgsqlDataSource database, TimeProvider time, ILogger<SchemaMigrator> logger)
{
    private const int OldestServer = 14;
    private const long LockKey = 0x7061726c6579; // "parley"
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>One file of the schema.</summary>
    /// <param name="Sha256">Of its text with Unix line ends, in lower-case hex.</param>
    internal sealed record SchemaFile(int Version, string Name, string Sql, string Sha256)
    {
        public static SchemaFile Read(string fileName, string text)
        {
            var sql = text.ReplaceLineEndings("\n");
            return new(
                int.Parse(fileName.AsSpan(0, 4), NumberStyles.None, CultureInfo.InvariantCulture),
                Path.GetFileNameWithoutExtension(fileName)[5..],
                sql,
                Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql))));
        }
    }

    private sealed record Applied(int Version, string Name, string Sha256);

    /// <summary>Applies what is missing. One round trip when nothing is.</summary>
    /// <exception cref="StartupException">The database cannot be reached or used, or its schema is not one that this program can work with.</exception>
    public Task MigrateAsync(CancellationToken cancellationToken) => MigrateAsync(EmbeddedFiles(), cancellationToken);

    internal async Task MigrateAsync(IReadOnlyList<SchemaFile> files, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await OpenAsync(cancellationToken);
            if (connection.PostgreSqlVersion.Major < OldestServer)
                throw new StartupException($"the database is PostgreSQL {connection.PostgreSqlVersion}; version {OldestServer} or later is needed.");
            if (Missing(files, await ReadAppliedAsync(connection, cancellationToken)).Count == 0)
                return;
            await ExecuteAsync(connection, $"select pg_advisory_lock({LockKey})", cancellationToken);
            try
            {
                await ExecuteAsync(
                    connection,
                    "create table if not exists schema_migrations (version int primary key, name text not null, sha256 text not null, applied_at timestamptz not null)",
                    cancellationToken);
                foreach (var file in Missing(files, await ReadAppliedAsync(connection, cancellationToken)))
                    await ApplyAsync(connection, file, cancellationToken);
            }
            finally
            {
                if (connection.FullState.HasFlag(System.Data.ConnectionState.Open))
                    await ExecuteAsync(connection, $"select pg_advisory_unlock({LockKey})", CancellationToken.None);
            }
        }
        catch (Exception e) when (e is NpgsqlException or IOException or System.Net.Sockets.SocketException or TimeoutException)
        {
            throw new StartupException(Explain(e), e);
        }
    }

    private static SchemaFile[] EmbeddedFiles()
    {
        var assembly = typeof(SchemaMigrator).Assembly;
        return [.. assembly.GetManifestResourceNames().Where(name => name.StartsWith("schema/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(name =>
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            return SchemaFile.Read(name["schema/".Length..], reader.ReadToEnd());
        })];
    }

    /// <summary>Opens a connection; waits for a server that is still starting.</summary>
    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        for (var started = time.GetTimestamp(); ;)
        {
            try
            {
                return await database.OpenConnectionAsync(cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.CannotConnectNow && time.GetElapsedTime(started) < _patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellationToken);
            }
        }
    }

    private static List<SchemaFile> Missing(IReadOnlyList<SchemaFile> files, IReadOnlyList<Applied> applied)
    {
        var known = files.ToDictionary(file => file.Version);
        foreach (var (version, name, sha256) in applied)
        {
            if (!known.TryGetValue(version, out var file))
                throw new StartupException($"the database's schema is newer than this program (it has {version:0000}_{name}): start the newer program, or restore a backup made before it.");
            if (file.Sha256 != sha256)
                throw new StartupException($"the schema file {version:0000}_{file.Name}.sql is not the one that was applied to the database: released files are never edited, changes go into a new one.");
        }
        return [.. files.ExceptBy(applied.Select(one => one.Version), file => file.Version)];
    }

    private static async Task<List<Applied>> ReadAppliedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var applied = new List<Applied>();
        await using var command = new NpgsqlCommand("select version, name, sha256 from schema_migrations order by version", connection);
        try
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
                applied.Add(new(reader.GetInt32(0), reader.GetString(1), reader.GetString(2)));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            // a new database
        }
        return applied;
    }

    private async Task ApplyAsync(NpgsqlConnection connection, SchemaFile file, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        try
        {
            await ExecuteAsync(connection, file.Sql, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState[..2] is not ("53" or "57" or "08") && e.SqlState is not PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new StartupException($"the schema file {file.Version:0000}_{file.Name}.sql cannot be applied: {e.MessageText} ({e.SqlState})", e);
        }
        await using var record = new NpgsqlCommand("insert into schema_migrations (version, name, sha256, applied_at) values ($1, $2, $3, $4)", connection)
        {
            Parameters = { new() { Value = file.Version }, new() { Value = file.Name }, new() { Value = file.Sha256 }, new() { Value = time.Now } },
        };
        await record.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        LogApplied(file.Version, file.Name, (long)time.GetElapsedTime(started).TotalMilliseconds);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 }; // a large table takes its time
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>What went wrong, for who set the database up. Names the address but never the password.</summary>
    private string Explain(Exception e)
    {
        var address = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var place = address.Host is ['/', ..] ? $"the database at {address.Host}" : $"the database at {address.Host}:{address.Port}";
        return e switch
        {
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } refused =>
                $"{place} does not let in the user {address.Username}: {refused.MessageText}. Check user and password in DATABASE_URL (or DB_USER, DB_PASSWORD).",
            PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } =>
                $"{place} has no database named {address.Database}: make it (createdb {address.Database}), or name another in DATABASE_URL (or DB_NAME).",
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } denied =>
                $"the user {address.Username} may not make the tables in {place}: {denied.MessageText}. Make it the owner of the database {address.Database}.",
            PostgresException { SqlState: PostgresErrorCodes.DiskFull } full => $"the disk of {place} is full: {full.MessageText}.",
            PostgresException other => $"{place} cannot be used: {other.MessageText} ({other.SqlState}).",
            { InnerException: System.Net.Sockets.SocketException socket } => $"{place} cannot be reached: {socket.Message}. Check DATABASE_URL (or DB_HOST, DB_PORT).",
            System.Net.Sockets.SocketException socket => $"{place} cannot be reached: {socket.Message}. Check DATABASE_URL (or DB_HOST, DB_PORT).",
            TimeoutException or { InnerException: TimeoutException } => $"{place} does not answer. Check DATABASE_URL (or DB_HOST, DB_PORT).",
            _ => $"{place} cannot be used: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}. Is it a PostgreSQL server?",
        };
    }

    [LoggerMessage(LogLevel.Information, "Schema {Version}: {Name} applied in {Milliseconds} ms")]
    private partial void LogApplied(int version, string name, long milliseconds);
}
