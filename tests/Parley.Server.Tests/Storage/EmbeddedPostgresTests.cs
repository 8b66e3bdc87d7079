using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Parley.Server.Storage;
using Parley.Server.Storage.Embedded;
using Xunit;

namespace Parley.Server.Tests.Storage;

public sealed class EmbeddedPostgresTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("parley-pg-");

    public EmbeddedPostgresTests() =>
        _folder.UnixFileMode |= UnixFileMode.OtherExecute; // as a checkout has it; whether root can use one that is closed is a test of its own

    [Fact]
    public async Task It_keeps_what_was_committed_from_one_start_to_the_next()
    {
        await using (var first = await StartAsync())
            await ExecuteAsync(first, "create table kept as select 'naïve 数据' as text");

        await using var second = await StartAsync();

        Assert.Equal("naïve 数据", await QueryAsync(second, "select text from kept"));
        Assert.Equal("UTF8 on C.UTF-8", await QueryAsync(second, "select pg_encoding_to_char(encoding) || ' on ' || datlocale from pg_database where datname = current_database()"));
    }

    [Fact]
    public async Task It_runs_from_a_path_that_is_long_and_has_spaces_letters_and_signs()
    {
        var deep = $"a folder, with 'quotes' \"double\" $HOME `id` & ünï 中文 {new string('x', 100)}";

        await using var postgres = await StartAsync(Path.Combine(deep, "data"));

        Assert.Equal("1", await QueryAsync(postgres, "select 1::text"));
    }

    [Fact]
    public async Task Where_others_may_not_enter_it_runs_all_the_same()
    {
        _folder.UnixFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

        await using (var first = await StartAsync())
            await ExecuteAsync(first, "create table kept (id int)");
        await using (var second = await StartAsync())
            Assert.Equal("kept", await QueryAsync(second, "select to_regclass('kept')::text"));

        if (new DirectoryInfo(Path.Combine(_folder.FullName, "data", "postgres")).LinkTarget is { } elsewhere)
            Directory.Delete(elsewhere, recursive: true);
        else
            Assert.False(Environment.IsPrivilegedProcess);
    }

    [Fact]
    public async Task Nobody_else_gets_in()
    {
        await using var postgres = await StartAsync();

        var home = Path.Combine(_folder.FullName, "data", "postgres");
        const UnixFileMode onlyOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Assert.Equal(onlyOwner, File.GetUnixFileMode(home));
        Assert.Equal(onlyOwner, File.GetUnixFileMode(Path.Combine(home, "18")));
        Assert.Equal("", await QueryAsync(postgres, "show listen_addresses"));
        Assert.NotEqual("root", await QueryAsync(postgres, "select usename::text from pg_user where usename = 'root' union all select '' limit 1"));
        await Assert.ThrowsAsync<PostgresException>(() => QueryAsync(postgres, "select 1::text", user: "postgres"));
    }

    [Fact]
    public async Task A_folder_in_use_is_refused_by_name()
    {
        await using var first = await StartAsync();
        await using var second = Make();

        var refused = await Assert.ThrowsAsync<StartupException>(() => second.StartAsync(CancellationToken.None));

        Assert.Contains($"(process {Environment.ProcessId}) uses the data folder", refused.Message, StringComparison.Ordinal);
        Assert.Equal("1", await QueryAsync(first, "select 1::text"));
    }

    [Fact]
    public async Task A_first_start_that_was_interrupted_is_done_again()
    {
        var unfinished = Path.Combine(_folder.FullName, "data", "postgres", "18.new");
        Directory.CreateDirectory(Path.Combine(unfinished, "base"));
        await File.WriteAllTextAsync(Path.Combine(unfinished, "base", "half"), "half");

        await using var postgres = await StartAsync();

        Assert.Equal("1", await QueryAsync(postgres, "select 1::text"));
        Assert.False(Directory.Exists(unfinished));
    }

    [Fact]
    public async Task A_pid_file_that_names_another_living_process_is_stale()
    {
        await using (await StartAsync())
        {
            // makes the cluster
        }
        // As after a reboot in which our own number was given to somebody else.
        await File.WriteAllTextAsync(
            Path.Combine(_folder.FullName, "data", "postgres", "18", "postmaster.pid"),
            string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n{_folder.FullName}\n1\n5432\n/nowhere\n\n1 1\nready\n"));

        await using var postgres = await StartAsync();

        Assert.Equal("1", await QueryAsync(postgres, "select 1::text"));
    }

    [Fact]
    public async Task When_it_dies_it_is_started_again_with_all_that_was_committed()
    {
        await using var postgres = await StartAsync();
        await ExecuteAsync(postgres, "create table kept as select 1 as id");
        var died = postgres.ProcessId!.Value;

        using (var process = Process.GetProcessById(died))
            process.Kill();

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (postgres.ProcessId == died)
            await Task.Delay(10, limit.Token);
        Assert.Equal("kept", await QueryAsync(postgres, "select to_regclass('kept')::text"));
    }

    [Fact]
    public async Task A_data_folder_that_cannot_be_written_is_named()
    {
        var file = Path.Combine(_folder.FullName, "file");
        await File.WriteAllTextAsync(file, "");
        await using var postgres = Make(Path.Combine(file, "data"));

        var refused = await Assert.ThrowsAsync<StartupException>(() => postgres.StartAsync(CancellationToken.None));

        Assert.Contains($"The data folder {file}/data cannot be written", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_folder_whose_place_elsewhere_is_gone_is_not_begun_anew()
    {
        var data = Directory.CreateDirectory(Path.Combine(_folder.FullName, "data"));
        Directory.CreateSymbolicLink(Path.Combine(data.FullName, "postgres"), "/nowhere/to-be-found");
        await using var postgres = Make();

        var refused = await Assert.ThrowsAsync<StartupException>(() => postgres.StartAsync(CancellationToken.None));

        Assert.Contains("/nowhere/to-be-found", refused.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private EmbeddedPostgres Make(string data = "data") =>
        new(new DataFolder(Path.Combine(_folder.FullName, data)), NullLogger<EmbeddedPostgres>.Instance);

    private async Task<EmbeddedPostgres> StartAsync(string data = "data")
    {
        var postgres = Make(data);
        await postgres.StartAsync(CancellationToken.None);
        return postgres;
    }

    private static async Task ExecuteAsync(EmbeddedPostgres postgres, string sql)
    {
        await using var connection = new NpgsqlConnection(postgres.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string> QueryAsync(EmbeddedPostgres postgres, string sql, string user = "parley")
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Pooling = false, Username = user }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
