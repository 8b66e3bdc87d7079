using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Parley.Server.Storage.Embedded;

/// <summary>
/// A PostgreSQL of our own: a child process with a private folder and a Unix socket in it, started before the first query and stopped after the last.
/// One server at a time uses a data folder. A PostgreSQL that a killed server left behind is stopped in good order and a new one started; one
/// that dies while we run is started again. Nothing that was committed is lost in either case.
/// </summary>
internal sealed partial class EmbeddedPostgres(DataFolder data, ILogger<EmbeddedPostgres> logger) : IAsyncDisposable
{
    private const string Role = "parley";
    private const int SignalInterrupt = 2;
    private const int SignalQuit = 3;
    private const UnixFileMode OnlyOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private static readonly string[] _failures = ["FATAL:", "PANIC:", "error:", "could not", "cannot"];

    private static readonly string[] _settings =
    [
        "listen_addresses=",
        "unix_socket_permissions=0700",
        "max_connections=120",
        "shared_buffers=64MB",
        "huge_pages=off",
        "io_method=sync", // no pool of reader processes: the data is small and mostly cached
        "max_worker_processes=2",
        "max_parallel_workers_per_gather=0",
        "max_wal_size=512MB",
        "wal_buffers=4MB",
        "checkpoint_timeout=15min",
        "jit=off",
        "log_checkpoints=off",
        "timezone=UTC",
        "log_timezone=UTC",
        "lc_messages=C",
    ];

    // Its own session: a Ctrl-C in the terminal reaches us, and PostgreSQL only when we are done with it. exec, so that the child is PostgreSQL itself.
    private const string Launch =
        """
        umask 077; log=$1; shift; exec >>"$log" 2>&1 </dev/null
        if command -v setsid >/dev/null 2>&1; then exec setsid "$@"; fi
        exec perl -MPOSIX=setsid -e 'setsid(); exec { $ARGV[0] } @ARGV' "$@"
        """;

    // May be a link to a place elsewhere, for a user who cannot pass through the data folder: PostgreSQL's programs are told the place itself.
    private readonly string _link = data["postgres"];
    private readonly CancellationTokenSource _stopping = new();
    private FileStream? _lock;
    private PostgresUser _user = PostgresUser.Ourselves;
    private PostgresProgram? _program;
    private Process? _process;
    private Task _watch = Task.CompletedTask;

    /// <summary>How to connect; known before it runs.</summary>
    public string ConnectionString => DatabaseAddress.WithDefaults(new NpgsqlConnectionStringBuilder
    {
        Host = SocketFolder,
        Username = Role,
        Database = "postgres",
        SslMode = SslMode.Disable,
        MaxPoolSize = 50,
    }).ConnectionString;

    /// <summary>The child's process id, while it runs.</summary>
    internal int? ProcessId => _process?.Id;

