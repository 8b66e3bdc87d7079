using Parley.Peers;

// One server per process, with the framework's defaults, as its users have them: parley-peers <kestrel|signalr> <port>
if (args is not [("kestrel" or "signalr") and var mode, var port])
{
    await Console.Error.WriteLineAsync("usage: parley-peers <kestrel|signalr> <port>");
    return 2;
}
var builder = WebApplication.CreateBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
if (mode is "signalr")
    builder.AddSignalRPeer();

var app = builder.Build();
app.MapGet("/health/ready", () => "ready");
if (mode is "signalr")
    app.MapSignalRPeer();
else
    app.MapKestrelPeer();
await app.RunAsync();
return 0;
