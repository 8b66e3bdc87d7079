using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Parley.Server.Accounts;
using Parley.Server.Operations;
using Xunit;

namespace Parley.Server.Tests.Operations;

public sealed class IdempotencyTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task The_same_request_again_gets_the_first_answer_and_does_nothing_twice()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());

        var first = await CreateKeyAsync(admin.Http, "once", "Shop");
        var second = await CreateKeyAsync(admin.Http, "once", "Shop");

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created), (first.StatusCode, second.StatusCode));
        Assert.Equal(await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
        Assert.Equal(first.Headers.Location, second.Headers.Location);
        Assert.False(first.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal("true", Assert.Single(second.Headers.GetValues("Idempotency-Replayed")));
        Assert.Equal(1, await server.Database.QueryAsync<long>($"select count(*) from api_keys where tenant_id = '{admin.TenantId}'"));
    }

    [Fact]
    public async Task Another_body_under_the_same_key_is_refused()
    {
        var admin = await server.SignInAsync(Role.Admin);
        await CreateKeyAsync(admin.Http, "once", "Shop");

        var other = await CreateKeyAsync(admin.Http, "once", "Another shop");

        Assert.Equal((HttpStatusCode.UnprocessableEntity, "idempotency_mismatch"), (other.StatusCode, await CodeAsync(other)));
    }

    [Fact]
    public async Task A_key_is_its_callers_own()
    {
        var (one, two) = (await server.SignInAsync(Role.Admin), await server.SignInAsync(Role.Admin));

        var first = await CreateKeyAsync(one.Http, "shared", "One's");
        var second = await CreateKeyAsync(two.Http, "shared", "Two's");

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created), (first.StatusCode, second.StatusCode));
    }

    [Fact]
    public async Task Of_many_at_once_one_does_the_work_and_the_others_wait_their_turn()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => CreateKeyAsync(admin.Http, "at once", "Shop")));

        Assert.Equal(1, await server.Database.QueryAsync<long>($"select count(*) from api_keys where tenant_id = '{admin.TenantId}'"));
        foreach (var answer in answers.Where(answer => answer.StatusCode is not HttpStatusCode.Created))
            Assert.Equal((HttpStatusCode.Conflict, "idempotency_in_progress"), (answer.StatusCode, await CodeAsync(answer)));
        Assert.Single(answers, answer => answer.StatusCode is HttpStatusCode.Created && !answer.Headers.Contains("Idempotency-Replayed"));
    }

    [Fact]
    public async Task A_refusal_is_replayed_too()
    {
        var admin = await server.SignInAsync(Role.Admin);
        await PostAsync(admin.Http, "refused", new { name = "", scopes = new[] { "ai" } });

        var again = await PostAsync(admin.Http, "refused", new { name = "", scopes = new[] { "ai" } });

        Assert.Equal((HttpStatusCode.BadRequest, "application/problem+json"), (again.StatusCode, again.Content.Headers.ContentType?.MediaType));
        Assert.True(again.Headers.Contains("Idempotency-Replayed"));
    }

    [Fact]
    public async Task After_a_day_a_key_is_new_and_the_sweep_has_deleted_it()
    {
        var admin = await server.SignInAsync(Role.Admin);
        await CreateKeyAsync(admin.Http, "yesterday's", "Shop");

        await server.Database.ExecuteAsync("update idempotency_keys set created_at = created_at - interval '25 hours'");
        await server.Services.GetRequiredService<Idempotency>().SweepAsync(CancellationToken.None);

        Assert.Equal(0, await server.Database.QueryAsync<long>("select count(*) from idempotency_keys where created_at < now() - interval '24 hours'"));
        Assert.False((await CreateKeyAsync(admin.Http, "yesterday's", "Another")).Headers.Contains("Idempotency-Replayed"));
    }

    [Fact]
    public async Task A_key_that_a_dead_server_held_is_free_after_two_minutes()
    {
        var admin = await server.SignInAsync(Role.Admin);
        await CreateKeyAsync(admin.Http, "held", "Shop");
        await server.Database.ExecuteAsync("update idempotency_keys set answer = null");

        var during = await CreateKeyAsync(admin.Http, "held", "Shop");
        await server.Database.ExecuteAsync("update idempotency_keys set locked_until = locked_until - interval '1 hour'");
        var after = await CreateKeyAsync(admin.Http, "held", "Shop");

        Assert.Equal((HttpStatusCode.Conflict, HttpStatusCode.Created), (during.StatusCode, after.StatusCode));
    }

    [Fact]
    public async Task What_was_answered_is_kept_sealed()
    {
        var admin = await server.SignInAsync(Role.Admin);
        var key = (await (await CreateKeyAsync(admin.Http, "sealed", "Shop")).Content.ReadFromJsonAsync<JsonElement>()).GetProperty("key").GetString()!;

        Assert.DoesNotContain(key, await server.Database.QueryAsync<string>("select string_agg(k::text, ' ') from idempotency_keys k") ?? "", StringComparison.Ordinal);
    }

    private static Task<HttpResponseMessage> CreateKeyAsync(HttpClient http, string key, string name) => PostAsync(http, key, new { name, scopes = new[] { "ai" } });

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, string key, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/api-keys") { Content = JsonContent.Create(body), Headers = { { "Idempotency-Key", key } } };
        return await http.SendAsync(request);
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString();
}
