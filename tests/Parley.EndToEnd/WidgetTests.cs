using Microsoft.Playwright;

namespace Parley.EndToEnd;

/// <summary>The widget on somebody else's page, by keyboard, on a phone, in the dark, in Chinese, in two tabs.</summary>
public sealed class WidgetTests(Installation installation) : IClassFixture<Installation>, IDisposable
{
    private readonly Screens _screens = new();

    public void Dispose() => _screens.AssertAccessible();

    [Fact]
    public async Task Escape_closes_the_sheet_and_the_button_has_the_focus_again()
    {
        await using var site = await ForeignPage.ServeAsync(installation.Snippet, installation.Server.Address);
        var visitor = new VisitorPage(await installation.Browser.NewPersonAsync());
        await visitor.OpenAsync(site.Address);
        await VisitorPage.SeeFocusAsync(visitor.Field);

        await visitor.Page.Keyboard.PressAsync("Escape");

        await Assertions.Expect(visitor.Sheet).ToHaveCountAsync(0);
        await VisitorPage.SeeFocusAsync(visitor.Launcher);
    }

    [Fact]
    public async Task On_a_phone_the_sheet_fills_the_screen_and_keeps_the_keyboard_inside()
    {
        await using var site = await ForeignPage.ServeAsync(installation.Snippet, installation.Server.Address);
        var visitor = new VisitorPage(await installation.Browser.NewPersonAsync(390, 844, ColorScheme.Dark));
        await visitor.OpenAsync(site.Address);
        var box = await visitor.Sheet.BoundingBoxAsync();
        Assert.NotNull(box);
        Assert.Equal((0, 0, 390, 844), (box.X, box.Y, box.Width, box.Height));
        await _screens.LookAsync(visitor.Page, "widget-phone-dark");

        for (var i = 0; i < 12; i++)
        {
            await visitor.Page.Keyboard.PressAsync(i < 6 ? "Tab" : "Shift+Tab");

            Assert.True(await visitor.Sheet.EvaluateAsync<bool>("sheet => sheet.contains(sheet.getRootNode().activeElement)"));
        }
    }

    [Fact]
    public async Task It_speaks_Chinese_on_a_Chinese_page_and_leaves_Enter_to_the_input_method()
    {
        await using var site = await ForeignPage.ServeAsync(installation.Snippet, installation.Server.Address, language: "zh-CN");
        var page = await installation.Browser.NewPersonAsync(390, 844, locale: "zh-CN");
        await page.GotoAsync(site.Address.ToString());
        await page.GetByRole(AriaRole.Button, new() { Name = "打开聊天" }).ClickAsync();
        var field = page.GetByRole(AriaRole.Textbox, new() { Name = "输入消息" });
        await field.FillAsync("你好，我的订单在哪里？");
        await field.DispatchEventAsync("keydown", new { key = "Enter", isComposing = true });
        await Assertions.Expect(field).ToHaveValueAsync("你好，我的订单在哪里？");

        await field.PressAsync("Enter");

        await Assertions.Expect(page.Locator(".message.mine[data-seq]")).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator(".message.theirs[data-seq]")).ToHaveCountAsync(1);
        await Assertions.Expect(field).ToHaveValueAsync("");
        await _screens.LookAsync(page, "widget-phone-chinese");
    }

    [Fact]
    public async Task Two_tabs_of_a_site_share_the_conversation()
    {
        await using var site = await ForeignPage.ServeAsync(installation.Snippet, installation.Server.Address);
        var first = new VisitorPage(await installation.Browser.NewPersonAsync());
        await first.OpenAsync(site.Address);
        var second = new VisitorPage(await first.Page.Context.NewPageAsync());
        await second.OpenAsync(site.Address);

        await first.WriteAsync("From the first tab");
        await second.SeeStoredAsync("From the first tab");
        await second.WriteAsync("From the second tab");

        await first.SeeStoredAsync("From the second tab");
        await first.SeeAnswersAsync(2);
    }

    [Fact]
    public async Task A_file_is_sent_with_a_message_and_can_be_opened()
    {
        await using var site = await ForeignPage.ServeAsync(installation.Snippet, installation.Server.Address);
        var visitor = new VisitorPage(await installation.Browser.NewPersonAsync());
        await visitor.OpenAsync(site.Address);
        var choosing = visitor.Page.WaitForFileChooserAsync();
        await visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Attach files" }).ClickAsync();

        await (await choosing).SetFilesAsync(new FilePayload { Name = "receipt.txt", MimeType = "text/plain", Buffer = "Receipt 1042"u8.ToArray() });
        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Remove receipt.txt" })).ToBeVisibleAsync();
        await visitor.Field.FillAsync("Here it is");
        await visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Send" }).ClickAsync();
        await visitor.SeeStoredAsync("Here it is");
        await _screens.LookAsync(visitor.Page, "widget-file");

        var address = await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Open receipt.txt" }).GetAttributeAsync("href");
        using var http = new HttpClient();
        Assert.Equal("Receipt 1042", await http.GetStringAsync(address));
    }

    [Fact]
    public async Task A_message_that_comes_while_the_sheet_is_closed_shows_on_the_button_and_is_told_to_the_page()
    {
        await using var site = await ForeignPage.ServeAsync(installation.Snippet, installation.Server.Address);
        var visitor = new VisitorPage(await installation.Browser.NewPersonAsync());
        await visitor.OpenAsync(site.Address);
        await visitor.WriteAsync("Please write when you know");
        await visitor.SeeAnswersAsync(1);
        await visitor.Page.EvaluateAsync("() => Parley('on', 'message', (message) => { document.title = message.body; })");
        await visitor.Page.Keyboard.PressAsync("Escape");
        var conversation = await installation.FindConversationAsync("Please write when you know");

        await installation.Api.SendAsync(HttpMethod.Post, $"/conversations/{conversation}/handoff", new { to = "agent" });
        await installation.Api.SendAsync(HttpMethod.Post, $"/conversations/{conversation}/messages", new { body = "It arrives tomorrow" });

        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Open chat, 1 unread" })).ToBeVisibleAsync();
        await Assertions.Expect(visitor.Page).ToHaveTitleAsync("It arrives tomorrow");
        await _screens.LookAsync(visitor.Page, "widget-unread");
    }

    [Fact]
    public async Task The_sample_page_shows_the_widget_on_the_server_itself()
    {
        var visitor = new VisitorPage(await installation.Browser.NewPersonAsync());

        await visitor.OpenAsync(new(installation.Server.Address, "/demo"));
        await visitor.WriteAsync("Which tea do you like?");

        await visitor.SeeAnswersAsync(1);
        await _screens.LookAsync(visitor.Page, "demo");
    }
}
