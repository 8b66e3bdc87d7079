using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Parley.Server.Accounts;

namespace Parley.Server.Demo;

/// <summary>Sets the company up once the server listens, then lets the scripted visitors come and go until it stops.</summary>
internal sealed partial class DemoCompany(IServer server, FirstAccount firstAccount, IHostApplicationLifetime lifetime, ILogger<DemoCompany> logger) : BackgroundService
{
    private const int VisitorsAtOnce = 3;
    private const string Administrator = "ada@demo.example";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var whenStarted = lifetime.ApplicationStarted.Register(started.SetResult);
        try
        {
            await started.Task.WaitAsync(stoppingToken);
            var address = OwnAddress();
            using var client = new DemoClient(address);
            if (await SetUpAsync(client, stoppingToken) is { } widgetKey)
                await Task.WhenAll(Enumerable.Range(0, VisitorsAtOnce).Select(first => ReceiveVisitorsAsync(address, widgetKey, first, stoppingToken)));
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
        catch (HttpRequestException e)
        {
            LogRefused(e.Message);
        }
    }

    /// <summary>Makes the company and signs nobody in; the widget's key, or null when the installation has people already.</summary>
    private async Task<string?> SetUpAsync(DemoClient client, CancellationToken cancellationToken)
    {
        var state = await client.GetAsync("/api/v1/auth/state", cancellationToken);
        if (!state["setup_required"]!.GetValue<bool>())
        {
            LogNotEmpty();
            return null;
        }

        // A secret of this run alone, shown to whoever started it.
        var password = RandomNumberGenerator.GetString("abcdefghijkmnpqrstuvwxyz23456789", 12);
        var session = await client.PostAsync("/api/v1/auth/register",
            new JsonObject { ["username"] = "ada", ["email"] = Administrator, ["password"] = password, ["full_name"] = "Ada Lovelace", ["setup_token"] = firstAccount.SetupToken }, cancellationToken);
        client.SignIn(session["access_token"]!.GetValue<string>());

        await client.PostAsync("/api/v1/ai/providers",
            new JsonObject
            {
                ["name"] = "simulator",
                ["type"] = "simulator",
                ["settings"] = new JsonObject { ["first_token_ms"] = 600, ["tokens_per_second"] = 30 },
            }, cancellationToken);
        var simulator = new JsonArray(new JsonObject { ["provider"] = "simulator", ["model"] = "simulator" });
        await client.SendAsync(HttpMethod.Put, "/api/v1/ai/routes",
            new JsonObject { ["chat"] = simulator, ["support"] = simulator.DeepClone(), ["summary"] = simulator.DeepClone() }, cancellationToken);

        foreach (var (username, fullName, role) in _people)
        {
            await client.PostAsync("/api/v1/users",
                new JsonObject
                {
                    ["username"] = username,
                    ["email"] = $"{username}@demo.example",
                    ["full_name"] = fullName,
                    ["role"] = role,
                    ["password"] = RandomNumberGenerator.GetString("abcdefghijkmnpqrstuvwxyz23456789", 20),
                }, cancellationToken);
        }
        foreach (var (shortcut, body) in _snippets)
            await client.PostAsync("/api/v1/canned-replies", new JsonObject { ["shortcut"] = shortcut, ["body"] = body }, cancellationToken);
        var widget = await client.SendAsync(HttpMethod.Patch, "/api/v1/widget/settings",
            new JsonObject { ["title"] = "Lighthouse Lamps", ["greeting"] = "Hello! Ask us anything about our lamps." }, cancellationToken);

        LogReady(OwnAddress(), Administrator, password);
        return widget["widget_key"]!.GetValue<string>();
    }

    /// <summary>One visitor after the other, each with the next script.</summary>
    private async Task ReceiveVisitorsAsync(Uri address, string widgetKey, int first, CancellationToken cancellationToken)
    {
        for (var n = first; ; n += VisitorsAtOnce)
        {
            var script = ScriptedVisitor.Scripts[n % ScriptedVisitor.Scripts.Count];
            try
            {
                await Task.Delay(TimeSpan.FromSeconds(2 + (first * 5)), cancellationToken);
                await new ScriptedVisitor(address, widgetKey, script).VisitAsync(cancellationToken);
            }
            catch (Exception e) when (e is HttpRequestException or WebSocketException)
            {
                LogVisitorLeft(script.Name, e.Message);
            }
            await Task.Delay(TimeSpan.FromSeconds(30), cancellationToken);
        }
    }

    /// <summary>Whatever it listens on, it is reached from here.</summary>
    private Uri OwnAddress() => new($"http://localhost:{BindingAddress.Parse(server.Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port}");

    private static readonly (string Username, string FullName, string Role)[] _people =
    [
        ("bo", "Bo Diddley", "agent"), ("mei", "林美", "agent"), ("grace", "Grace Hopper", "supervisor"), ("linus", "Linus Pauling", "member"),
    ];

    private static readonly (string Shortcut, string Body)[] _snippets =
    [
        ("hello", "Hello, thank you for writing to Lighthouse Lamps. How can I help?"),
        ("return", "You can send any lamp back within 30 days. I will mail you a label now."),
        ("delay", "I am sorry for the wait. The carrier tells us that your parcel arrives tomorrow."),
        ("你好", "您好，这里是灯塔灯具客服，请问有什么可以帮您？"),
    ];

    [LoggerMessage(LogLevel.Information, "Demo: {Address} as {Email} with the password {Password}; the widget is at {Address}demo")]
    private partial void LogReady(Uri address, string email, string password);

    [LoggerMessage(LogLevel.Warning, "Demo: this installation has people already, so nothing is made up; start with an empty DATA_DIR")]
    private partial void LogNotEmpty();

    [LoggerMessage(LogLevel.Warning, "Demo: setting up failed: {Problem}")]
    private partial void LogRefused(string problem);

    [LoggerMessage(LogLevel.Information, "Demo: the visitor {Name} left early: {Problem}")]
    private partial void LogVisitorLeft(string name, string problem);
}
