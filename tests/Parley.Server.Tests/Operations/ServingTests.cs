using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Parley.Server.Accounts;
using Parley.Server.Operations;
using Xunit;

namespace Parley.Server.Tests.Operations;

public sealed class ServingTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task Health_says_what_there_is_to_say()
    {
        var health = await server.CreateClient().GetFromJsonAsync<JsonElement>("/health");

        Assert.Equal(("up", "parley", "up"), (
            health.GetProperty("status").GetString(), health.GetProperty("service").GetString(),
            health.GetProperty("checks").GetProperty("database").GetProperty("status").GetString()));
    }

    [Fact]
    public async Task Metrics_satisfy_Prometheus_own_checker_and_tell_of_requests()
    {
        await server.CreateClient().GetAsync("/api/v1/auth/state");
        var metrics = await server.CreateClient().GetStringAsync("/metrics");

        using var promtool = Process.Start(new ProcessStartInfo("promtool", "check metrics") { RedirectStandardInput = true, RedirectStandardError = true })!;
        await promtool.StandardInput.WriteAsync(metrics);
        promtool.StandardInput.Close();
        var complaints = await promtool.StandardError.ReadToEndAsync();
        await promtool.WaitForExitAsync();

        Assert.Equal("", complaints);
        Assert.Contains("http_route=\"/api/v1/auth/state\"", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_document_describes_the_versioned_routes_alone_in_the_wires_own_names()
    {
        var document = await server.CreateClient().GetFromJsonAsync<JsonElement>("/openapi/v1.json");
        var paths = document.GetProperty("paths").EnumerateObject().ToList();

        Assert.All(paths, path => Assert.StartsWith("/api/v1/", path.Name, StringComparison.Ordinal));
        var login = document.GetProperty("paths").GetProperty("/api/v1/auth/login").GetProperty("post");
        Assert.Contains("email or username", login.GetProperty("summary").GetString(), StringComparison.Ordinal);
        Assert.Contains("invalid_credentials", login.ToString(), StringComparison.Ordinal);
        Assert.True(document.GetProperty("components").GetProperty("schemas").GetProperty("SessionResponse").GetProperty("properties").TryGetProperty("access_token", out _));
        Assert.Equal("http", document.GetProperty("components").GetProperty("securitySchemes").GetProperty("bearer").GetProperty("type").GetString());
    }

    [Fact]
    public async Task Every_operation_of_the_document_has_a_name_and_a_summary_or_says_all_in_its_name()
    {
        var document = await server.CreateClient().GetFromJsonAsync<JsonElement>("/openapi/v1.json");
        var operations = document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(operation => (Path: $"{operation.Name} {path.Name}", operation.Value))).ToList();

        var nameless = operations.Where(operation => !operation.Value.TryGetProperty("operationId", out _)).Select(operation => operation.Path);
        var twice = operations.GroupBy(operation => operation.Value.GetProperty("operationId").GetString()).Where(group => group.Count() > 1).Select(group => group.Key);

        Assert.Empty(nameless);
        Assert.Empty(twice);
    }

    [Fact]
    public async Task The_table_of_roles_shows_every_route()
    {
        var page = await server.CreateClient().GetStringAsync("/docs/access");

        Assert.Contains("<code>/api/v1/users/{id:guid}</code>", page, StringComparison.Ordinal);
    }
}

public sealed class RateLimitTests(RateLimitTests.SmallServer server) : IClassFixture<RateLimitTests.SmallServer>
{
    [Fact]
    public async Task A_caller_is_told_what_is_left_and_then_when_to_come_back()
    {
        var member = await server.SignInAsync(Role.Member);
        var answers = new List<HttpResponseMessage>();
        for (var i = 0; i < 4; i++)
            answers.Add(await member.Http.GetAsync("/api/v1/auth/me"));

        server.Time.Advance(answers[^1].Headers.RetryAfter!.Delta!.Value);
        var later = await member.Http.GetAsync("/api/v1/auth/me");

        Assert.Equal(["2", "1", "0", "0"], answers.Select(answer => answer.Headers.GetValues("RateLimit-Remaining").Single()));
        Assert.Equal(HttpStatusCode.TooManyRequests, answers[^1].StatusCode);
        Assert.Equal("rate_limited", (await answers[^1].Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        Assert.Equal("3", answers[0].Headers.GetValues("RateLimit-Limit").Single());
        Assert.Equal(HttpStatusCode.OK, later.StatusCode);
    }

    [Fact]
    public async Task One_callers_limit_is_not_anothers_and_health_has_none()
    {
        var one = await server.SignInAsync(Role.Member);
        for (var i = 0; i < 4; i++)
            await one.Http.GetAsync("/api/v1/auth/me");

        Assert.Equal(HttpStatusCode.OK, (await (await server.SignInAsync(Role.Member)).Http.GetAsync("/api/v1/auth/me")).StatusCode);
        for (var i = 0; i < 5; i++)
            Assert.Equal(HttpStatusCode.OK, (await server.CreateClient().GetAsync("/health/live")).StatusCode);
    }

    [Fact]
    public void An_address_of_IPv6_counts_with_its_whole_subnet() =>
        Assert.Equal(RateLimits.KeyOf(IPAddress.Parse("2001:db8:1:2::1")), RateLimits.KeyOf(IPAddress.Parse("2001:db8:1:2:ffff::9")));

    public sealed class SmallServer : TestServer
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            base.ConfigureWebHost(builder);
            builder.UseSetting("RATE_LIMIT", "3");
        }
    }
}

public sealed class LostDatabaseTests : IAsyncLifetime
{
    private readonly TestServer _server = new();

    public Task InitializeAsync() => _server.InitializeAsync();

    public Task DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Without_its_database_the_server_says_503_and_with_it_goes_on_by_itself()
    {
        var member = await _server.SignInAsync(Role.Member);
        await member.Http.GetAsync("/api/v1/auth/me");
        var name = _server.Database.Name;

        await OnAnotherDatabaseAsync($"alter database {name} allow_connections false");
        await OnAnotherDatabaseAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
        var (call, ready, live) = (await member.Http.GetAsync("/api/v1/auth/me"), await member.Http.GetAsync("/health/ready"), await member.Http.GetAsync("/health/live"));
        await OnAnotherDatabaseAsync($"alter database {name} allow_connections true");
        var after = await member.Http.GetAsync("/api/v1/auth/me");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "database_unavailable"), (call.StatusCode, (await call.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()));
        Assert.NotNull(call.Headers.RetryAfter);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK), (ready.StatusCode, live.StatusCode));
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
    }

    private async Task OnAnotherDatabaseAsync(string sql)
    {
        var address = new Npgsql.NpgsqlConnectionStringBuilder(_server.Database.ConnectionString) { Database = "postgres", Pooling = false };
        await using var connection = new Npgsql.NpgsqlConnection(address.ConnectionString);
        await connection.OpenAsync();
        await using var command = new Npgsql.NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
