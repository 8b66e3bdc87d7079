using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Assistants;

public sealed class ProviderTests(AssistantServer server) : IClassFixture<AssistantServer>
{
    [Fact]
    public async Task A_providers_key_is_kept_sealed_and_never_told()
    {
        var desk = await server.OpenDeskAsync();

        var response = await desk.Http.PostAsJsonAsync("/api/v1/ai/providers", new { name = "Mine", type = "openai", api_key = "sk-very-secret" });
        var text = await response.Content.ReadAsStringAsync();
        var list = await desk.Http.GetStringAsync(new Uri("/api/v1/ai/providers", UriKind.Relative));

        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.True(JsonElement.Parse(text).GetProperty("has_key").GetBoolean());
        Assert.DoesNotContain("sk-very-secret", text + list, StringComparison.Ordinal);
        var stored = await server.Database.QueryAsync<string>($"select api_key from providers where tenant_id = '{desk.Admin.TenantId}'");
        Assert.DoesNotContain("sk-very-secret", stored, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_is_taken_once_per_tenant_whatever_the_case()
    {
        var (desk, other) = (await server.OpenDeskAsync(), await server.OpenDeskAsync());
        await desk.AddProviderAsync(new { name = "Sim", type = "simulator" });
        await other.AddProviderAsync(new { name = "sim", type = "simulator" });

        var second = await desk.Http.PostAsJsonAsync("/api/v1/ai/providers", new { name = " SIM ", type = "simulator" });

        Assert.Equal("name_taken", await CodeOfAsync(second, HttpStatusCode.Conflict));
    }

    [Fact]
    public async Task A_stored_key_never_travels_to_another_address()
    {
        var desk = await server.OpenDeskAsync();
        var created = await desk.Http.PostAsJsonAsync("/api/v1/ai/providers", new { name = "Mine", type = "openai", api_key = "sk-secret" });
        var path = (await created.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>()).GetProperty("id").GetGuid();

        var elsewhere = await desk.Http.PatchAsJsonAsync($"/api/v1/ai/providers/{path}", new { base_url = "https://example.com/v1", name = "Moved" });
        var unchanged = await desk.Http.PatchAsJsonAsync($"/api/v1/ai/providers/{path}", new { base_url = "https://api.openai.com/v1" });
        var withKey = await desk.Http.PatchAsJsonAsync($"/api/v1/ai/providers/{path}", new { base_url = "https://example.com/v1", api_key = "sk-other" });

        Assert.Equal("api_key_required", await CodeOfAsync(elsewhere, HttpStatusCode.BadRequest));
        Assert.Equal("Mine", (await unchanged.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>()).GetProperty("name").GetString());
        Assert.Equal(HttpStatusCode.OK, withKey.StatusCode);
    }

    [Theory]
    [InlineData("""{"name":"x","type":"anthropic"}""", "unsupported_type")]
    [InlineData("""{"name":"x","type":"knowledge"}""", "unsupported_type")]
    [InlineData("""{"name":"x","type":"magic"}""", "unsupported_type")]
    [InlineData("""{"name":"  ","type":"simulator"}""", "invalid_name")]
    [InlineData("""{"name":"x","type":"openai_compatible","models":["m"]}""", "base_url_required")]
    [InlineData("""{"name":"x","type":"openai_compatible","base_url":"https://example.com"}""", "models_required")]
    [InlineData("""{"name":"x","type":"openai_compatible","base_url":"file:///etc/passwd","models":["m"]}""", "invalid_base_url")]
    [InlineData("""{"name":"x","type":"openai_compatible","base_url":"http://user:pw@example.com","models":["m"]}""", "invalid_base_url")]
    [InlineData("""{"name":"x","type":"simulator","base_url":"https://example.com"}""", "invalid_base_url")]
    [InlineData("""{"name":"x","type":"simulator","settings":{"fault":"explode"}}""", "invalid_settings")]
    [InlineData("""{"name":"x","type":"simulator","settings":{"tokens_per_second":0}}""", "invalid_settings")]
    [InlineData("""{"name":"x","type":"simulator","settings":{"reply_tokens":1.5}}""", "invalid_settings")]
    [InlineData("""{"name":"x","type":"simulator","settings":{"context_tokens":"many"}}""", "invalid_settings")]
    [InlineData("""{"name":"x","type":"simulator","settings":[]}""", "invalid_settings")]
    [InlineData("""{"name":"x","type":"simulator","settings":{"note":"\u0000"}}""", "invalid_settings")]
    [InlineData("""{"name":"x","type":"simulator","models":[""]}""", "invalid_models")]
    public async Task What_cannot_be_is_refused_by_name(string body, string code)
    {
        var desk = await server.OpenDeskAsync();

        var response = await desk.Http.PostAsync(new Uri("/api/v1/ai/providers", UriKind.Relative), new StringContent(body, System.Text.Encoding.UTF8, "application/json"));

        Assert.Equal(code, await CodeOfAsync(response, HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task Routes_name_what_there_is_and_hold_their_providers()
    {
        var desk = await server.OpenDeskAsync();
        var id = await desk.AddProviderAsync(new { name = "One", type = "simulator", models = new[] { "a", "b" } });

        var unknown = await desk.Http.PutAsJsonAsync("/api/v1/ai/routes", new { chat = new[] { new { provider = "Two" } } });
        var wrong = await desk.Http.PutAsJsonAsync("/api/v1/ai/routes", new { chat = new[] { new { provider = "One", model = "c" } } });
        var set = await desk.Http.PutAsJsonAsync("/api/v1/ai/routes", new { chat = new[] { new { provider = "one", model = "b" } }, support = Array.Empty<object>() });
        var kept = await desk.Http.DeleteAsync(new Uri($"/api/v1/ai/providers/{id}", UriKind.Relative));
        await desk.Http.PatchAsJsonAsync($"/api/v1/ai/providers/{id}", new { name = "Renamed" });
        var routes = await desk.Http.GetFromJsonAsync<JsonElement>("/api/v1/ai/routes");

        Assert.Equal("provider_not_found", await CodeOfAsync(unknown, HttpStatusCode.BadRequest));
        Assert.Equal("unknown_model", await CodeOfAsync(wrong, HttpStatusCode.BadRequest));
        Assert.Equal(HttpStatusCode.OK, set.StatusCode);
        Assert.Equal("provider_in_use", await CodeOfAsync(kept, HttpStatusCode.Conflict));
        Assert.Equal("Renamed", routes.GetProperty("chat")[0].GetProperty("provider").GetString());
        Assert.Equal(0, routes.GetProperty("support").GetArrayLength());
        Assert.Equal(0, routes.GetProperty("summary").GetArrayLength());
    }

    [Fact]
    public async Task A_test_says_whether_a_provider_answers_and_its_health_follows()
    {
        await using var working = FakeModelServer.Speaking("OK");
        await using var broken = new FakeModelServer(async exchange =>
        {
            await exchange.BeginAsync("401 Unauthorized", "application/json");
            await exchange.RawAsync("""{"error":{"message":"wrong key","code":"invalid_api_key"}}""");
        });
        var desk = await server.OpenDeskAsync();
        var (good, bad) = (await desk.AddProviderAsync("good", working), await desk.AddProviderAsync("bad", broken));

        var yes = await (await desk.Http.PostAsync(new Uri($"/api/v1/ai/providers/{good}/test", UriKind.Relative), null)).Content.ReadFromJsonAsync<JsonElement>();
        var no = await (await desk.Http.PostAsync(new Uri($"/api/v1/ai/providers/{bad}/test", UriKind.Relative), null)).Content.ReadFromJsonAsync<JsonElement>();
        var models = await desk.Http.GetFromJsonAsync<JsonElement>("/api/v1/ai/models");

        Assert.Equal((true, "OK", "good-model"), (yes.GetProperty("ok").GetBoolean(), yes.GetProperty("text").GetString(), yes.GetProperty("model").GetString()));
        Assert.Equal((false, "auth", "wrong key"), (no.GetProperty("ok").GetBoolean(), no.GetProperty("code").GetString(), no.GetProperty("detail").GetString()));
        Assert.Equal(["good up", "bad down"], models.GetProperty("items").EnumerateArray().Select(m => $"{m.GetProperty("provider").GetString()} {m.GetProperty("health").GetProperty("state").GetString()}"));
        var health = await desk.Http.GetFromJsonAsync<JsonElement>("/health");
        Assert.Equal("degraded", health.GetProperty("checks").GetProperty("assistants").GetProperty("status").GetString());
    }

    [Fact]
    public async Task Providers_are_their_tenants_own()
    {
        var (desk, other) = (await server.OpenDeskAsync(), await server.OpenDeskAsync());
        var id = await desk.AddProviderAsync(new { name = "Mine", type = "simulator" });

        Assert.Equal(HttpStatusCode.NotFound, (await other.Http.GetAsync(new Uri($"/api/v1/ai/providers/{id}", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await other.Http.PatchAsJsonAsync($"/api/v1/ai/providers/{id}", new { enabled = false })).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await other.Http.DeleteAsync(new Uri($"/api/v1/ai/providers/{id}", UriKind.Relative))).StatusCode);
        Assert.Equal(0, (await other.Http.GetFromJsonAsync<JsonElement>("/api/v1/ai/providers")).GetProperty("items").GetArrayLength());
    }

    internal static async Task<string?> CodeOfAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, text);
        return JsonElement.Parse(text).GetProperty("code").GetString();
    }
}

/// <summary>A server that may not ask on private networks, but for what its operator set.</summary>
public sealed class GuardedServer : TestServer
{
    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.UseSetting("DEEPSEEK_API_KEY", "sk-operator");
        builder.UseSetting("DEEPSEEK_BASE_URL", "http://127.0.0.1:9");
        builder.UseSetting("DEEPSEEK_MODELS", "one, two");
    }
}

public sealed class GuardedProviderTests(GuardedServer server) : IClassFixture<GuardedServer>
{
    [Theory]
    [InlineData("http://127.0.0.1:9")]
    [InlineData("http://localhost:9")]
    [InlineData("http://169.254.169.254/latest")]
    [InlineData("http://[::1]:9")]
    [InlineData("http://10.0.0.1")]
    public async Task An_address_inside_is_refused_when_it_is_set(string address)
    {
        var admin = await server.SignInAsync(Role.Admin, Guid.CreateVersion7());

        var response = await admin.Http.PostAsJsonAsync("/api/v1/ai/providers", new { name = "x", type = "openai_compatible", base_url = address, models = new[] { "m" } });

        Assert.Equal("private_target", await ProviderTests.CodeOfAsync(response, HttpStatusCode.BadRequest));
    }

    [Fact]
    public async Task A_name_that_leads_inside_is_refused_when_it_is_connected_to()
    {
        await using var model = FakeModelServer.Speaking("secret");
        var admin = await server.SignInAsync(Role.Admin, Guid.CreateVersion7());
        var created = await admin.Http.PostAsJsonAsync("/api/v1/ai/providers", new { name = "x", type = "openai_compatible", base_url = "http://name.example", models = new[] { "m" } });
        var id = (await created.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetGuid();
        // As if the name led there: whatever was checked before, the connection is what counts.
        await server.Database.ExecuteAsync($"update providers set base_url = '{model.BaseUrl}' where id = '{id}'");

        var test = await (await admin.Http.PostAsync(new Uri($"/api/v1/ai/providers/{id}/test", UriKind.Relative), null)).Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal("private_target", test.GetProperty("code").GetString());
        Assert.Empty(model.Requests);
    }

    [Fact]
    public async Task What_the_operator_set_is_there_for_every_tenant_and_read_only()
    {
        var admin = await server.SignInAsync(Role.Admin, Guid.CreateVersion7());

        var list = await admin.Http.GetFromJsonAsync<JsonElement>("/api/v1/ai/providers");
        var provider = Assert.Single(list.GetProperty("items").EnumerateArray());
        var id = provider.GetProperty("id").GetGuid();
        var change = await admin.Http.PatchAsJsonAsync($"/api/v1/ai/providers/{id}", new { enabled = false });
        var taken = await admin.Http.PostAsJsonAsync("/api/v1/ai/providers", new { name = "DeepSeek", type = "simulator" });
        var test = await (await admin.Http.PostAsync(new Uri($"/api/v1/ai/providers/{id}/test", UriKind.Relative), null)).Content.ReadFromJsonAsync<JsonElement>();

        Assert.True(provider.GetProperty("read_only").GetBoolean());
        Assert.Equal(["one", "two"], provider.GetProperty("models").EnumerateArray().Select(m => m.GetString()));
        Assert.Equal("provider_read_only", await ProviderTests.CodeOfAsync(change, HttpStatusCode.Conflict));
        Assert.Equal("name_taken", await ProviderTests.CodeOfAsync(taken, HttpStatusCode.Conflict));
        Assert.Equal("network", test.GetProperty("code").GetString()); // it may lead inside; there is nobody on port 9
    }
}
