using System.Globalization;

namespace Parley.EndToEnd;

/// <summary>A server that is set up, with a quick simulator, for tests that begin where the story's first chapter ends.</summary>
public sealed class Installation : IAsyncLifetime
{
    private readonly string _password = Guid.CreateVersion7().ToString();

    internal ServerProcess Server { get; } = new();

    internal Browser Browser { get; private set; } = null!;

    internal Api Api { get; private set; } = null!;

    internal string Snippet { get; private set; } = "";

    public async Task InitializeAsync()
    {
        await Server.StartAsync();
        Api = await Api.SetUpAsync(Server.Address, await Server.SetupLinkAsync(), _password);
        await Api.SendAsync(HttpMethod.Post, "/ai/providers", new
        {
            name = "simulator",
            type = "simulator",
            settings = new { first_token_ms = 20, tokens_per_second = 200, reply_tokens = 30 },
        });
        var settings = await Api.GetAsync("/widget/settings");
        Snippet = settings.GetProperty("snippet").GetString()!;
        Browser = await Browser.StartAsync();
    }

    /// <summary>A conversation that waits for a person, and its id.</summary>
    internal async Task<string> FindConversationAsync(string lastMessage)
    {
        var found = await Api.GetAsync(string.Create(CultureInfo.InvariantCulture, $"/search?q={Uri.EscapeDataString(lastMessage)}"));
        return found.GetProperty("items")[0].GetProperty("conversation").GetProperty("id").GetString()!;
    }

    public async Task DisposeAsync()
    {
        await Browser.DisposeAsync();
        Api.Dispose();
        await Server.DisposeAsync();
    }
}
