using Microsoft.Playwright;

namespace Parley.EndToEnd;

/// <summary>What an agent or administrator does in the console.</summary>
internal sealed class AgentPage(IPage page, Uri server, Screens screens)
{
    public const string Email = "ada@example.com";

    public IPage Page => page;

    public ILocator Timeline => page.GetByRole(AriaRole.Log, new() { Name = "Timeline" });

    /// <summary>Follows the one-time link that the server printed, and makes the first account.</summary>
    public async Task SetUpAsync(Uri link, string password)
    {
        await page.GotoAsync(link.ToString());
        await page.GetByLabel("Full name").FillAsync("Ada Agent");
        await page.GetByLabel("User name").FillAsync("ada");
        await page.GetByLabel("Email").FillAsync(Email);
        await page.GetByRole(AriaRole.Textbox, new() { Name = "Password" }).FillAsync(password);
        await screens.LookAsync(page, "setup");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create the account" }).ClickAsync();
        await Assertions.Expect(page.GetByText("No conversations yet")).ToBeVisibleAsync();
    }

    /// <summary>The built-in simulator, writing slowly enough that things can happen in the middle of an answer.</summary>
    public async Task AddSimulatorAsync()
    {
        await GoAsync("/settings/providers");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add provider" }).First.ClickAsync();
        var form = page.GetByRole(AriaRole.Dialog);
        await form.GetByRole(AriaRole.Combobox, new() { Name = "Kind" }).ClickAsync();
        await page.GetByRole(AriaRole.Option, new() { Name = "Simulator" }).ClickAsync();
        await form.GetByLabel("First token after").FillAsync("100");
        await form.GetByLabel("Tokens per second").FillAsync("20");
        await form.GetByLabel("Tokens per answer").FillAsync("60");
        await screens.LookAsync(page, "provider");
        await form.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Test", Exact = true }).First.ClickAsync();
        await Assertions.Expect(page.GetByText("answered in")).ToBeVisibleAsync();
        await screens.LookAsync(page, "providers");
    }

    /// <summary>The line that the administrator is told to paste.</summary>
    public async Task<string> ReadSnippetAsync()
    {
        await GoAsync("/settings/widget");
        var snippet = page.GetByText("<script").First;
        await Assertions.Expect(snippet).ToBeVisibleAsync();
        await screens.LookAsync(page, "widget-settings");
        return await snippet.InnerTextAsync();
    }

    public async Task OpenWaitingConversationAsync(string lastMessage)
    {
        await GoAsync("/inbox?view=waiting");
        var row = page.GetByRole(AriaRole.Link).Filter(new() { HasText = lastMessage });
        await Assertions.Expect(row).ToBeVisibleAsync();
        await screens.LookAsync(page, "inbox-waiting");
        await row.ClickAsync();
        await Assertions.Expect(Timeline).ToBeVisibleAsync();
    }

    public async Task TakeOverAsync()
    {
        await page.GetByRole(AriaRole.Button, new() { Name = "Take over" }).First.ClickAsync();
        await Assertions.Expect(page.GetByText("With you").First).ToBeVisibleAsync();
    }

    public Task GiveBackAsync() => page.GetByRole(AriaRole.Button, new() { Name = "Give back to the AI" }).ClickAsync();

    public Task ResolveAsync() => page.GetByRole(AriaRole.Button, new() { Name = "Resolve" }).ClickAsync();

    public async Task ReplyAsync(string text)
    {
        await ChooseAsync("Reply");
        await PostAsync("Write a message", text);
    }

    public async Task NoteAsync(string text)
    {
        await ChooseAsync("Note");
        await PostAsync("Write a note that only your team sees", text);
    }

    public Task SeeAsync(string text) => Assertions.Expect(Timeline.GetByText(text).First).ToBeVisibleAsync();

    private Task ChooseAsync(string what) =>
        page.GetByRole(AriaRole.Radiogroup, new() { Name = "What to write" }).GetByText(what, new() { Exact = true }).ClickAsync();

    private async Task PostAsync(string field, string text)
    {
        var composer = page.GetByRole(AriaRole.Textbox, new() { Name = field });
        await composer.FillAsync(text);
        await composer.PressAsync("Enter");
        await SeeAsync(text);
    }

    private async Task GoAsync(string path) => await page.GotoAsync(new Uri(server, path).ToString());
}
