using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Operations;

public sealed class ProblemsTests(TestServer server) : IClassFixture<TestServer>
{
    [Theory]
    [InlineData("""{"username":""", "invalid_json", null)]
    [InlineData("""[]""", "invalid_json", null)]
    [InlineData("""null""", "body_required", null)]
    [InlineData("""{"username":"grace"}""", "validation_failed", "password")]
    [InlineData("""{"username":5,"email":"a@b.c","password":"correct horse"}""", "invalid_type", "username")]
    [InlineData("""{"username":null,"email":"a@b.c","password":"correct horse"}""", "invalid_json", "username")]
    [InlineData("""{"username":"grace","email":"no address","password":"correct horse"}""", "validation_failed", "email")]
    [InlineData("""{"username":"grace","email":"a@b.c","password":"correct horse","role":"boss"}""", "invalid_value", "role")]
    [InlineData("""{"username":"grace","email":"a@b.c","password":"correct horse","role":1}""", "invalid_value", "role")]
    [InlineData("""{"username":"grace","email":"a@b.c","password":"correct horse","full_name":"a\u0000b"}""", "invalid_text", "full_name")]
    [InlineData("""{"username":"grace","email":"a@b.c","password":"correct horse","full_name":"a\ud800b"}""", "invalid_text", "full_name")]
    public async Task A_bad_body_is_answered_with_a_code_and_the_field(string body, string code, string? field)
    {
        var admin = await server.SignInAsync(Role.Admin);

        var answer = await admin.Http.PostAsync("/api/v1/users", new StringContent(body, Encoding.UTF8, "application/json"));

        var problem = await ReadAsync(answer, HttpStatusCode.BadRequest, code);
        if (field is not null)
            Assert.True(problem.GetProperty("errors").TryGetProperty(field, out _), problem.ToString());
    }

