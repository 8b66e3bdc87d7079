using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Parley.Load.Client;

namespace Parley.Load.Servers;

/// <summary>
/// Parley itself as it is built, with a database of its own. Its people and conversations are written into the tables, for a thousand
/// registrations would cost a minute of password hashing; from there on everything goes the way of every client.
/// </summary>
internal sealed class ParleyServer : RoomServer
{
    private const string Secret = "a secret of this run alone, not of any installation";
    private readonly string? _dataFolder;
    private readonly NpgsqlDataSource _database;
    private readonly int _postmaster;
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly List<string> _accessTokens = [];
    private readonly List<Guid> _users = [];

    private ParleyServer(ServerProcess process, NpgsqlDataSource database, int postmaster, string? dataFolder) =>
        (Process, _database, _postmaster, _dataFolder) = (process, database, postmaster, dataFolder);

    public override string Name => "Parley";
    public override ServerProcess Process { get; }
    public override bool Acknowledges => true;
    public override TimeSpan DatabaseCpu => ProcessFiles.CpuWithChildren(_postmaster);
    public NpgsqlDataSource Database => _database;

    /// <summary>Starts it in an empty folder, with the embedded database, which <c>initdb</c> makes first.</summary>
    public static async Task<ParleyServer> StartAsync(int port, CancellationToken cancellationToken)
    {
        // Not a private one: started by root, the server runs PostgreSQL as another user.
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"parley-bench-{Environment.ProcessId}-{port}")).FullName;
        ServerProcess? process = null;
        try
        {
            process = await StartProcessAsync(port, new() { ["DATA_DIR"] = folder }, cancellationToken);
            var (postmaster, address) = EmbeddedDatabase.Find(folder);
            return new(process, NpgsqlDataSource.Create(address), postmaster, folder);
        }
        catch
        {
            if (process is not null)
                await process.DisposeAsync();
            Delete(folder);
            throw;
        }
    }

    /// <summary>Starts one more server process on a database that runs already.</summary>
    public static Task<ServerProcess> StartOnAsync(string database, string dataFolder, int port, CancellationToken cancellationToken) =>
        StartProcessAsync(port, new() { ["DATABASE_URL"] = database, ["DATA_DIR"] = dataFolder }, cancellationToken);

    /// <summary>Creates an empty database beside the server's own.</summary>
    /// <returns>Its address, as <c>DATABASE_URL</c> takes it.</returns>
    public async Task<string> CreateDatabaseAsync(string name, CancellationToken cancellationToken)
    {
        await using var create = _database.CreateCommand($"create database {name}");
        await create.ExecuteNonQueryAsync(cancellationToken);
        return new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Database = name }.ConnectionString;
    }

    public override async Task<Wire> PrepareAsync(int connections, int roomSize, CancellationToken cancellationToken)
    {
        await AddUsersAsync(connections - _users.Count, cancellationToken);
        var rooms = Enumerable.Range(0, connections / roomSize).Select(_ => Guid.CreateVersion7()).ToArray();
        await RunAsync(
            """
            insert into conversations (tenant_id, id, kind, handler, last_activity_at, created_at, updated_at)
            select $1, id, 'group', 'agent', now(), now(), now() from unnest($2) id
            """, cancellationToken, _tenant, rooms);
        await RunAsync(
            """
            insert into conversation_members (tenant_id, conversation_id, user_id, joined_at)
            select $1, conversation_id, user_id, now() from unnest($2, $3) as member (conversation_id, user_id)
            """, cancellationToken, _tenant,
            Enumerable.Range(0, rooms.Length * roomSize).Select(index => rooms[index / roomSize]).ToArray(), _users.Take(rooms.Length * roomSize).ToArray());
        return new ParleyWire(connection => (rooms[connection.Room], _accessTokens[connection.Index]));
    }

    public override async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        await Process.DisposeAsync();
        if (_dataFolder is not null)
            Delete(_dataFolder);
    }

    private static Task<ServerProcess> StartProcessAsync(int port, Dictionary<string, string> environment, CancellationToken cancellationToken) =>
        ServerProcess.StartAsync("parley", Repository.Program("src/Parley.Server", "parley-server"), [], new Dictionary<string, string>(environment)
        {
            ["PORT"] = $"{port}",
            ["JWT_SECRET"] = Secret,
            // The load is thousands of clients' on few sockets.
            ["Realtime__InboundFramesPerSecond"] = "0",
        }, port, cancellationToken);

    private async Task AddUsersAsync(int count, CancellationToken cancellationToken)
    {
        if (count <= 0)
            return;
        if (_users.Count == 0)
            await RunAsync("insert into tenants (id, name, created_at) values ($1, 'Bench', now())", cancellationToken, _tenant);
        var users = Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7()).ToArray();
        var sessions = Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7()).ToArray();
        await RunAsync(
            """
            insert into users (tenant_id, id, username, email, full_name, password_hash, role, created_at, last_seen_at)
            select $1, id, 'user-' || id, id || '@example.com', 'Member of the load', '', 'member', now(), now() from unnest($2) id
            """, cancellationToken, _tenant, users);
        await RunAsync(
            """
            insert into sessions (tenant_id, id, user_id, ip, user_agent, created_at, last_seen_at, expires_at)
            select $1, id, user_id, '127.0.0.1', 'parley-load', now(), now(), now() + interval '1 day' from unnest($2, $3) as session (id, user_id)
            """, cancellationToken, _tenant, sessions, users);
        await RunAsync("analyze users, sessions", cancellationToken);
        _users.AddRange(users);
        _accessTokens.AddRange(users.Zip(sessions, AccessToken));
    }

    private async Task RunAsync(string sql, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = _database.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = value is Guid[]? NpgsqlDbType.Array | NpgsqlDbType.Uuid : NpgsqlDbType.Uuid });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>As the server issues it: a JSON Web Token signed with HMAC-SHA256.</summary>
    private string AccessToken(Guid user, Guid session)
    {
        var now = TimeProvider.System.GetUtcNow();
        var claims = JsonSerializer.SerializeToUtf8Bytes(new
        {
            sub = user,
            tid = _tenant,
            sid = session,
            role = "member",
            name = "Member of the load",
            iss = "parley",
            iat = now.ToUnixTimeSeconds(),
            exp = now.AddHours(1).ToUnixTimeSeconds(),
            jti = Guid.CreateVersion7(),
        });
        var signed = $"{Base64Url.EncodeToString("""{"alg":"HS256","typ":"JWT"}"""u8)}.{Base64Url.EncodeToString(claims)}";
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.ASCII.GetBytes(signed)))}";
    }

    private static void Delete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (IOException e)
        {
            Console.WriteLine($"Left behind: {folder} ({e.Message})");
        }
    }
}
