using Parley.Server.Accounts;
using Parley.Server.Assistants;
using Parley.Server.Conversations;
using Parley.Server.Demo;
using Parley.Server.Operations;
using Parley.Server.Realtime;
using Parley.Server.Storage;

StartupException.ExplainUnhandled();
var builder = WebApplication.CreateSlimBuilder(args);

// Modules, each below the ones it uses
builder.AddStorage();
builder.AddOperations();
builder.AddRealtime();
builder.AddAccounts();
builder.AddConversations();
builder.AddAssistants();
builder.AddDemo();

var app = builder.Build();

// Pipeline: the order is the behaviour
app.UseOperations();
app.UseAuthentication();
app.UseTenant();
app.UseRateLimits();
app.UseAuthorization();
app.UseIdempotency();

// Routes
app.MapOperations();
app.MapAccessPage();
var api = app.MapGroup("/api/v1").RequireAuthorization();
api.MapAccounts();
api.MapConversations();
api.MapAssistants();
app.MapConversationSockets();

try
{
    await app.Services.MigrateAsync(app.Lifetime.ApplicationStopping);
    await app.Services.PrepareFirstAccountAsync(app.Lifetime.ApplicationStopping);
    await app.RunAsync();
    return 0;
}
catch (Exception e) when (StartupException.Explain(e) is { } reason)
{
    await Console.Error.WriteLineAsync($"Parley cannot start: {reason}");
    return 1;
}
finally
{
    await app.DisposeAsync();
}

/// <summary>The server; public so that tests can host it.</summary>
public sealed partial class Program;
