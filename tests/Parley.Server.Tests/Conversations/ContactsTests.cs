using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class ContactsTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task An_external_id_is_given_once_per_tenant()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var stranger = await server.SignInAloneAsync(Role.Agent);

        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => agent.Http.PostAsJsonAsync("/api/v1/contacts", new { external_id = "c-1" })));
        var elsewhere = await stranger.Http.PostAsJsonAsync("/api/v1/contacts", new { external_id = "c-1" });

        Assert.Single(answers, answer => answer.StatusCode is HttpStatusCode.Created);
        foreach (var answer in answers.Where(answer => answer.StatusCode is not HttpStatusCode.Created))
            Assert.Equal("external_id_taken", (await answer.ProblemAsync(HttpStatusCode.Conflict)).Text("code"));
        Assert.Equal(HttpStatusCode.Created, elsewhere.StatusCode);
    }

    [Fact]
    public async Task Null_clears_and_what_is_left_out_stays()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var contact = await (await agent.Http.PostAsJsonAsync("/api/v1/contacts", new { name = "Ada", email = "ada@example.com", attributes = new { plan = "gold" } })).JsonAsync();

        var changed = await (await agent.Http.PatchAsJsonAsync($"/api/v1/contacts/{contact.Text("id")}", new { email = (string?)null, phone = "+33 1" })).JsonAsync();

        Assert.Equal("Ada", changed.Text("name"));
        Assert.Equal(JsonValueKind.Null, changed.GetProperty("email").ValueKind);
        Assert.Equal("+33 1", changed.Text("phone"));
        Assert.Equal("gold", changed.GetProperty("attributes").Text("plan"));
    }

    [Fact]
    public async Task Merging_keeps_what_both_have_and_moves_the_conversations()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId, new { name = "ada", email = "ada@example.com" });
        await visitor.Http.SayAsync(visitor.ConversationId, "hello");
        await agent.Http.PatchAsJsonAsync($"/api/v1/contacts/{visitor.ContactId}", new { note = "likes tea", attributes = new { plan = "free", city = "Paris" } });
        var kept = await (await agent.Http.PostAsJsonAsync(
            "/api/v1/contacts", new { external_id = "c-9", name = "Ada Lovelace", note = "vip", attributes = new { plan = "gold" } })).JsonAsync();

        var merged = await (await agent.Http.PostAsJsonAsync($"/api/v1/contacts/{visitor.ContactId}/merge", new { into = kept.Text("id") })).JsonAsync();

        Assert.Equal((kept.Text("id"), "Ada Lovelace", "ada@example.com", "c-9"), (merged.Text("id"), merged.Text("name"), merged.Text("email"), merged.Text("external_id")));
        Assert.Equal(("gold", "Paris"), (merged.GetProperty("attributes").Text("plan"), merged.GetProperty("attributes").Text("city")));
        Assert.Equal("vip\nlikes tea", merged.Text("note"));
        Assert.Equal(1, merged.GetProperty("conversations").GetInt32());
        Assert.Equal(HttpStatusCode.NotFound, (await agent.Http.GetAsync(new Uri($"/api/v1/contacts/{visitor.ContactId}", UriKind.Relative))).StatusCode);
        // The visitor notices nothing.
        var message = await (await visitor.Http.SayAsync(visitor.ConversationId, "still here")).JsonAsync();
        Assert.Equal(kept.Text("id"), message.GetProperty("sender").Text("id"));
        Assert.Equal("Ada Lovelace", message.GetProperty("sender").Text("name"));
        var again = await server.VisitAsync(agent.TenantId, token: visitor.Token);
        Assert.Equal(visitor.ConversationId, again.ConversationId);
    }

    [Fact]
    public async Task Contacts_are_listed_in_pages_and_found_by_a_part()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        foreach (var name in new[] { "Ada", "Bo", "Cleo" })
            await (await agent.Http.PostAsJsonAsync("/api/v1/contacts", new { name, email = $"{name}@example.com" })).JsonAsync();

        var first = await agent.Http.GetJsonAsync("/api/v1/contacts?limit=2");
        var second = await agent.Http.GetJsonAsync($"/api/v1/contacts?limit=2&cursor={first.Text("next_cursor")}");
        var found = await agent.Http.GetJsonAsync("/api/v1/contacts?q=BO%40");

        Assert.Equal(["Cleo", "Bo"], first.Items.Select(contact => contact.Text("name")));
        Assert.Equal(["Ada"], second.Items.Select(contact => contact.Text("name")));
        Assert.Equal(["Bo"], found.Items.Select(contact => contact.Text("name")));
    }

    [Fact]
    public async Task A_deleted_contacts_external_id_is_free_again()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var contact = await (await agent.Http.PostAsJsonAsync("/api/v1/contacts", new { external_id = "c-2" })).JsonAsync();

        await agent.Http.DeleteAsync(new Uri($"/api/v1/contacts/{contact.Text("id")}", UriKind.Relative));

        Assert.Equal(HttpStatusCode.Created, (await agent.Http.PostAsJsonAsync("/api/v1/contacts", new { external_id = "c-2" })).StatusCode);
        Assert.Equal(1, await server.Database.QueryAsync<long>($"select count(*) from audit_entries where action = 'contact.deleted' and target_id = '{contact.Text("id")}'"));
    }

    [Theory]
    [InlineData("""{"email":"nobody"}""", "email")]
    [InlineData("""{"attributes":[1]}""", "attributes")]
    [InlineData("""{"attributes":{"a":"\u0000"}}""", "attributes")]
    [InlineData("""{"attributes":{"a":["\ud800"]}}""", "attributes")]
    [InlineData("""{"name":7}""", "name")]
    public async Task What_a_contact_cannot_be_is_refused_by_name(string body, string field)
    {
        var agent = await server.SignInAloneAsync(Role.Agent);

        var answer = await agent.Http.PostAsync(new Uri("/api/v1/contacts", UriKind.Relative), new StringContent(body, System.Text.Encoding.UTF8, "application/json"));

        Assert.Contains(field, (await answer.ProblemAsync(HttpStatusCode.BadRequest)).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shortcut_is_taken_once_per_tenant()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var first = await (await agent.Http.PostAsJsonAsync("/api/v1/canned-replies", new { shortcut = "hello", body = "Hello!" })).JsonAsync();

        var second = await agent.Http.PostAsJsonAsync("/api/v1/canned-replies", new { shortcut = " HELLO ", body = "Hi!" });
        var changed = await (await agent.Http.PatchAsJsonAsync($"/api/v1/canned-replies/{first.Text("id")}", new { body = "Hello there!" })).JsonAsync();

        Assert.Equal("shortcut_taken", (await second.ProblemAsync(HttpStatusCode.Conflict)).Text("code"));
        Assert.Equal(("hello", "Hello there!"), (changed.Text("shortcut"), changed.Text("body")));
    }
}
