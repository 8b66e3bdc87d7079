using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Parley.Server.Storage;
using Xunit;
using static Parley.Server.Storage.SchemaMigrator;

namespace Parley.Server.Tests.Storage;

public sealed class SchemaMigratorTests : IAsyncLifetime
{
    private static readonly SchemaFile _first = SchemaFile.Read("0001_first.sql", "create table first (id int);\ninsert into first values (1);");
    private static readonly SchemaFile _second = SchemaFile.Read("0002_second.sql", "create function twice(n int) returns int language plpgsql as $$ begin return n * 2; end; $$;");

    private TestDatabase _database = null!;

    public async Task InitializeAsync() => _database = await TestDatabase.CreateAsync(migrated: false);

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task Files_are_applied_in_order_and_once()
    {
        await MigrateAsync(_first);

        await MigrateAsync(_first, _second);
        await MigrateAsync(_first, _second);

        Assert.Equal("0001 first, 0002 second", await _database.QueryAsync<string>(
            "select string_agg(to_char(version, 'FM0000') || ' ' || name, ', ' order by version) from schema_migrations"));
        Assert.Equal(1L, await _database.QueryAsync<long>("select count(*) from first"));
        Assert.Equal(4, await _database.QueryAsync<int>("select twice(2)"));
    }

    [Fact]
    public async Task Servers_that_start_at_once_apply_each_file_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => MigrateAsync(_first, _second)));

        Assert.Equal(1L, await _database.QueryAsync<long>("select count(*) from first"));
    }

    [Fact]
    public async Task The_schema_of_this_program_is_complete()
    {
        await Migrator(_database.DataSource).MigrateAsync(CancellationToken.None);

        Assert.True(await _database.QueryAsync<bool>("select to_regclass('jobs') is not null and to_regclass('timeline_entries') is not null"));
    }

    [Fact]
    public async Task A_file_that_fails_leaves_nothing_of_itself()
    {
        var broken = SchemaFile.Read("0002_broken.sql", "create table half (id int); select no_such_function();");

        var refused = await Assert.ThrowsAsync<StartupException>(() => MigrateAsync(_first, broken));

        Assert.Contains("0002_broken.sql", refused.Message, StringComparison.Ordinal);
        Assert.True(await _database.QueryAsync<bool>("select to_regclass('half') is null and to_regclass('first') is not null"));
        await MigrateAsync(_first, _second);
    }

    [Fact]
    public async Task A_schema_newer_than_the_program_is_refused()
    {
        await MigrateAsync(_first, _second);

        var refused = await Assert.ThrowsAsync<StartupException>(() => MigrateAsync(_first));

        Assert.Contains("newer than this program", refused.Message, StringComparison.Ordinal);
        Assert.Contains("0002_second", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_changed_after_it_was_applied_is_refused()
    {
        await MigrateAsync(_first);

        var refused = await Assert.ThrowsAsync<StartupException>(() => MigrateAsync(SchemaFile.Read("0001_first.sql", "create table first (id bigint);")));

        Assert.Contains("0001_first.sql", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_line_ends_are_no_change()
    {
        await MigrateAsync(_first);

        await MigrateAsync(SchemaFile.Read("0001_first.sql", _first.Sql.Replace("\n", "\r\n", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task With_nothing_to_do_one_query_is_made()
    {
        await MigrateAsync(_first);
        await using var source = NpgsqlDataSource.Create(_database.ConnectionString + ";Application Name=counted;Pooling=false");
        await using var connection = await _database.DataSource.OpenConnectionAsync();
        await using var lockTable = new NpgsqlCommand($"select pg_advisory_lock({0x7061726c6579})", connection);
        await lockTable.ExecuteNonQueryAsync();

        await Migrator(source).MigrateAsync([_first], CancellationToken.None); // would wait for the lock, had it to do more
    }

    [Fact]
    public async Task A_user_who_may_not_make_tables_is_named()
    {
        await _database.ExecuteAsync("do $$ begin if not exists (select from pg_roles where rolname = 'test_guest') then create role test_guest; end if; end $$");
        await using var guest = NpgsqlDataSource.Create(_database.ConnectionString + ";Pooling=false;Options=-c role=test_guest");

        var refused = await Assert.ThrowsAsync<StartupException>(() => Migrator(guest).MigrateAsync([_first], CancellationToken.None));

        Assert.Contains("may not make the tables", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public Task A_database_that_is_not_there_is_named() =>
        RefusesAsync(new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Database = "no_such_database" }.ConnectionString, "has no database named no_such_database");

    [Fact]
    public async Task A_host_that_nobody_answers_at_is_named()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();

        await RefusesAsync($"Host=127.0.0.1;Port={port};Username=ada;Password=topsecret;Database=chat", $"127.0.0.1:{port} cannot be reached");
    }

    [Fact]
    public async Task A_wrong_password_is_said_so()
    {
        await using var server = new FakePostgres(FakePostgres.Refusal("28P01", "password authentication failed for user \"ada\""));

        await RefusesAsync(server.ConnectionString, "does not let in the user ada");
    }

    [Fact]
    public async Task A_full_disk_is_said_so()
    {
        await using var server = new FakePostgres(FakePostgres.Refusal("53100", "could not extend file: No space left on device"));

        await RefusesAsync(server.ConnectionString, "is full");
    }

    [Fact]
    public async Task A_server_that_is_too_old_is_said_so()
    {
        await using var server = new FakePostgres(FakePostgres.Welcome("13.21"));

        await RefusesAsync(server.ConnectionString, "version 14 or later is needed");
    }

    [Fact]
    public async Task Something_that_is_not_PostgreSQL_is_said_so()
    {
        await using var server = new FakePostgres("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), hangsUp: true);

        await RefusesAsync(server.ConnectionString, "cannot be used");
    }

    private static async Task RefusesAsync(string connectionString, string reason)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);

        var refused = await Assert.ThrowsAsync<StartupException>(() => Migrator(source).MigrateAsync([_first], CancellationToken.None));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("topsecret", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    private Task MigrateAsync(params SchemaFile[] files) => Migrator(_database.DataSource).MigrateAsync(files, CancellationToken.None);

    private static SchemaMigrator Migrator(NpgsqlDataSource database) => new(database, TimeProvider.System, NullLogger<SchemaMigrator>.Instance);
}
