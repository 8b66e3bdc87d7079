using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Parley.Server.Storage;
using Parley.Server.Storage.Embedded;

namespace Parley.Server.Tests;

/// <summary>
/// A database of its own on the one PostgreSQL that a test run starts (the same that the server embeds). It stops when the run ends; should the run be
/// killed, the next one finds what it left and clears it away, as the server does.
/// </summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private const string Template = "template_parley";
    private static readonly Task<EmbeddedPostgres> _postgres = StartAsync();
    private static int _count;

    private TestDatabase(string connectionString, string name)
    {
        ConnectionString = connectionString;
        Name = name;
        DataSource = NpgsqlDataSource.Create(connectionString);
    }

    /// <summary>For <c>DATABASE_URL</c>.</summary>
    public string ConnectionString { get; }

    public string Name { get; }

    public NpgsqlDataSource DataSource { get; }

    /// <summary>A database with the whole schema and no rows, or, when <paramref name="migrated"/> is false, an empty one.</summary>
    public static async Task<TestDatabase> CreateAsync(bool migrated = true)
    {
        var postgres = await _postgres;
        var name = $"test_{Interlocked.Increment(ref _count)}";
        await ExecuteAsync(postgres.ConnectionString, $"create database {name} template {(migrated ? Template : "template0")}");
        return new TestDatabase(Address(postgres, name), name);
    }

    public async ValueTask DisposeAsync()
    {
        await DataSource.DisposeAsync();
        await ExecuteAsync((await _postgres).ConnectionString, $"drop database if exists {Name} with (force)");
    }

    public async Task<int> ExecuteAsync(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return await command.ExecuteNonQueryAsync();
    }

    /// <summary>The first value of the first row; default when there is none or it is null.</summary>
    public async Task<T?> QueryAsync<T>(string sql)
    {
        await using var command = DataSource.CreateCommand(sql);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    private static async Task<EmbeddedPostgres> StartAsync()
    {
        var checkout = DataFolder.FindCheckout() ?? AppContext.BaseDirectory;
        var mark = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(checkout + Environment.UserName)).AsSpan(0, 4));
        for (var place = 1; ; place++)
        {
            var postgres = new EmbeddedPostgres(new DataFolder(Path.Combine(Path.GetTempPath(), $"parley-tests-{mark}-{place}")), NullLogger<EmbeddedPostgres>.Instance);
            try
            {
                await postgres.StartAsync(CancellationToken.None);
            }
            catch (StartupException e) when (e.Message.StartsWith("another server", StringComparison.Ordinal) && place < 10)
            {
                continue; // another run of these tests
            }
#pragma warning disable VSTHRD002 // the process ends when its exit handlers return: nobody else could wait
            AppDomain.CurrentDomain.ProcessExit += (_, _) => postgres.DisposeAsync().AsTask().Wait();
#pragma warning restore VSTHRD002
            await PrepareAsync(postgres);
            return postgres;
        }
    }

    /// <summary>Clears away an earlier run's databases and makes the template of this one's.</summary>
    private static async Task PrepareAsync(EmbeddedPostgres postgres)
    {
        await ExecuteAsync(postgres.ConnectionString, "alter system set fsync = off"); // no test cuts the power
        await ExecuteAsync(postgres.ConnectionString, "select pg_reload_conf()");
        await using (var server = NpgsqlDataSource.Create(postgres.ConnectionString))
        {
            await using var names = server.CreateCommand($"select datname from pg_database where datname like 'test\\_%' or datname = '{Template}'");
            var old = new List<string>();
            await using (var reader = await names.ExecuteReaderAsync())
            {
                while (await reader.ReadAsync())
                    old.Add(reader.GetString(0));
            }
            foreach (var name in old)
                await ExecuteAsync(postgres.ConnectionString, $"drop database {name} with (force)");
        }
        await ExecuteAsync(postgres.ConnectionString, $"create database {Template} template template0");
        await using var template = NpgsqlDataSource.Create(Address(postgres, Template) + ";Pooling=false");
        await new SchemaMigrator(template, TimeProvider.System, NullLogger<SchemaMigrator>.Instance).MigrateAsync(CancellationToken.None);
    }

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    // A small pool: many servers share the one PostgreSQL.
    private static string Address(EmbeddedPostgres postgres, string name) =>
        new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Database = name, MaxPoolSize = 12, ConnectionIdleLifetime = 5, ConnectionPruningInterval = 2 }.ConnectionString;
}
