using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Parley.Load.Client;

namespace Parley.Load.Servers;

/// <summary>A server under load, in a process of its own. Its output goes to a file; disposing stops it, gently and then not.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan _startLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _stopLimit = TimeSpan.FromSeconds(15);
    private readonly Process _process;
    private readonly TextWriter _log;

    private ServerProcess(Process process, TextWriter log, int port)
    {
        (_process, _log, Port) = (process, log, port);
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
    }

    public int Port { get; }
    public int Id => _process.Id;

    /// <summary>From the start of the process to the first 200 of <c>/health/ready</c>.</summary>
    public TimeSpan StartUp { get; private set; }

    public TimeSpan Cpu => ProcessFiles.Cpu(Id);

    /// <summary>Starts <paramref name="program"/> and waits until it is ready.</summary>
    /// <exception cref="IOException">It ended, or was not ready in time; the message holds the end of its output.</exception>
    public static async Task<ServerProcess> StartAsync(
        string name, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, int port, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(program),
        };
        foreach (var (key, value) in environment)
            start.Environment[key] = value;
        var folder = Directory.CreateDirectory(Path.Combine(Repository.Artifacts, "logs"));
        var log = TextWriter.Synchronized(new StreamWriter(Path.Combine(folder.FullName, $"{name}.log"), append: true));

        var started = Stopwatch.GetTimestamp();
        var process = Process.Start(start) ?? throw new IOException($"{program} did not start.");
        var server = new ServerProcess(process, log, port);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            while (!await IsReadyAsync(port, cancellationToken))
            {
                if (process.HasExited || Stopwatch.GetElapsedTime(started) > _startLimit)
                    throw new IOException($"{name} was not ready on port {port}; its output is in {folder.FullName}.");
                await Task.Delay(TimeSpan.FromMilliseconds(2), cancellationToken);
            }
            server.StartUp = Stopwatch.GetElapsedTime(started);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _ = Libc.Kill(Id, Libc.Terminate);
            using var limit = new CancellationTokenSource(_stopLimit);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }
        _process.Dispose();
        await _log.DisposeAsync();
    }

    private static async Task<bool> IsReadyAsync(int port, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            await socket.SendAsync("GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"u8.ToArray(), cancellationToken);
            var answer = new byte[64];
            var received = await socket.ReceiveAsync(answer, cancellationToken);
            return answer.AsSpan(0, received).StartsWith("HTTP/1.1 200"u8);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Keep(string? line)
    {
        if (line is not null)
            _log.WriteLine(line);
    }
}
