using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Widget;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class WidgetTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task A_visitor_who_returns_with_its_token_goes_on_where_it_was()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        await visitor.Http.SayAsync(visitor.ConversationId, "hello");

        var again = await server.VisitAsync(agent.TenantId, token: visitor.Token);

        Assert.False(visitor.Resumed);
        Assert.True(again.Resumed);
        Assert.Equal((visitor.ConversationId, visitor.ContactId, visitor.SessionId), (again.ConversationId, again.ContactId, again.SessionId));
    }

    [Fact]
    public async Task A_token_of_another_tenant_opens_nothing()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var elsewhere = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);

        var again = await server.VisitAsync(elsewhere.TenantId, token: visitor.Token);

        Assert.False(again.Resumed);
        Assert.NotEqual(visitor.ContactId, again.ContactId);
    }

    [Fact]
    public async Task A_signed_visitor_finds_its_conversation_on_every_device()
    {
        var admin = await server.SignInAloneAsync(Role.Admin);
        var secret = (await admin.Http.GetJsonAsync("/api/v1/widget/settings")).Text("identity_secret");
        var identity = new { external_id = "customer-7", name = "Ada", signature = Sign(secret, "customer-7") };

        var phone = await server.VisitAsync(admin.TenantId, identity);
        await phone.Http.SayAsync(phone.ConversationId, "hello");
        var laptop = await server.VisitAsync(admin.TenantId, identity);

        Assert.True(laptop.Resumed);
        Assert.Equal((phone.ContactId, phone.ConversationId), (laptop.ContactId, laptop.ConversationId));
        Assert.NotEqual(phone.SessionId, laptop.SessionId);
        var contact = await admin.Http.GetJsonAsync($"/api/v1/contacts/{phone.ContactId}");
        Assert.True(contact.GetProperty("verified").GetBoolean());
        Assert.Equal("customer-7", contact.Text("external_id"));
    }

    [Fact]
    public async Task Who_signs_in_later_takes_its_conversation_along()
    {
        var admin = await server.SignInAloneAsync(Role.Admin);
        var secret = (await admin.Http.GetJsonAsync("/api/v1/widget/settings")).Text("identity_secret");
        var anonymous = await server.VisitAsync(admin.TenantId);
        await anonymous.Http.SayAsync(anonymous.ConversationId, "hello");

        var known = await server.VisitAsync(admin.TenantId, new { external_id = "customer-8", signature = Sign(secret, "customer-8") }, anonymous.Token);

        Assert.Equal(anonymous.ConversationId, known.ConversationId);
        var history = await known.Http.GetJsonAsync($"/api/v1/conversations/{known.ConversationId}/messages");
        Assert.Equal("hello", history.Items[0].Text("body"));
    }

    [Fact]
    public async Task A_wrong_signature_opens_nothing_and_no_signature_opens_nobody_elses()
    {
        var admin = await server.SignInAloneAsync(Role.Admin);
        var settings = await admin.Http.GetJsonAsync("/api/v1/widget/settings");
        var victim = await server.VisitAsync(admin.TenantId, new { external_id = "victim", signature = Sign(settings.Text("identity_secret"), "victim") });
        await victim.Http.SayAsync(victim.ConversationId, "my secret");

        var forged = await server.CreateClient().PostAsJsonAsync(
            "/api/v1/widget/sessions", new { widget_key = settings.Text("widget_key"), visitor = new { external_id = "victim", signature = new string('0', 64) } });
        var claimed = await server.VisitAsync(admin.TenantId, new { external_id = "victim" });

        Assert.Equal("bad_signature", (await forged.ProblemAsync(HttpStatusCode.Forbidden)).Text("code"));
        Assert.False(claimed.Resumed);
        Assert.NotEqual(victim.ContactId, claimed.ContactId);
        Assert.NotEqual(victim.ConversationId, claimed.ConversationId);
    }

    [Fact]
    public async Task A_visitor_opens_its_own_conversation_and_no_other()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var ada = await server.VisitAsync(agent.TenantId);
        var bo = await server.VisitAsync(agent.TenantId);
        await ada.Http.SayAsync(ada.ConversationId, "hello");

        foreach (var id in new[] { ada.ConversationId, ada.SessionId })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await bo.Http.GetAsync(new Uri($"/api/v1/conversations/{id}/messages", UriKind.Relative))).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await bo.Http.SayAsync(id, "hi")).StatusCode);
        }
        foreach (var path in new[] { "conversations", "contacts", "search?q=hello", "widget/settings", "canned-replies", "inbox/counts" })
            Assert.Equal(HttpStatusCode.Forbidden, (await bo.Http.GetAsync(new Uri($"/api/v1/{path}", UriKind.Relative))).StatusCode);
        var own = await ada.Http.GetJsonAsync($"/api/v1/conversations/{ada.SessionId}");
        Assert.Equal(ada.ConversationId, own.GetProperty("id").GetGuid());
        Assert.False(own.TryGetProperty("contact", out _));
    }

    [Fact]
    public async Task A_widget_stays_on_its_sites()
    {
        var admin = await server.SignInAloneAsync(Role.Admin);
        var key = await server.WidgetKeyAsync(admin.TenantId, new { allowed_origins = new[] { "https://Shop.example/" } });

        Assert.Equal(HttpStatusCode.OK, (await BeginAsync("https://shop.example")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await BeginAsync(null)).StatusCode);
        foreach (var origin in new[] { "https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null" })
            Assert.Equal("origin_not_allowed", (await (await BeginAsync(origin)).ProblemAsync(HttpStatusCode.Forbidden)).Text("code"));

        async Task<HttpResponseMessage> BeginAsync(string? origin)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/widget/sessions") { Content = JsonContent.Create(new { widget_key = key }) };
            if (origin is not null)
                request.Headers.Add("Origin", origin);
            return await server.CreateClient().SendAsync(request);
        }
    }

    [Theory]
    [InlineData("shop.example")]
    [InlineData("https://shop.example/path")]
    [InlineData("ftp://shop.example")]
    [InlineData("https://user@shop.example")]
    public async Task What_is_no_origin_is_not_taken_for_one(string origin)
    {
        var admin = await server.SignInAloneAsync(Role.Admin);

        var answer = await admin.Http.PatchAsJsonAsync("/api/v1/widget/settings", new { allowed_origins = new[] { origin } });

        Assert.Equal("invalid_origin", (await answer.ProblemAsync(HttpStatusCode.BadRequest)).Text("code"));
    }

    [Fact]
    public async Task A_session_grows_idle_and_expires_and_the_next_one_finds_the_conversation()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        await visitor.Http.SayAsync(visitor.ConversationId, "hello");

        server.Time.Advance(TimeSpan.FromMinutes(6));
        await SweepAsync();
        var idle = await StateAsync();
        server.Time.Advance(TimeSpan.FromHours(25));
        await SweepAsync();
        var expired = await StateAsync();
        var refused = await visitor.Http.GetAsync(new Uri($"/api/v1/conversations/{visitor.ConversationId}/messages", UriKind.Relative));
        await using var socket = await server.ListenAsync($"/ws/chat/{visitor.ConversationId}", visitor.Token);
        await socket.UntilClosedAsync();
        var again = await server.VisitAsync(agent.TenantId, token: visitor.Token);

        Assert.Equal(("idle", "expired"), (idle, expired));
        Assert.Equal("session_expired", (await refused.ProblemAsync(HttpStatusCode.Unauthorized)).Text("code"));
        Assert.Equal(4009, (int?)socket.CloseStatus);
        Assert.NotEqual(visitor.SessionId, again.SessionId);
        Assert.Equal(visitor.ConversationId, again.ConversationId);

        Task<string?> StateAsync() => server.Database.QueryAsync<string>($"select state from widget_sessions where id = '{visitor.SessionId}'");
    }

    [Fact]
    public async Task A_session_whose_socket_is_open_does_not_expire()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);
        await using var socket = await server.ListenAsync($"/ws/chat/{visitor.ConversationId}", visitor.Token);
        await socket.NextAsync("ready");
        await server.Database.ExecuteAsync($"update widget_sessions set last_seen_at = last_seen_at - interval '2 days' where id = '{visitor.SessionId}'");
        await server.Database.ExecuteAsync($"update conversations set last_activity_at = last_activity_at - interval '2 days' where id = '{visitor.ConversationId}'");

        await SweepAsync();

        Assert.Equal("idle", await server.Database.QueryAsync<string>($"select state from widget_sessions where id = '{visitor.SessionId}'"));
    }

    [Fact]
    public async Task Without_an_assistant_a_visitor_waits_from_its_first_message_on()
    {
        var agent = await server.SignInAloneAsync(Role.Supervisor);
        var key = await server.WidgetKeyAsync(agent.TenantId, new { assistant = false });
        var visitor = server.VisitorOf(await (await server.CreateClient().PostAsJsonAsync("/api/v1/widget/sessions", new { widget_key = key })).JsonAsync());
        var before = (await agent.Http.GetJsonAsync("/api/v1/conversations?view=waiting")).Items.Length;

        await visitor.Http.SayAsync(visitor.ConversationId, "anybody there?");

        Assert.Equal(0, before);
        await TestKit.UntilAsync(
            () => agent.Http.GetJsonAsync($"/api/v1/conversations/{visitor.ConversationId}"), view => view.GetProperty("waiting_since").ValueKind is System.Text.Json.JsonValueKind.String);
        Assert.Single((await agent.Http.GetJsonAsync("/api/v1/conversations?view=waiting")).Items);
    }

    [Fact]
    public async Task Pages_of_the_widgets_sites_may_ask_and_others_may_not()
    {
        var other = new TestServer();
        await ((IAsyncLifetime)other).InitializeAsync();
        try
        {
            var admin = await other.SignInAloneAsync(Role.Admin);
            await other.WidgetKeyAsync(admin.TenantId, new { allowed_origins = new[] { "https://shop.example" } });
            var visitor = await other.VisitAsync(admin.TenantId);

            var allowed = await PreflightAsync("https://shop.example", $"/api/v1/conversations/{visitor.ConversationId}/messages");
            var foreign = await PreflightAsync("https://evil.example", $"/api/v1/conversations/{visitor.ConversationId}/messages");
            var notForVisitors = await PreflightAsync("https://shop.example", "/api/v1/contacts");

            Assert.Equal(["https://shop.example"], allowed.Headers.GetValues("Access-Control-Allow-Origin"));
            Assert.False(foreign.Headers.Contains("Access-Control-Allow-Origin"));
            Assert.False(notForVisitors.Headers.Contains("Access-Control-Allow-Origin"));
        }
        finally
        {
            await ((IAsyncLifetime)other).DisposeAsync();
        }

        async Task<HttpResponseMessage> PreflightAsync(string origin, string path)
        {
            using var request = new HttpRequestMessage(HttpMethod.Options, path);
            request.Headers.Add("Origin", origin);
            request.Headers.Add("Access-Control-Request-Method", path.EndsWith("contacts", StringComparison.Ordinal) ? "GET" : "POST");
            request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
            return await other.CreateClient().SendAsync(request);
        }
    }

    private static string Sign(string secret, string externalId) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(externalId)));

    private async Task SweepAsync()
    {
        await using var scope = server.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<WidgetSessionSweep>().SweepAsync(CancellationToken.None);
    }
}
