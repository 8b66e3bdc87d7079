using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Accounts;

/// <summary>Walks every route that is mapped, also those that do not exist yet when this is written.</summary>
public sealed class RoutesTests(RoutesTests.UnlimitedServer server) : IClassFixture<RoutesTests.UnlimitedServer>
{
    /// <summary>What anybody may call. A route that is not here says who may.</summary>
    private static readonly HashSet<string> _public =
    [
        "GET /health", "GET /health/live", "GET /health/ready", "GET /metrics", "GET /openapi/v1.json", "GET /docs/access",
        "GET /api/v1/auth/state", "POST /api/v1/auth/register", "POST /api/v1/auth/login", "POST /api/v1/auth/refresh",
        "GET /api/v1/widget/config", "POST /api/v1/widget/sessions", "GET /demo/config",
        // Sockets look at the credentials themselves: a browser is told by close codes, not by statuses.
        "GET /ws/chat/{id}", "GET /ws/events",
    ];

    [Fact]
    public void Every_route_says_who_may_call_it_or_is_known_to_be_public()
    {
        var silent = Routes().Where(route => route.Access is null).Select(route => route.Name).Except(_public);

        Assert.Empty(silent);
    }

    [Fact]
    public void No_route_that_is_public_says_otherwise() =>
        Assert.Empty(Routes().Where(route => route.Access is not null).Select(route => route.Name).Intersect(_public));

