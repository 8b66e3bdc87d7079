using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Accounts;

public sealed class SignInTests : IAsyncLifetime
{
    private readonly TestServer _server = new();
    private HttpClient _anybody = null!;

    public async Task InitializeAsync()
    {
        await _server.InitializeAsync();
        _anybody = _server.CreateClient();
    }

    public Task DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task The_first_account_made_with_the_setup_token_administers_and_operates_and_the_door_is_shut_behind_it()
    {
        var before = await _anybody.GetFromJsonAsync<JsonElement>("/api/v1/auth/state");

        var first = await RegisterAsync("ada");
        var second = await _anybody.PostAsJsonAsync("/api/v1/auth/register", Account("bob"));

        Assert.True(before.GetProperty("setup_required").GetBoolean());
        Assert.Equal("admin", first.GetProperty("user").GetProperty("role").GetString());
        Assert.True(first.GetProperty("user").GetProperty("operator").GetBoolean());
        await AssertProblemAsync(second, HttpStatusCode.Forbidden, "registration_closed");
        Assert.False((await _anybody.GetFromJsonAsync<JsonElement>("/api/v1/auth/state")).GetProperty("setup_required").GetBoolean());
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("X-Forwarded-For", "203.0.113.9")]
    [InlineData("Forwarded", "for=203.0.113.9")]
    [InlineData("X-Real-IP", "203.0.113.9")]
    [InlineData("Host", "evil.example")]
    [InlineData("Host", "localhost")]
    public async Task The_first_account_needs_the_setup_token_wherever_the_request_comes_from(string? header, string? value)
    {
        if (header is not null)
            _anybody.DefaultRequestHeaders.Add(header, value);
        var without = new { username = "eve", email = "eve@example.com", password = "correct horse" };

        await AssertProblemAsync(await _anybody.PostAsJsonAsync("/api/v1/auth/register", without), HttpStatusCode.Forbidden, "setup_token_required");
        await AssertProblemAsync(
            await _anybody.PostAsJsonAsync("/api/v1/auth/register", Account("eve", setupToken: "guess")), HttpStatusCode.Forbidden, "setup_token_required");
    }

