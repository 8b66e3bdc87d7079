using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Parley.EndToEnd;

/// <summary>The real server as its own process, with an embedded database in a data folder of its own. It can be killed and started again.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan _startLimit = TimeSpan.FromSeconds(60);

    private readonly string _dataFolder = Path.Combine(Path.GetTempPath(), $"parley-{Guid.CreateVersion7():n}");
    private readonly TaskCompletionSource<Uri> _setupLink = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StringBuilder _output = new();
    private Process? _process;

    public ServerProcess()
    {
        // Reachable for the database, which PostgreSQL does not run as root.
        Directory.CreateDirectory(_dataFolder);
        Address = new($"http://localhost:{FreePort()}");
    }

    public Uri Address { get; }

    /// <summary>What the server wrote, for the message of a failed test.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>The one-time link that a first start prints.</summary>
    public Task<Uri> SetupLinkAsync() => _setupLink.Task.WaitAsync(_startLimit);

    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("dotnet", [Checkout.ServerProgram])
        {
            WorkingDirectory = Checkout.Server,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in (string[])["DATABASE_URL", "DB_HOST", "REDIS_URL", "ADMIN_EMAIL", "ADMIN_PASSWORD", "PUBLIC_URL", "ASPNETCORE_URLS"])
            start.Environment.Remove(name);
        start.Environment["PORT"] = Address.Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        start.Environment["DATA_DIR"] = _dataFolder;
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";

        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Heard(line.Data);
        process.ErrorDataReceived += (_, line) => Heard(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
        await BecomeReadyAsync(process);
    }

    /// <summary>As a crash does it: at once, with everything half done.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false } process)
        {
            using (Process.Start("kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)])) { }
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(15));
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync();
            }
        }
        _process?.Dispose();
        Directory.Delete(_dataFolder, recursive: true);
    }

    private async Task BecomeReadyAsync(Process process)
    {
        using var http = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(5) };
        using var limit = new CancellationTokenSource(_startLimit);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (await tick.WaitForNextTickAsync(limit.Token))
        {
            if (process.HasExited)
                throw new InvalidOperationException($"The server ended with {process.ExitCode}:\n{Output}");
            try
            {
                using var ready = await http.GetAsync("/health/ready", limit.Token);
                if (ready.StatusCode is HttpStatusCode.OK)
                    return;
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
        }
    }

    private void Heard(string? line)
    {
        if (line is null)
            return;
        lock (_output)
            _output.AppendLine(line);
        if (SetupLinkPattern().Match(line) is { Success: true } link)
            _setupLink.TrySetResult(new(link.Value));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [GeneratedRegex(@"https?://\S+/setup\?token=[\w-]+")]
    private static partial Regex SetupLinkPattern();
}