    [Fact]
    public async Task Every_role_and_key_is_let_in_where_the_table_says_and_nowhere_else()
    {
        var wrong = new List<string>();
        foreach (var route in Routes())
        {
            foreach (var (name, caller, client) in await CallersAsync())
            {
                using var answer = await SendAsync(client, route, _ => Guid.CreateVersion7().ToString());
                var mayCome = route.Access is null || (caller is not null && route.Access.Permits(caller));
                var refusal = caller is null ? HttpStatusCode.Unauthorized : HttpStatusCode.Forbidden;
                if ((int)answer.StatusCode >= 500 || (!mayCome && answer.StatusCode != refusal)
                    || (mayCome && route.Access is not null && answer.StatusCode is HttpStatusCode.Unauthorized)
                    || (mayCome && answer.StatusCode is HttpStatusCode.Forbidden && await CodeAsync(answer) is "forbidden"))
                    wrong.Add($"{route.Name} as {name}: {(int)answer.StatusCode} {await CodeAsync(answer)}");
            }
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public async Task Another_tenants_ids_open_nothing_in_any_slot_and_nothing_of_it_changes()
    {
        var other = await server.SignInAsync(Role.Admin, tenant: Guid.CreateVersion7());
        await FillAsync(other.Http);
        var ids = await IdsAsync(other.TenantId);
        var before = await ContentsAsync(other.TenantId);
        var wrong = new List<string>();

        foreach (var route in Routes().Where(route => route.Access is { Operator: false } && route.Pattern.Parameters.Count > 0))
        {
            foreach (var (table, id) in ids)
            {
                foreach (var caller in new[] { await server.SignInAsync(Role.Admin), await server.SignInAsync(Role.Member) })
                {
                    using var answer = await SendAsync(caller.Http, route, _ => id);
                    var asIfAbsent = route.Method is "GET" or "DELETE" ? answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Forbidden : (int)answer.StatusCode is >= 400 and < 500;
                    if (!asIfAbsent)
                        wrong.Add($"{route.Name} with an id of {table}: {(int)answer.StatusCode}");
                }
            }
        }

        Assert.Empty(wrong);
        Assert.Equal(before, await ContentsAsync(other.TenantId));
    }

    [Fact]
    public async Task Other_sites_may_call_what_visitors_may_and_nothing_else()
    {
        var wrong = new List<string>();
        foreach (var route in Routes().Where(route => route.Access is not null))
        {
            using var preflight = new HttpRequestMessage(HttpMethod.Options, PathOf(route, _ => Guid.CreateVersion7().ToString()));
            preflight.Headers.Add("Origin", "https://shop.example");
            preflight.Headers.Add("Access-Control-Request-Method", route.Method);
            preflight.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
            using var answer = await server.CreateClient().SendAsync(preflight);
            if (answer.Headers.Contains("Access-Control-Allow-Origin") != route.Access!.Visitors)
                wrong.Add(route.Name);
        }

        Assert.Empty(wrong);
    }

    private IEnumerable<Route> Routes()
    {
        foreach (var endpoint in server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>())
        {
            var pattern = "/" + endpoint.RoutePattern.RawText!.Trim('/').Replace(":guid", "", StringComparison.Ordinal);
            foreach (var method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"])
            {
                if (method is not "OPTIONS")
                    yield return new(method, $"{method} {pattern}", endpoint.RoutePattern, endpoint.Metadata.GetMetadata<Access>(),
                        endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes.Contains("multipart/form-data") is true);
            }
        }
    }

    /// <summary>One of each, signed in anew: some routes sign out who calls them.</summary>
    private async Task<IReadOnlyList<(string Name, Caller? Caller, HttpClient Client)>> CallersAsync()
    {
        var callers = new List<(string, Caller?, HttpClient)> { ("anybody", null, server.CreateClient()) };
        var tokens = server.Services.GetRequiredService<AccessTokens>();
        foreach (var role in Enum.GetValues<Role>())
            Add(role.ToString(), (await server.SignInAsync(role)).Token);
        Add("operator", (await server.SignInAsync(Role.Admin, isOperator: true)).Token);
        Add("visitor", tokens.IssueVisitor(server.TenantId, Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), "Visitor", TimeSpan.FromDays(1)));
        foreach (var scope in Scopes.All)
            callers.Add(($"key for {scope}", Caller.ApiKey(server.TenantId, Guid.CreateVersion7(), scope, [scope]), Client(await server.KeyAsync(scope))));
        return callers;

        void Add(string name, string token)
        {
            Assert.True(tokens.TryRead(token, out Caller? caller));
            callers.Add((name, caller, Client(token)));
        }
    }

    private HttpClient Client(string token)
    {
        var client = server.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, Route route, Func<string, string> valueOf)
    {
        using var request = new HttpRequestMessage(new HttpMethod(route.Method), PathOf(route, valueOf));
        if (route.TakesForm)
            request.Content = new MultipartFormDataContent { { new StringContent("x"), "x" } };
        else if (route.Method is "POST" or "PATCH" or "PUT")
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static string PathOf(Route route, Func<string, string> valueOf) =>
        string.Concat(route.Pattern.PathSegments.Select(segment => "/" + string.Concat(segment.Parts.Select(part => part switch
        {
            RoutePatternLiteralPart literal => literal.Content,
            RoutePatternSeparatorPart separator => separator.Content,
            RoutePatternParameterPart parameter => valueOf(parameter.Name),
            _ => "",
        }))));

    /// <summary>Something of everything, so that there are ids to guess. What a route refuses is simply not there.</summary>
    private static async Task FillAsync(HttpClient admin)
    {
        (string Route, object Body)[] things =
        [
            ("users", new { username = "victim", email = "victim@example.com", password = "correct horse" }),
            ("api-keys", new { name = "victim", scopes = new[] { "conversations" } }),
            ("conversations", new { kind = "assistant", title = "Secret" }),
            ("contacts", new { name = "Secret", external_id = "1" }),
            ("canned-replies", new { shortcut = "secret", body = "Secret" }),
            ("ai/providers", new { name = "secret", type = "simulator" }),
        ];
        foreach (var (route, body) in things)
            (await admin.PostAsJsonAsync($"/api/v1/{route}", body)).Dispose();
    }

    private async Task<List<(string Table, string Id)>> IdsAsync(Guid tenantId)
    {
        var ids = new List<(string, string)>();
        foreach (var table in await TablesAsync("id"))
        {
            if (await server.Database.QueryAsync<string>($"select id::text from {table} where tenant_id = '{tenantId}' limit 1") is { } id)
                ids.Add((table, id));
        }
        Assert.Superset(new HashSet<string> { "users", "sessions", "api_keys" }, ids.Select(id => id.Item1).ToHashSet());
        return ids;
    }

    /// <summary>A digest of all that a tenant has.</summary>
    private async Task<Dictionary<string, string>> ContentsAsync(Guid tenantId)
    {
        // The full-text index follows behind the log by itself: what it adds is nobody's doing.
        while (await server.Database.QueryAsync<long>($"select count(*) from conversations where tenant_id = '{tenantId}' and indexed_seq < last_seq") > 0)
            await Task.Yield();
        var contents = new Dictionary<string, string>();
        foreach (var table in await TablesAsync("tenant_id"))
        {
            if (table is not "jobs")
                contents[table] = await server.Database.QueryAsync<string>($"select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {table} t where tenant_id = '{tenantId}'") ?? "";
        }
        return contents;
    }

    private async Task<List<string>> TablesAsync(string column)
    {
        var tables = new List<string>();
        await using var command = server.Database.DataSource.CreateCommand(
            """
            select c.table_name from information_schema.columns c
            join information_schema.columns t on t.table_name = c.table_name and t.column_name = 'tenant_id' and t.table_schema = 'public'
            where c.table_schema = 'public' and c.column_name = $1
            """);
        command.Parameters.AddWithValue(column);
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
            tables.Add(row.GetString(0));
        return tables;
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer) =>
        answer.Content.Headers.ContentType?.MediaType is "application/problem+json"
            ? (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()
            : null;

    private sealed record Route(string Method, string Name, RoutePattern Pattern, Access? Access, bool TakesForm);

    /// <summary>A walk is more than a minute's requests.</summary>
    public sealed class UnlimitedServer : TestServer
    {
        private readonly Dictionary<string, string> _keys = [];

        internal async Task<string> KeyAsync(string scope)
        {
            if (_keys.TryGetValue(scope, out var known))
                return known;
            var admin = await SignInAsync(Role.Admin);
            using var answer = await admin.Http.PostAsJsonAsync("/api/v1/api-keys", new { name = scope, scopes = new[] { scope } });
            var key = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("key").GetString()!;
            return _keys[scope] = key;
        }

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            base.ConfigureWebHost(builder);
            builder.UseSetting("RATE_LIMIT", "0");
            builder.UseSetting("RATE_LIMIT_ANONYMOUS", "0");
        }
    }
}