    [Fact]
    public async Task Of_many_who_make_the_first_account_at_once_one_becomes_administrator()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => _anybody.PostAsJsonAsync("/api/v1/auth/register", Account($"user{i}"))));

        Assert.Single(answers, answer => answer.StatusCode is HttpStatusCode.Created);
        Assert.Equal(1, await _server.Database.QueryAsync<long>("select count(*) from users"));
    }

    [Fact]
    public async Task Where_registration_is_open_who_comes_later_is_a_member()
    {
        var admin = Authorized(await RegisterAsync("ada"));
        await admin.PatchAsJsonAsync("/api/v1/tenant", new { registration = "open" });

        var second = await RegisterAsync("bob");

        Assert.Equal("member", second.GetProperty("user").GetProperty("role").GetString());
    }

    [Fact]
    public async Task Names_are_taken_whatever_their_case()
    {
        var admin = Authorized(await RegisterAsync("ada"));

        await AssertProblemAsync(await admin.PostAsJsonAsync("/api/v1/users", Account("ADA", email: "other@example.com")), HttpStatusCode.Conflict, "username_taken");
        await AssertProblemAsync(await admin.PostAsJsonAsync("/api/v1/users", Account("other", email: "Ada@Example.com")), HttpStatusCode.Conflict, "email_taken");
    }

    [Theory]
    [InlineData("username", "ADA")]
    [InlineData("email", "Ada@EXAMPLE.com")]
    [InlineData("email", "ada")]
    public async Task One_signs_in_by_either_name_in_any_case(string field, string value)
    {
        await RegisterAsync("ada");

        var answer = await _anybody.PostAsJsonAsync("/api/v1/auth/login", new Dictionary<string, string> { [field] = value, ["password"] = "correct horse" });

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_wrong_password_and_an_unknown_account_get_the_same_answer()
    {
        await RegisterAsync("ada");

        await AssertProblemAsync(await LoginAsync("ada", "wrong password"), HttpStatusCode.Unauthorized, "invalid_credentials");
        await AssertProblemAsync(await LoginAsync("nobody", "wrong password"), HttpStatusCode.Unauthorized, "invalid_credentials");
    }

    [Fact]
    public async Task Guessing_is_answered_with_a_wait_also_for_the_right_password_until_it_is_over()
    {
        await RegisterAsync("ada");
        for (var guess = 0; guess < 6; guess++)
            await LoginAsync("ada", $"guess {guess}");

        var tooSoon = await LoginAsync("ada", "correct horse");
        _server.Time.Advance(tooSoon.Headers.RetryAfter!.Delta!.Value);
        var later = await LoginAsync("ada", "correct horse");

        await AssertProblemAsync(tooSoon, HttpStatusCode.TooManyRequests, "too_many_attempts");
        Assert.Equal(HttpStatusCode.OK, later.StatusCode);
    }

    [Fact]
    public async Task A_refresh_token_buys_one_session_answer_and_shown_again_it_ends_the_session()
    {
        var first = await RegisterAsync("ada");
        var second = await (await RefreshAsync(first)).Content.ReadFromJsonAsync<JsonElement>();
        var works = await Authorized(second).GetAsync("/api/v1/auth/me");

        var replayed = await RefreshAsync(first);

        Assert.Equal(HttpStatusCode.OK, works.StatusCode);
        await AssertProblemAsync(replayed, HttpStatusCode.Unauthorized, "invalid_refresh_token");
        await AssertProblemAsync(await RefreshAsync(second), HttpStatusCode.Unauthorized, "invalid_refresh_token");
        Assert.Equal(HttpStatusCode.Unauthorized, (await Authorized(second).GetAsync("/api/v1/auth/me")).StatusCode);
        Assert.Equal(1, await _server.Database.QueryAsync<long>("select count(*) from audit_entries where action = 'session.refresh_token_reused'"));
    }

    [Fact]
    public async Task Of_two_that_spend_the_same_token_at_once_exactly_one_wins()
    {
        for (var round = 0; round < 5; round++)
        {
            var session = round == 0 ? await RegisterAsync("ada") : await (await LoginAsync("ada", "correct horse")).Content.ReadFromJsonAsync<JsonElement>();

            var answers = await Task.WhenAll(RefreshAsync(session), RefreshAsync(session));

            Assert.Single(answers, answer => answer.StatusCode is HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task Neither_tokens_nor_passwords_stand_in_the_database()
    {
        var session = await RegisterAsync("ada");
        var secrets = new[] { session.GetProperty("refresh_token").GetString()!, session.GetProperty("access_token").GetString()!, "correct horse" };

        foreach (var table in new[] { "users", "sessions", "refresh_tokens", "audit_entries" })
        {
            var rows = await _server.Database.QueryAsync<string>($"select coalesce(string_agg(t::text, ' '), '') from {table} t");
            Assert.All(secrets, secret => Assert.DoesNotContain(secret, rows!, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Signing_out_ends_access_and_refresh_at_once()
    {
        var session = await RegisterAsync("ada");

        var answer = await Authorized(session).PostAsync("/api/v1/auth/logout", content: null);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Authorized(session).GetAsync("/api/v1/auth/me")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await RefreshAsync(session)).StatusCode);
    }

    [Fact]
    public async Task A_device_that_is_signed_out_by_another_is_out()
    {
        var phone = await RegisterAsync("ada");
        var laptop = Authorized(await (await LoginAsync("ada", "correct horse")).Content.ReadFromJsonAsync<JsonElement>());
        var devices = (await laptop.GetFromJsonAsync<JsonElement>("/api/v1/auth/sessions")).GetProperty("items").EnumerateArray().ToList();
        var other = devices.Single(device => !device.GetProperty("current").GetBoolean()).GetProperty("id").GetString();

        var answer = await laptop.DeleteAsync($"/api/v1/auth/sessions/{other}");

        Assert.Equal(2, devices.Count);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Authorized(phone).GetAsync("/api/v1/auth/me")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await laptop.GetAsync("/api/v1/auth/me")).StatusCode);
    }

    [Fact]
    public async Task A_new_password_needs_the_old_one_and_ends_the_other_sessions()
    {
        var phone = Authorized(await RegisterAsync("ada"));
        var laptop = Authorized(await (await LoginAsync("ada", "correct horse")).Content.ReadFromJsonAsync<JsonElement>());

        await AssertProblemAsync(
            await laptop.PostAsJsonAsync("/api/v1/auth/password", new { current_password = "wrong", new_password = "battery staple" }), HttpStatusCode.BadRequest, "wrong_password");
        var changed = await laptop.PostAsJsonAsync("/api/v1/auth/password", new { current_password = "correct horse", new_password = "battery staple" });

        Assert.Equal(HttpStatusCode.NoContent, changed.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await laptop.GetAsync("/api/v1/auth/me")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await phone.GetAsync("/api/v1/auth/me")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await LoginAsync("ada", "correct horse")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await LoginAsync("ada", "battery staple")).StatusCode);
    }

    [Theory]
    [InlineData("short", "password")]
    [InlineData("aaaaaaaaaaaa", "password")]
    public async Task A_weak_password_is_refused_by_name(string password, string field)
    {
        var answer = await _anybody.PostAsJsonAsync("/api/v1/auth/register", new { username = "ada", email = "ada@example.com", password });

        Assert.True((await AssertProblemAsync(answer, HttpStatusCode.BadRequest, "validation_failed")).GetProperty("errors").TryGetProperty(field, out _));
    }

    [Fact]
    public async Task An_access_token_is_good_for_a_quarter_of_an_hour()
    {
        var session = await RegisterAsync("ada");
        _server.Time.Advance(TimeSpan.FromMinutes(15));

        Assert.Equal(HttpStatusCode.Unauthorized, (await Authorized(session).GetAsync("/api/v1/auth/me")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await RefreshAsync(session)).StatusCode);
    }

    private async Task<JsonElement> RegisterAsync(string username)
    {
        var answer = await _anybody.PostAsJsonAsync("/api/v1/auth/register", Account(username));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private Task<HttpResponseMessage> LoginAsync(string username, string password) => _anybody.PostAsJsonAsync("/api/v1/auth/login", new { username, password });

    private Task<HttpResponseMessage> RefreshAsync(JsonElement session) =>
        _anybody.PostAsJsonAsync("/api/v1/auth/refresh", new { refresh_token = session.GetProperty("refresh_token").GetString() });

    private HttpClient Authorized(JsonElement session)
    {
        var client = _server.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", session.GetProperty("access_token").GetString());
        return client;
    }

    private object Account(string username, string? email = null, string? setupToken = null) =>
        new { username, email = email ?? $"{username}@example.com", password = "correct horse", setup_token = setupToken ?? SetupToken };

    private string SetupToken => _server.Services.GetRequiredService<FirstAccount>().SetupToken;

    private static async Task<JsonElement> AssertProblemAsync(HttpResponseMessage answer, HttpStatusCode status, string code)
    {
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((status, code), (answer.StatusCode, problem.GetProperty("code").GetString()));
        return problem;
    }
}
