using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Accounts;

public sealed class PeopleTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task An_account_that_an_administrator_made_can_be_found_changed_and_signed_in_to()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        var made = await ReadAsync(await admin.Http.PostAsJsonAsync("/api/v1/users", new { username = "grace", email = "grace@example.com", password = "correct horse", role = "agent" }));
        var id = made.GetProperty("id").GetString();

        var changed = await ReadAsync(await admin.Http.PatchAsJsonAsync($"/api/v1/users/{id}", new { full_name = " Grace Hopper ", role = "supervisor" }));
        var found = await admin.Http.GetFromJsonAsync<JsonElement>("/api/v1/users?q=hopp&role=supervisor");
        var login = await server.CreateClient().PostAsJsonAsync("/api/v1/auth/login", new { email = "grace@example.com", password = "correct horse" });

        Assert.Equal(("agent", "Grace Hopper", "supervisor"), (made.GetProperty("role").GetString(), changed.GetProperty("full_name").GetString(), changed.GetProperty("role").GetString()));
        Assert.Equal(id, Assert.Single(found.GetProperty("items").EnumerateArray()).GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.OK, login.StatusCode);
    }

    [Theory]
    [InlineData("100%")]
    [InlineData("under_score")]
    [InlineData("back\\slash")]
    public async Task What_is_searched_for_is_no_pattern(string name)
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        await server.Database.ExecuteAsync($"update users set full_name = '{name}' where id = '{admin.UserId}'");

        var (hit, miss) = (await FindAsync(name), await FindAsync(name.Replace('%', 'x').Replace('_', 'x').Replace('\\', 'x')));

        Assert.Equal((1, 0), (hit, miss));

        async Task<int> FindAsync(string q) =>
            (await admin.Http.GetFromJsonAsync<JsonElement>($"/api/v1/users?q={Uri.EscapeDataString(q)}")).GetProperty("items").GetArrayLength();
    }

    [Fact]
    public async Task Pages_hold_everybody_once()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        for (var i = 0; i < 6; i++)
            await server.SignInAsync(Role.Member, admin.TenantId);

        var (seen, cursor) = (new List<string?>(), "");
        do
        {
            var page = await admin.Http.GetFromJsonAsync<JsonElement>($"/api/v1/users?limit=3{cursor}");
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(user => user.GetProperty("id").GetString()));
            cursor = page.GetProperty("next_cursor").GetString() is { } next ? $"&cursor={next}" : null;
        }
        while (cursor is not null);

        Assert.Equal(7, seen.Count);
        Assert.Equal(7, seen.Distinct().Count());
    }

    [Fact]
    public async Task Who_is_suspended_is_out_at_once_and_cannot_come_back()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        var agent = await server.SignInAsync(Role.Agent, admin.TenantId);
        await agent.Http.GetAsync("/api/v1/auth/me");
        var ended = new List<Guid>();
        server.Services.GetRequiredService<Sessions>().Revoked += ended.AddRange;

        await admin.Http.PatchAsJsonAsync($"/api/v1/users/{agent.UserId}", new { status = "suspended" });

        Assert.Equal(HttpStatusCode.Unauthorized, (await agent.Http.GetAsync("/api/v1/auth/me")).StatusCode);
        Assert.Single(ended);
    }

    [Fact]
    public async Task A_role_that_is_taken_away_is_gone_although_the_token_still_names_it()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        var other = await server.SignInAsync(Role.Admin, admin.TenantId);
        await other.Http.GetAsync("/api/v1/users");

        await admin.Http.PatchAsJsonAsync($"/api/v1/users/{other.UserId}", new { role = "agent" });

        Assert.Equal(HttpStatusCode.Forbidden, (await other.Http.GetAsync("/api/v1/users")).StatusCode);
    }

    [Fact]
    public async Task What_another_node_revoked_is_out_here_within_a_quarter_of_a_minute()
    {
        var agent = await server.SignInAsync(Role.Agent);
        await agent.Http.GetAsync("/api/v1/auth/me");
        await server.Database.ExecuteAsync($"update sessions set revoked_at = now() where user_id = '{agent.UserId}'");

        server.Time.Advance(TimeSpan.FromSeconds(15));

        Assert.Equal(HttpStatusCode.Unauthorized, (await agent.Http.GetAsync("/api/v1/auth/me")).StatusCode);
    }

    [Theory]
    [InlineData("role", "agent")]
    [InlineData("status", "suspended")]
    public async Task The_last_administrator_stays_one(string field, string value)
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());

        var changed = await admin.Http.PatchAsJsonAsync($"/api/v1/users/{admin.UserId}", new Dictionary<string, string> { [field] = value });
        var deleted = await admin.Http.DeleteAsync($"/api/v1/users/{admin.UserId}");

        Assert.Equal(("last_admin", "last_admin"), (await CodeAsync(changed), await CodeAsync(deleted)));
        Assert.Equal(HttpStatusCode.OK, (await admin.Http.GetAsync("/api/v1/users")).StatusCode);
    }

    [Fact]
    public async Task Two_administrators_who_depose_each_other_at_once_leave_one()
    {
        for (var round = 0; round < 5; round++)
        {
            var one = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
            var two = await server.SignInAsync(Role.Admin, one.TenantId);

            await Task.WhenAll(
                one.Http.PatchAsJsonAsync($"/api/v1/users/{two.UserId}", new { role = "member" }),
                two.Http.PatchAsJsonAsync($"/api/v1/users/{one.UserId}", new { role = "member" }));

            Assert.Equal(1, await server.Database.QueryAsync<long>($"select count(*) from users where tenant_id = '{one.TenantId}' and role = 'admin'"));
        }
    }

    [Fact]
    public async Task The_operator_cannot_be_removed()
    {
        var @operator = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7(), isOperator: true);
        var admin = await server.SignInAsync(Role.Admin, @operator.TenantId);

        Assert.Equal("operator", await CodeAsync(await admin.Http.DeleteAsync($"/api/v1/users/{@operator.UserId}")));
        Assert.Equal("operator", await CodeAsync(await admin.Http.PatchAsJsonAsync($"/api/v1/users/{@operator.UserId}", new { role = "member" })));
    }

    [Fact]
    public async Task Who_is_deleted_is_gone_and_the_names_are_free_again()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        var agent = await server.SignInAsync(Role.Agent, admin.TenantId);

        var deleted = await admin.Http.DeleteAsync($"/api/v1/users/{agent.UserId}");
        var again = await admin.Http.PostAsJsonAsync("/api/v1/users", new { username = agent.Name, email = $"{agent.Name}@example.com", password = "correct horse" });

        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await agent.Http.GetAsync("/api/v1/auth/me")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await admin.Http.GetAsync($"/api/v1/users/{agent.UserId}")).StatusCode);
        Assert.Equal(HttpStatusCode.Created, again.StatusCode);
    }

    [Fact]
    public async Task The_directory_shows_the_tenants_active_people_to_all_of_them()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        var member = await server.SignInAsync(Role.Member, admin.TenantId);
        var suspended = await server.SignInAsync(Role.Agent, admin.TenantId);
        await server.Database.ExecuteAsync($"update users set status = 'suspended' where id = '{suspended.UserId}'");

        var people = (await member.Http.GetFromJsonAsync<JsonElement>("/api/v1/directory")).GetProperty("items").EnumerateArray().ToList();

        Assert.Equal(new[] { admin.UserId, member.UserId }.Order(), people.Select(person => person.GetProperty("id").GetGuid()).Order());
        Assert.All(people, person => Assert.Equal("offline", person.GetProperty("presence").GetString()));
    }

    [Fact]
    public async Task A_profile_keeps_what_is_not_said()
    {
        var member = await server.SignInAsync(Role.Member);

        await member.Http.PatchAsJsonAsync("/api/v1/auth/me", new { locale = "zh-CN", availability = "away" });
        var profile = await ReadAsync(await member.Http.PatchAsJsonAsync("/api/v1/auth/me", new { full_name = "陈伟", theme = "dark" }));

        Assert.Equal(
            ("陈伟", "zh-CN", "dark", "away"),
            (profile.GetProperty("full_name").GetString(), profile.GetProperty("locale").GetString(), profile.GetProperty("theme").GetString(), profile.GetProperty("availability").GetString()));
    }

    [Fact]
    public async Task A_key_is_shown_once_works_until_it_is_deleted_and_then_no_more()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        var made = await ReadAsync(await admin.Http.PostAsJsonAsync("/api/v1/api-keys", new { name = "Shop", scopes = new[] { "admin" } }));
        var shop = server.CreateClient();
        shop.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", made.GetProperty("key").GetString());

        var before = await shop.GetAsync("/api/v1/users");
        var listed = await admin.Http.GetStringAsync("/api/v1/api-keys");
        await admin.Http.DeleteAsync($"/api/v1/api-keys/{made.GetProperty("id").GetString()}");

        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        Assert.Contains("last_used_at\":\"", listed, StringComparison.Ordinal);
        Assert.DoesNotContain(made.GetProperty("key").GetString()!, listed, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, (await shop.GetAsync("/api/v1/users")).StatusCode);
    }

    [Fact]
    public async Task A_suspended_tenants_people_are_out_and_come_back_when_it_is_resumed()
    {
        var @operator = await server.SignInAsync(Role.Admin, isOperator: true);
        var founded = await ReadAsync(await @operator.Http.PostAsJsonAsync(
            "/api/v1/tenants", new { name = "Acme", admin = new { username = "wile", email = "wile@example.com", password = "correct horse" } }));
        var signedIn = await ReadAsync(await server.CreateClient().PostAsJsonAsync("/api/v1/auth/login", new { username = "wile", password = "correct horse" }));
        var wile = server.CreateClient();
        wile.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", signedIn.GetProperty("access_token").GetString());
        var before = await wile.GetAsync("/api/v1/tenant");

        await @operator.Http.PatchAsJsonAsync($"/api/v1/tenants/{founded.GetProperty("id").GetString()}", new { status = "suspended" });
        var during = await server.CreateClient().PostAsJsonAsync("/api/v1/auth/login", new { username = "wile", password = "correct horse" });
        await @operator.Http.PatchAsJsonAsync($"/api/v1/tenants/{founded.GetProperty("id").GetString()}", new { status = "active" });
        var after = await server.CreateClient().PostAsJsonAsync("/api/v1/auth/login", new { username = "wile", password = "correct horse" });

        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await wile.GetAsync("/api/v1/tenant")).StatusCode);
        Assert.Equal("account_suspended", await CodeAsync(during));
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
    }

    [Fact]
    public async Task The_audit_tells_who_did_what_to_whom()
    {
        var admin = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        var agent = await server.SignInAsync(Role.Agent, admin.TenantId);
        await admin.Http.PatchAsJsonAsync($"/api/v1/users/{agent.UserId}", new { role = "supervisor" });
        await admin.Http.PostAsJsonAsync("/api/v1/api-keys", new { name = "Shop", scopes = new[] { "ai" } });

        var about = await admin.Http.GetFromJsonAsync<JsonElement>($"/api/v1/audit?target_id={agent.UserId}");
        var keys = await admin.Http.GetFromJsonAsync<JsonElement>($"/api/v1/audit?action=api_key.&actor_id={admin.UserId}");

        var entry = Assert.Single(about.GetProperty("items").EnumerateArray());
        Assert.Equal(("user.updated", admin.UserId, "127.0.0.1", "supervisor"), (
            entry.GetProperty("action").GetString(), entry.GetProperty("actor").GetProperty("id").GetGuid(), entry.GetProperty("ip").GetString(),
            entry.GetProperty("detail").GetProperty("role").GetString()));
        Assert.Equal("api_key.created", Assert.Single(keys.GetProperty("items").EnumerateArray()).GetProperty("action").GetString());
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString();
}
