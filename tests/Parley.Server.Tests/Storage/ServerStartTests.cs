using Npgsql;
using Xunit;

namespace Parley.Server.Tests.Storage;

/// <summary>What the one who starts the server sees of its storage. The server runs as a process.</summary>
public sealed class ServerStartTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("parley-start-");

    public ServerStartTests() => _folder.UnixFileMode |= UnixFileMode.OtherExecute;

    private string Data => Path.Combine(_folder.FullName, "data");

    [Fact]
    public async Task After_a_kill_the_next_start_goes_on_with_all_that_was_committed()
    {
        await using (var killed = ServerProcess.Start(Data))
        {
            await killed.ReadyAsync();
            await ExecuteAsync("create table kept as select 1 as id");
            await killed.KillAsync();
        }
        Assert.Equal(1, await QueryAsync("select id from kept")); // its PostgreSQL runs on without it

        await using var next = ServerProcess.Start(Data);
        await next.ReadyAsync();

        Assert.Equal(1, await QueryAsync("select id from kept"));
        Assert.Equal(0, await next.StopAsync());
        Assert.False(File.Exists(Path.Combine(Data, "postgres", "18", "postmaster.pid")));
    }

    [Fact]
    public async Task A_second_server_on_the_same_folder_says_so_in_one_line()
    {
        await using var first = ServerProcess.Start(Data);
        await first.ReadyAsync();
        await using var second = ServerProcess.Start(Data);

        var (exitCode, errors) = await second.EndAsync();

        Assert.Equal(1, exitCode);
        Assert.Equal($"Parley cannot start: another server (process {first.Id}) uses the data folder {Data}: stop it first, or give this one another DATA_DIR.\n", errors);
    }

    [Fact]
    public async Task A_wrong_database_says_so_in_one_line()
    {
        await using var server = ServerProcess.Start(Data, environment: ("DATABASE_URL", "postgres://ada:topsecret@127.0.0.1:1/chat"));

        var (exitCode, errors) = await server.EndAsync();

        Assert.Equal(1, exitCode);
        Assert.StartsWith("Parley cannot start: the database at 127.0.0.1:1 cannot be reached: Connection refused.", errors, StringComparison.Ordinal);
        Assert.Equal(1, errors.Count(c => c == '\n'));
        Assert.DoesNotContain("topsecret", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_the_database_does_not_fit_on_the_disk_it_says_so_in_one_line_and_the_next_start_makes_it_anew()
    {
        // No file over 10 MB: PostgreSQL's log segments have 16. (.NET itself maps a larger one, unless told not to.)
        await using (var server = ServerProcess.Start(Data, "ulimit -f 20000", ("DOTNET_EnableWriteXorExecute", "0")))
        {
            var (exitCode, errors) = await server.EndAsync();

            Assert.Equal(1, exitCode);
            Assert.StartsWith("Parley cannot start: the embedded PostgreSQL cannot make its database", errors, StringComparison.Ordinal);
            Assert.Equal(1, errors.Count(c => c == '\n'));
        }

        await using var next = ServerProcess.Start(Data);

        await next.ReadyAsync();
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<int> QueryAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (int)(await command.ExecuteScalarAsync())!;
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection($"Host={Path.Combine(Data, "postgres", "run")};Username=parley;Database=postgres;Pooling=false;GSS Encryption Mode=Disable");
        await connection.OpenAsync();
        return connection;
    }
}
