using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Operations;

public sealed class SettingsTests
{
    [Theory]
    [InlineData("PORT", "80800")]
    [InlineData("LOG_FORMAT", "xml")]
    [InlineData("RATE_LIMIT", "many")]
    [InlineData("TRUSTED_PROXIES", "10.0.0.0/8, nowhere")]
    [InlineData("REGISTRATION", "maybe")]
    [InlineData("PUBLIC_URL", "parley.example")]
    [InlineData("ADMIN_EMAIL", "nobody")]
    [InlineData("JWT_SECRET", "short")]
    public async Task A_bad_value_stops_the_start_with_one_line_that_names_it(string name, string value)
    {
        await using var database = await TestDatabase.CreateAsync();
        var start = new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["DATABASE_URL"] = database.ConnectionString;
        start.Environment["DATA_DIR"] = Directory.CreateTempSubdirectory("parley-test-").FullName;
        start.Environment["HOST"] = "127.0.0.1";
        start.Environment["PORT"] = "0";
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        start.Environment.Remove("PORT");
        start.Environment[name] = value;

        using var server = Process.Start(start)!;
        var (output, errors) = (server.StandardOutput.ReadToEndAsync(), server.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        try
        {
            await server.WaitForExitAsync(limit.Token);
        }
        finally
        {
            if (!server.HasExited)
                server.Kill();
        }

        var line = Assert.Single((await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(name, line, StringComparison.Ordinal);
        Assert.NotEqual(0, server.ExitCode);
        Assert.DoesNotContain("   at ", await output, StringComparison.Ordinal);
    }
}

public sealed class ConfiguredServerTests(ConfiguredServerTests.ConfiguredServer server) : IClassFixture<ConfiguredServerTests.ConfiguredServer>
{
    [Fact]
    public async Task The_administrator_of_the_environment_can_sign_in_and_no_setup_is_owed()
    {
        var login = await server.CreateClient().PostAsJsonAsync("/api/v1/auth/login", new { email = "root@example.com", password = "correct horse" });
        var state = await server.CreateClient().GetFromJsonAsync<JsonElement>("/api/v1/auth/state");

        Assert.Equal("admin", (await login.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("user").GetProperty("role").GetString());
        Assert.False(state.GetProperty("setup_required").GetBoolean());
        Assert.Equal("open", state.GetProperty("registration").GetString());
    }

    [Fact]
    public async Task Metrics_ask_for_their_token()
    {
        var client = server.CreateClient();
        var without = await client.GetAsync("/metrics");
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "prometheus");

        Assert.Equal(HttpStatusCode.Unauthorized, without.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/metrics")).StatusCode);
    }

    [Theory]
    [InlineData("https://desk.example", true)]
    [InlineData("https://evil.example", false)]
    public async Task Pages_of_the_named_origins_may_call_with_a_users_token(string origin, bool may)
    {
        using var preflight = new HttpRequestMessage(HttpMethod.Options, "/api/v1/users") { Headers = { { "Origin", origin }, { "Access-Control-Request-Method", "GET" } } };

        var answer = await server.CreateClient().SendAsync(preflight);

        Assert.Equal(may, answer.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Behind_a_trusted_proxy_the_address_is_the_clients()
    {
        var client = server.CreateClient();
        client.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.9");

        var login = await (await client.PostAsJsonAsync("/api/v1/auth/login", new { email = "root@example.com", password = "correct horse" })).Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal(1, await server.Database.QueryAsync<long>("select count(*) from sessions where ip = '203.0.113.9'"));
        Assert.NotNull(login.GetProperty("access_token").GetString());
    }

    [Fact]
    public async Task A_token_that_is_made_with_the_configured_secret_elsewhere_needs_a_session_here()
    {
        var tokens = new AccessTokens(new SigningKey(System.Text.Encoding.UTF8.GetBytes(ConfiguredServer.Secret)), server.Time);
        var client = server.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", tokens.IssueUser(server.TenantId, Guid.CreateVersion7(), Guid.CreateVersion7(), Role.Admin, "Forged", isOperator: true));

        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/api/v1/users")).StatusCode);
    }

    [Fact]
    public async Task An_access_token_in_the_query_is_taken_and_stands_in_no_line_of_the_log()
    {
        var member = await server.SignInAsync(Role.Member);

        var answer = await server.CreateClient().GetAsync($"/api/v1/auth/me?access_token={member.Token}");
        await server.CreateClient().GetAsync($"/api/v1/users/nobody?access_token={member.Token}&limit=x");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains(server.Log, line => line.Contains("/api/v1/auth/me", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Log, line => line.Contains(member.Token, StringComparison.Ordinal));
    }

    public sealed class ConfiguredServer : TestServer
    {
        public const string Secret = "a secret of more than thirty-two characters";

        /// <summary>All that is logged at the most talkative level.</summary>
        public ConcurrentQueue<string> Log { get; } = new();

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            base.ConfigureWebHost(builder);
            builder.UseSetting("ADMIN_EMAIL", "root@example.com");
            builder.UseSetting("ADMIN_PASSWORD", "correct horse");
            builder.UseSetting("REGISTRATION", "open");
            builder.UseSetting("METRICS_TOKEN", "prometheus");
            builder.UseSetting("CORS_ORIGINS", "https://desk.example, https://other.example");
            builder.UseSetting("JWT_SECRET", Secret);
            builder.UseSetting("Logging:LogLevel:Default", "Trace");
            builder.UseSetting("Logging:LogLevel:Microsoft", "Trace");
            builder.ConfigureLogging(logs => logs.AddProvider(new Recorder(Log)));
        }

        private sealed class Recorder(ConcurrentQueue<string> log) : ILoggerProvider, ILogger, ISupportExternalScope
        {
            private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

            public ILogger CreateLogger(string categoryName) => this;

            public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

            public IDisposable? BeginScope<TState>(TState state) where TState : notnull => _scopes.Push(state);

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                _scopes.ForEachScope((scope, lines) => lines.Enqueue($"{scope}"), log);
                log.Enqueue($"{formatter(state, exception)} {exception}");
            }

            public void Dispose()
            {
            }
        }
    }
}