    private static bool IsPlain(string path) => path.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '.' or '-');

    private string Home => new DirectoryInfo(_link).LinkTarget ?? _link;

    private string Cluster => Path.Combine(Home, _program!.Major);

    private string Log => Path.Combine(Home, "postgres.log");

    /// <summary>
    /// Where the socket is: beside the cluster, unless that path is too long for a socket (107 bytes; macOS 103) or has characters that mean something in
    /// a list of hosts; then in a short private folder of its own.
    /// </summary>
    private string SocketFolder
    {
        get
        {
            var beside = Path.Combine(_link, "run");
            if (beside.Length <= 80 && IsPlain(beside))
                return beside;
            var name = $"parley-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_link)).AsSpan(0, 6))}";
            var runtime = Environment.IsPrivilegedProcess ? "/run" : Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
            return Path.Combine(Directory.Exists(runtime) && runtime.Length < 60 && IsPlain(runtime) ? runtime : "/tmp", name);
        }
    }

    /// <summary>Starts it; on the first start makes the cluster. Returns when it takes connections.</summary>
    /// <exception cref="StartupException">It cannot run here, or another server uses the data folder.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        data.Create();
        await TakeLockAsync(cancellationToken);
        try
        {
            await PrepareAsync(cancellationToken);
            await StopOrphanAsync(cancellationToken);
            await LaunchAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"the embedded PostgreSQL cannot use {_link}: {e.Message}", e);
        }
        _watch = WatchAsync();
    }

    /// <summary>Stops it in good order: what is committed is on the disk, and no recovery is needed at the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_lock is null)
            return;
        await _stopping.CancelAsync();
        await _watch;
        if (_process is { HasExited: false })
        {
            LogStopping();
            _ = Kill(_process.Id, SignalInterrupt);
            using var limit = new CancellationTokenSource(_patience);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                LogStoppedByForce();
                _ = Kill(_process.Id, SignalQuit);
            }
        }
        _process?.Dispose();
        await _lock.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task TakeLockAsync(CancellationToken cancellationToken)
    {
        var path = data["server.lock"];
        try
        {
            // The kernel gives the lock back when we die, in whatever way.
            _lock = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            _lock.SetLength(0);
            await _lock.WriteAsync(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)), cancellationToken);
            await _lock.FlushAsync(cancellationToken);
        }
        catch (IOException) when (File.Exists(path))
        {
            var (_, holder) = await PostgresUser.Ourselves.RunAsync("cat", [path], "/", cancellationToken); // .NET does not open a locked file
            throw new StartupException($"another server (process {holder}) uses the data folder {data.Root}: stop it first, or give this one another DATA_DIR.");
        }
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        _user = await PostgresUser.ChooseAsync(_link, cancellationToken);
        if (!Directory.Exists(_link))
            await MakeHomeAsync(cancellationToken);
        MakeSocketFolder();
        await _user.OwnAsync([Home, SocketFolder], cancellationToken);
        if (!await _user.CanReachAsync(Path.GetDirectoryName(Home)!, cancellationToken))
            throw new StartupException($"PostgreSQL runs as the user {_user.Name}, who cannot reach {Home}: set DATA_DIR to a folder that others may enter.");
        _program = PostgresProgram.Prepare(Home, forAnotherUser: _user.Name is not null);
        if (!File.Exists(Path.Combine(Cluster, "PG_VERSION")))
            await MakeClusterAsync(cancellationToken);
    }

    /// <summary>Makes our part of the data folder. When PostgreSQL's user cannot get there (a checkout in root's home), it is a link to a place of the machine's.</summary>
    private async Task MakeHomeAsync(CancellationToken cancellationToken)
    {
        if (new DirectoryInfo(_link).LinkTarget is { } lost)
            throw new StartupException($"{_link} is a link to {lost}, which is not there any more. Bring it back, or remove the link to begin with an empty database.");
        if (await _user.CanReachAsync(data.Root, cancellationToken))
        {
            DataFolder.CreatePrivate(_link);
            return;
        }
        var place = Path.Combine("/var/lib/parley", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(data.Root)).AsSpan(0, 6)));
        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        DataFolder.CreatePrivate(place);
        Directory.CreateSymbolicLink(_link, place);
        LogElsewhere(data.Root, _user.Name!, place);
    }

    private void MakeSocketFolder()
    {
        var folder = SocketFolder;
        if (new DirectoryInfo(folder) is { Exists: true, LinkTarget: not null })
            throw new StartupException($"{folder} is a link; PostgreSQL's socket goes into a folder of our own there. Remove it.");
        if (!Directory.Exists(folder))
            DataFolder.CreatePrivate(folder);
        File.SetUnixFileMode(folder, OnlyOwner); // fails when somebody else made it, in /tmp
    }

    private async Task MakeClusterAsync(CancellationToken cancellationToken)
    {
        var unfinished = Cluster + ".new";
        if (Directory.Exists(unfinished))
            Directory.Delete(unfinished, recursive: true); // interrupted half way
        string[] arguments =
        [
            "-D", unfinished, "-U", Role, "-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth=peer", "--no-instructions",
        ];
        var (exitCode, output) = await _user.RunAsync(_program!["initdb"], arguments, Home, cancellationToken);
        if (exitCode != 0)
            throw new StartupException($"the embedded PostgreSQL cannot make its database in {Cluster}: {Reason(output)}");
        Directory.Move(unfinished, Cluster);
    }

    /// <summary>Stops a PostgreSQL that a killed server left running on our cluster, and removes a pid file that names a process which is not it.</summary>
    private async Task StopOrphanAsync(CancellationToken cancellationToken)
    {
        var pidFile = Path.Combine(Cluster, "postmaster.pid");
        if (!File.Exists(pidFile))
            return;
        var lines = await File.ReadAllLinesAsync(pidFile, cancellationToken);
        if (lines is not [var first, ..] || !int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
            return;
        if (!await IsOurPostmasterAsync(pid, cancellationToken))
        {
            // PostgreSQL itself clears away the file of a dead process, but takes any living one of that number, after a reboot, for its twin.
            File.Delete(pidFile);
            return;
        }
        LogOrphan(pid);
        foreach (var signal in (int[])[SignalInterrupt, SignalQuit])
        {
            _ = Kill(pid, signal);
            for (var waited = Stopwatch.StartNew(); waited.Elapsed < _patience;)
            {
                if (!await IsOurPostmasterAsync(pid, cancellationToken))
                    return;
                await Task.Delay(10, cancellationToken);
            }
        }
        throw new StartupException($"an earlier PostgreSQL (process {pid}) runs on {Cluster} and does not stop.");
    }

    /// <summary>Whether <paramref name="pid"/> is a PostgreSQL on our cluster: the folder it works in has the very same pid file.</summary>
    private async Task<bool> IsOurPostmasterAsync(int pid, CancellationToken cancellationToken)
    {
        if (Directory.Exists("/proc/self"))
        {
            try
            {
                return await File.ReadAllTextAsync($"/proc/{pid}/cwd/postmaster.pid", cancellationToken)
                    == await File.ReadAllTextAsync(Path.Combine(Cluster, "postmaster.pid"), cancellationToken);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false; // gone, or somebody else's
            }
        }
        var (_, command) = await PostgresUser.Ourselves.RunAsync(
            "ps", ["-ww", "-o", "command=", "-p", pid.ToString(CultureInfo.InvariantCulture)], "/", cancellationToken);
        return command.Contains(Cluster, StringComparison.Ordinal);
    }

    private async Task LaunchAsync(CancellationToken cancellationToken)
    {
        LetIn();
        var logged = File.Exists(Log) ? new FileInfo(Log).Length : 0;
        if (logged > 10_000_000)
        {
            File.Delete(Log);
            logged = 0;
        }
        var sockets = SocketFolder == Path.Combine(_link, "run") ? Path.Combine(Home, "run") : SocketFolder;
        var process = _user.Start(
            "/bin/sh",
            ["-c", Launch, "sh", Log, _program!["postgres"], "-D", Cluster, "-k", sockets, .. _settings.SelectMany(setting => (string[])["-c", setting])],
            Home);
        process.StandardInput.Close();
        try
        {
            var started = Stopwatch.StartNew();
            while (!IsReady(process.Id))
            {
                if (process.HasExited)
                    throw new StartupException($"the embedded PostgreSQL does not start: {Reason(ReadLog(logged) + await process.StandardError.ReadToEndAsync(cancellationToken))}");
                // No limit: after a crash it may have to recover, and says so in its log.
                await Task.Delay(started.Elapsed < TimeSpan.FromSeconds(2) ? 5 : 200, cancellationToken);
            }
            LogStarted(process.Id, started.ElapsedMilliseconds);
        }
        catch
        {
            if (!process.HasExited)
                _ = Kill(process.Id, SignalInterrupt);
            process.Dispose();
            throw;
        }
        _process = process;
    }

    /// <summary>Lets in, without a password, who the kernel says is our own user or root; nobody else can reach the socket either.</summary>
    private void LetIn()
    {
        WriteIfChanged("pg_hba.conf", $"local all {Role} peer map=parley\n");
        WriteIfChanged("pg_ident.conf", $"parley root {Role}\nparley \"{Environment.UserName}\" {Role}\n");

        void WriteIfChanged(string name, string text)
        {
            var path = Path.Combine(Cluster, name);
            if (!File.Exists(path) || File.ReadAllText(path) != text)
                File.WriteAllText(path, text);
        }
    }

    private bool IsReady(int pid)
    {
        var pidFile = Path.Combine(Cluster, "postmaster.pid");
        try
        {
            // Lines: pid, folder, start time, port, socket folder, address, shared memory, status
            return File.ReadAllLines(pidFile) is [var first, _, _, _, _, _, _, var status, ..]
                && first == pid.ToString(CultureInfo.InvariantCulture) && status.StartsWith("ready", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Starts it again whenever it dies, until we stop.</summary>
    private async Task WatchAsync()
    {
        var pause = TimeSpan.Zero;
        while (true)
        {
            try
            {
                await _process!.WaitForExitAsync(_stopping.Token);
                LogDied(_process.ExitCode, Log);
                await Task.Delay(pause, _stopping.Token);
                pause = TimeSpan.FromSeconds(Math.Min(pause.TotalSeconds * 2 + 1, 30));
                var died = _process;
                await LaunchAsync(_stopping.Token);
                died.Dispose();
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is StartupException or IOException or UnauthorizedAccessException)
            {
                LogNotRestarted(e.Message);
            }
        }
    }

    private string ReadLog(long from)
    {
        if (!File.Exists(Log))
            return "";
        using var log = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        log.Seek(from, SeekOrigin.Begin);
        using var reader = new StreamReader(log);
        return reader.ReadToEnd();
    }

    /// <summary>The line of a program's output that says why it failed.</summary>
    private static string Reason(string output)
    {
        var lines = output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return lines.FirstOrDefault(line => _failures.Any(word => line.Contains(word, StringComparison.Ordinal))) ?? lines.LastOrDefault() ?? "it says nothing.";
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);

    [LoggerMessage(LogLevel.Information, "The embedded PostgreSQL runs as process {ProcessId}, started in {Milliseconds} ms")]
    private partial void LogStarted(int processId, long milliseconds);

    [LoggerMessage(LogLevel.Debug, "Stopping the embedded PostgreSQL")]
    private partial void LogStopping();

    [LoggerMessage(LogLevel.Warning, "The embedded PostgreSQL did not stop in time and was told to break off; it recovers at the next start")]
    private partial void LogStoppedByForce();

    [LoggerMessage(LogLevel.Warning, "An earlier server left its PostgreSQL running (process {ProcessId}): stopping it in good order")]
    private partial void LogOrphan(int processId);

    [LoggerMessage(LogLevel.Information, "{DataFolder} is closed to {User}, who runs PostgreSQL: its files are in {Place}")]
    private partial void LogElsewhere(string dataFolder, string user, string place);

    [LoggerMessage(LogLevel.Error, "The embedded PostgreSQL ended with code {ExitCode}, which it should not: starting it again; its log is {Log}")]
    private partial void LogDied(int exitCode, string log);

    [LoggerMessage(LogLevel.Error, "The embedded PostgreSQL could not be started again: {Reason}")]
    private partial void LogNotRestarted(string reason);
}