    [Fact]
    public async Task Bytes_that_are_not_UTF_8_are_refused()
    {
        var admin = await server.SignInAsync(Role.Admin);
        var body = new ByteArrayContent([.. """{"name":"a"""u8, 0xC3, 0x28, .. "\"}"u8]);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/json");

        var answer = await admin.Http.PatchAsync("/api/v1/tenant", body);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("limit=many", "limit", "number")]
    [InlineData("role=boss", "role", "supervisor")]
    [InlineData("cursor=abc", "cursor", "next_cursor")]
    public async Task A_bad_parameter_is_named_with_what_it_takes(string query, string field, string says)
    {
        var admin = await server.SignInAsync(Role.Admin);

        var problem = await ReadAsync(await admin.Http.GetAsync($"/api/v1/users?{query}"), HttpStatusCode.BadRequest, "invalid_parameter");

        Assert.Contains(says, problem.GetProperty("errors").GetProperty(field)[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NUL_in_a_query_is_the_callers_mistake()
    {
        var admin = await server.SignInAsync(Role.Admin);

        await ReadAsync(await admin.Http.GetAsync("/api/v1/users?q=%00"), HttpStatusCode.BadRequest, "invalid_text");
    }

    [Fact]
    public async Task Every_other_refusal_is_a_problem_too()
    {
        var admin = await server.SignInAsync(Role.Admin);
        var plain = new StringContent("hello", Encoding.UTF8, "text/plain");

        await ReadAsync(await admin.Http.GetAsync("/api/v1/nothing"), HttpStatusCode.NotFound, "not_found");
        await ReadAsync(await admin.Http.GetAsync("/api/v1/users/no-id"), HttpStatusCode.NotFound, "not_found");
        await ReadAsync(await admin.Http.PutAsync("/api/v1/users", content: null), HttpStatusCode.MethodNotAllowed, "method_not_allowed");
        await ReadAsync(await admin.Http.PostAsync("/api/v1/users", plain), HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
        await ReadAsync(await admin.Http.PostAsync("/api/v1/users", content: null), HttpStatusCode.BadRequest, "body_required");
        await ReadAsync(await server.CreateClient().GetAsync("/api/v1/users"), HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task A_browser_that_asks_for_a_page_gets_the_problem_as_well()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/nothing") { Headers = { Accept = { new("text/html") } } };

        await ReadAsync(await server.CreateClient().SendAsync(request), HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused_before_it_is_read()
    {
        var admin = await server.SignInAsync(Role.Admin);
        var body = new StringContent($$"""{"name":"{{new string('x', 2_000_000)}}"}""", Encoding.UTF8, "application/json");

        await ReadAsync(await admin.Http.PatchAsync("/api/v1/tenant", body), HttpStatusCode.RequestEntityTooLarge, "body_too_large");
    }

    [Fact]
    public async Task Nesting_without_end_is_refused()
    {
        var admin = await server.SignInAsync(Role.Admin);
        var body = new StringContent($$"""{"x":{{new string('[', 10_000)}}""", Encoding.UTF8, "application/json");

        await ReadAsync(await admin.Http.PatchAsync("/api/v1/tenant", body), HttpStatusCode.BadRequest, "invalid_json");
    }

    [Fact]
    public async Task A_connection_lives_on_after_a_bad_body()
    {
        var admin = await server.SignInAsync(Role.Admin);
        var (bad, good) = (Raw("PATCH", "/api/v1/tenant", """{"name":5}"""), Raw("GET", "/api/v1/tenant", body: null));
        using var client = new TcpClient();
        await client.ConnectAsync(server.Address.Host, server.Address.Port);
        await using var stream = client.GetStream();

        var statuses = new List<string>();
        foreach (var request in new[] { bad, good, bad, good })
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(request));
            statuses.Add(await StatusAsync(stream));
        }

        Assert.Equal(["400", "200", "400", "200"], statuses);

        string Raw(string method, string path, string? body) =>
            $"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {admin.Token}\r\n"
            + (body is null ? "\r\n" : $"Content-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }

    [Theory]
    [InlineData("my-id_1.2:3", true)]
    [InlineData("two words", false)]
    [InlineData("<script>", false)]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789", false)]
    public async Task A_request_id_is_taken_over_when_it_can_stand_in_a_log(string id, bool taken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/nothing");
        request.Headers.TryAddWithoutValidation("X-Request-Id", id);

        var answer = await server.CreateClient().SendAsync(request);

        var given = Assert.Single(answer.Headers.GetValues("X-Request-Id"));
        Assert.Equal(taken, given == id);
        Assert.Equal(given, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("request_id").GetString());
    }

    [Fact]
    public async Task A_trace_that_comes_in_is_the_request_id()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health/live");
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

        var answer = await server.CreateClient().SendAsync(request);

        Assert.Equal("0af7651916cd43dd8448eb211c80319c", Assert.Single(answer.Headers.GetValues("X-Request-Id")));
    }

    [Fact]
    public async Task Every_answer_carries_the_security_headers_errors_too()
    {
        foreach (var path in new[] { "/", "/api/v1/nothing", "/api/v1/users", "/health", "/docs/access", "/api/v1/auth/state" })
        {
            var headers = (await server.CreateClient().GetAsync(path)).Headers;

            Assert.Contains("script-src 'self'", headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
            Assert.Equal("nosniff", headers.GetValues("X-Content-Type-Options").Single());
            Assert.Equal("DENY", headers.GetValues("X-Frame-Options").Single());
            Assert.False(headers.Contains("Server"));
        }
    }

    [Fact]
    public async Task The_short_prefix_is_the_current_version()
    {
        var member = await server.SignInAsync(Role.Member);

        Assert.Equal(await member.Http.GetStringAsync("/api/v1/auth/me"), await member.Http.GetStringAsync("/api/auth/me"));
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer, HttpStatusCode status, string code)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = JsonElement.Parse(text);
        Assert.Equal((status, code), (answer.StatusCode, problem.GetProperty("code").GetString()));
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        return problem;
    }

    /// <summary>Reads one answer off the connection, however it is framed.</summary>
    private static async Task<string> StatusAsync(NetworkStream stream)
    {
        var text = "";
        var buffer = new byte[4_096];
        while (!IsWhole(text))
        {
            var read = await stream.ReadAsync(buffer);
            if (read == 0)
                return $"closed after '{text}'";
            text += Encoding.Latin1.GetString(buffer, 0, read);
        }
        return text.Split(' ')[1];

        static bool IsWhole(string text)
        {
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end < 0)
                return false;
            var length = text.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
            return length >= 0 && length < end
                ? text.Length - end - 4 >= int.Parse(text.AsSpan(length + 16, text.IndexOf('\r', length) - length - 16), System.Globalization.CultureInfo.InvariantCulture)
                : text.EndsWith("0\r\n\r\n", StringComparison.Ordinal);
        }
    }
}
