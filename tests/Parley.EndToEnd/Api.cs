using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Parley.EndToEnd;

/// <summary>The HTTP API, as an administrator's program would use it.</summary>
internal sealed class Api : IDisposable
{
    private readonly HttpClient _http;

    private Api(HttpClient http) => _http = http;

    public static async Task<Api> SignInAsync(Uri server, string email, string password)
    {
        var api = new Api(new() { BaseAddress = server });
        await api.BeginSessionAsync("/api/v1/auth/login", new { email, password });
        return api;
    }

    /// <summary>Makes the first account of a new installation.</summary>
    public static async Task<Api> SetUpAsync(Uri server, Uri setupLink, string password)
    {
        var api = new Api(new() { BaseAddress = server });
        var setup_token = setupLink.Query["?token=".Length..];
        await api.BeginSessionAsync("/api/v1/auth/register", new { username = "ada", email = AgentPage.Email, password, full_name = "Ada Agent", setup_token });
        return api;
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var answer = await _http.GetAsync($"/api/v1{path}");
        return await ReadAsync(answer);
    }

    public async Task<JsonElement> SendAsync(HttpMethod method, string path, object body)
    {
        using var request = new HttpRequestMessage(method, $"/api/v1{path}") { Content = JsonContent.Create(body) };
        using var answer = await _http.SendAsync(request);
        return await ReadAsync(answer);
    }

    /// <summary>Every entry of a conversation, page by page.</summary>
    public async Task<IReadOnlyList<JsonElement>> TimelineAsync(string conversationId)
    {
        var entries = new List<JsonElement>();
        for (var after = 0L; ;)
        {
            var page = await GetAsync($"/conversations/{conversationId}/messages?after_seq={after}&limit=200");
            var items = page.GetProperty("items").EnumerateArray().OrderBy(entry => entry.GetProperty("seq").GetInt64()).ToList();
            if (items.Count == 0)
                return entries;
            entries.AddRange(items);
            after = items[^1].GetProperty("seq").GetInt64();
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task BeginSessionAsync(string path, object body)
    {
        using var answer = await _http.PostAsJsonAsync(path, body);
        var session = await ReadAsync(answer);
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", session.GetProperty("access_token").GetString());
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{answer.RequestMessage?.RequestUri}: {(int)answer.StatusCode} {text}");
        return text.Length == 0 ? default : JsonElement.Parse(text);
    }
}
