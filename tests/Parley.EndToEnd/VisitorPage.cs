using Microsoft.Playwright;

namespace Parley.EndToEnd;

/// <summary>What a visitor does with the widget on a page. Playwright looks through the shadow tree as a person does.</summary>
internal sealed class VisitorPage(IPage page)
{
    public IPage Page => page;

    public ILocator Launcher => page.GetByRole(AriaRole.Button, new() { NameRegex = new("^Open chat") });

    public ILocator Sheet => page.GetByRole(AriaRole.Dialog);

    public ILocator Field => page.GetByRole(AriaRole.Textbox, new() { Name = "Write a message" });

    /// <summary>An answer while it is being written.</summary>
    public ILocator RunningReply => page.Locator("[data-reply] .rich");

    /// <summary>Messages that stand in the timeline.</summary>
    public ILocator Messages => page.Locator(".message[data-seq]");

    public ILocator Theirs => page.Locator(".message.theirs[data-seq]");

    public async Task OpenAsync(Uri address)
    {
        await page.GotoAsync(address.ToString());
        await Launcher.ClickAsync();
        await Assertions.Expect(Sheet).ToBeVisibleAsync();
    }

    public async Task WriteAsync(string text)
    {
        await Field.FillAsync(text);
        await Field.PressAsync("Enter");
    }

    /// <summary>Until the message stands in the timeline, which is once the server has stored it.</summary>
    public Task SeeStoredAsync(string text) =>
        Assertions.Expect(page.Locator(".message.mine[data-seq]").Filter(new() { HasText = text })).ToHaveCountAsync(1);

    public Task SeeAsync(string text) => Assertions.Expect(Sheet.GetByText(text).First).ToBeVisibleAsync();

    /// <summary>Within the shadow tree; whether the window has the system's focus depends on what other windows a test has open.</summary>
    public static async Task SeeFocusAsync(ILocator locator) =>
        await locator.Page.WaitForFunctionAsync("element => element.getRootNode().activeElement === element", await locator.ElementHandleAsync());

    /// <summary>Until there is an answer that is done, with <paramref name="count"/> of them in all.</summary>
    public async Task SeeAnswersAsync(int count)
    {
        await Assertions.Expect(page.Locator("[data-reply]")).ToHaveCountAsync(0);
        await Assertions.Expect(Theirs).ToHaveCountAsync(count);
    }

    /// <summary>The text of the running answer once there is some.</summary>
    public async Task<string> SeeAnswerBeginAsync()
    {
        await Assertions.Expect(RunningReply).Not.ToBeEmptyAsync();
        return await RunningReply.InnerTextAsync();
    }
}
