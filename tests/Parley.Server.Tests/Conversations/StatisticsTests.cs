using System.Net;
using System.Net.Http.Json;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class StatisticsTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task The_overview_counts_who_answered_and_how_fast()
    {
        var supervisor = await server.SignInAloneAsync(Role.Supervisor);
        var byAi = await server.VisitAsync(supervisor.TenantId);
        await byAi.Http.SayAsync(byAi.ConversationId, "hello");
        await supervisor.Http.PatchAsJsonAsync($"/api/v1/conversations/{byAi.ConversationId}", new { status = "resolved" });
        var byAgent = await server.VisitAsync(supervisor.TenantId);
        await byAgent.Http.SayAsync(byAgent.ConversationId, "hello");
        server.Time.Advance(TimeSpan.FromSeconds(30));
        await supervisor.Http.HandOffAsync(byAgent.ConversationId, "agent");
        await supervisor.Http.SayAsync(byAgent.ConversationId, "how can I help?");
        server.Time.Advance(TimeSpan.FromSeconds(60));
        await supervisor.Http.PatchAsJsonAsync($"/api/v1/conversations/{byAgent.ConversationId}", new { status = "resolved" });
        await server.VisitAsync(supervisor.TenantId);
        server.Time.Advance(TimeSpan.FromSeconds(1));

        var overview = await supervisor.Http.GetJsonAsync("/api/v1/stats/overview");

        Assert.Equal((2, 3), (overview.GetProperty("conversations").GetInt32(), overview.GetProperty("messages").GetInt32()));
        Assert.Equal(0.5, overview.GetProperty("ai_resolution_rate").GetDouble());
        Assert.Equal(30, overview.GetProperty("first_response_s").GetProperty("median").GetDouble(), tolerance: 0.5);
        var agent = Assert.Single(overview.GetProperty("per_agent").EnumerateArray());
        Assert.Equal((supervisor.UserId, 1), (agent.GetProperty("id").GetGuid(), agent.GetProperty("resolved").GetInt32()));
        Assert.Equal(2, overview.GetProperty("per_day").EnumerateArray().Sum(day => day.GetProperty("conversations").GetInt32()));
    }

    [Fact]
    public async Task A_range_that_ends_before_it_begins_is_a_bad_request()
    {
        var supervisor = await server.SignInAloneAsync(Role.Supervisor);

        var answer = await supervisor.Http.GetAsync(new Uri("/api/v1/stats/overview?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", UriKind.Relative));

        Assert.Equal("invalid_range", (await answer.ProblemAsync(HttpStatusCode.BadRequest)).Text("code"));
    }
}
