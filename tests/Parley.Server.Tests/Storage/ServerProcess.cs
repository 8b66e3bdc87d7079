using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Parley.Server.Tests.Storage;

/// <summary>The built server as a process of its own, so that it can be killed.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly Task<string> _output;

    private ServerProcess(Process process, Uri address)
    {
        _process = process;
        Address = address;
        _errors = process.StandardError.ReadToEndAsync();
        _output = process.StandardOutput.ReadToEndAsync();
    }

    public Uri Address { get; }

    public int Id => _process.Id;

    /// <param name="limits">Shell commands to run first, such as a <c>ulimit</c>.</param>
    public static ServerProcess Start(string dataFolder, string limits = "true", params (string Name, string Value)[] environment)
    {
        var address = new Uri($"http://127.0.0.1:{FreePort()}");
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"{limits}; exec \"$0\" \"$@\"", Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet"])
        {
            WorkingDirectory = Path.GetTempPath(),
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "parley-server.dll"));
        start.ArgumentList.Add("--urls");
        start.ArgumentList.Add(address.ToString());
        start.Environment["DATA_DIR"] = dataFolder;
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new ServerProcess(Process.Start(start)!, address);
    }

    /// <summary>Waits until it answers requests.</summary>
    public async Task ReadyAsync()
    {
        using var http = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(5) };
        for (var started = Stopwatch.StartNew(); started.Elapsed < TimeSpan.FromSeconds(60);)
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"The server ended with code {_process.ExitCode}: {await _errors}");
            try
            {
                using var answer = await http.GetAsync("/health/ready");
                if (answer.IsSuccessStatusCode)
                    return;
            }
            catch (HttpRequestException)
            {
                // not listening yet
            }
            await Task.Delay(50);
        }
        throw new TimeoutException("The server did not become ready.");
    }

    /// <summary>Ends it as the kernel does when memory is short: nothing of it runs any more.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Asks it to stop, as systemd and Docker do.</summary>
    public async Task<int> StopAsync()
    {
        using var kill = Process.Start("/bin/sh", ["-c", $"kill -TERM {_process.Id}"]);
        return (await EndAsync()).ExitCode;
    }

    /// <summary>Waits for its end.</summary>
    public async Task<(int ExitCode, string Errors)> EndAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await _process.WaitForExitAsync(limit.Token);
        return (_process.ExitCode, await _errors);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await StopAsync();
        await _output;
        _process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
