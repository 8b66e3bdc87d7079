using System.Text.Json.Nodes;

namespace Parley.Server.Demo;

/// <param name="Name">As the visitor gives it.</param>
/// <param name="Page">Where on the shop's site it is.</param>
/// <param name="Lines">What it writes, one after each answer.</param>
/// <param name="WantsPerson">Whether it asks for a person at the end, and waits for one.</param>
internal sealed record VisitorScript(string Name, string Email, string Page, string Locale, IReadOnlyList<string> Lines, bool WantsPerson);

/// <summary>Somebody with a question: opens the widget, writes, reads the answers, perhaps asks for a person, rates and leaves.</summary>
internal sealed class ScriptedVisitor(Uri server, string widgetKey, VisitorScript script)
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    public static readonly IReadOnlyList<VisitorScript> Scripts =
    [
        new("Marie", "marie@visitor.example", "/checkout", "en", ["Hi, where is my order 1042?", "It was promised for Tuesday.", "Can somebody look into it, please?"], WantsPerson: true),
        new("王芳", "wangfang@visitor.example", "/lamps/desk", "zh-CN", ["你好，这款台灯可以调节色温吗？", "保修期是多久？", "好的，谢谢！"], WantsPerson: false),
        new("Jonas", "jonas@visitor.example", "/returns", "en", ["How do I return a lamp that flickers?", "Do I have to pay for the parcel?"], WantsPerson: false),
        new("Amara", "amara@visitor.example", "/lamps/floor", "en", ["Does the floor lamp fit E27 bulbs?", "And is there one in brass?", "I would like to order ten for our office."], WantsPerson: true),
        new("さくら", "sakura@visitor.example", "/", "en", ["日本への配送はできますか？", "送料はいくらですか？"], WantsPerson: false),
    ];

    public async Task VisitAsync(CancellationToken cancellationToken)
    {
        using var client = new DemoClient(server);
        var session = await client.PostAsync("/api/v1/widget/sessions",
            new JsonObject
            {
                ["widget_key"] = widgetKey,
                ["visitor"] = new JsonObject { ["name"] = script.Name, ["email"] = script.Email },
                ["page_url"] = $"https://lamps.example{script.Page}",
                ["locale"] = script.Locale,
            }, cancellationToken);
        var token = session["token"]!.GetValue<string>();
        var conversationId = session["conversation_id"]!.GetValue<string>();
        client.SignIn(token);

        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        leaving.CancelAfter(_patience);
        using var socket = await client.ConnectAsync(conversationId, token, leaving.Token);
        try
        {
            foreach (var (line, n) in script.Lines.Select((line, n) => (line, n)))
            {
                await socket.SendAsync(new JsonObject { ["type"] = "typing", ["on"] = true }, leaving.Token);
                await Task.Delay(TimeSpan.FromMilliseconds(1_500 + (line.Length * 40)), leaving.Token);
                await socket.SendAsync(new JsonObject { ["type"] = "message", ["client_id"] = $"{n}-{Guid.CreateVersion7()}", ["body"] = line }, leaving.Token);
                await AnswerAsync(socket, leaving.Token);
                await Task.Delay(TimeSpan.FromSeconds(3), leaving.Token);
            }
            if (script.WantsPerson)
            {
                await client.PostAsync($"/api/v1/conversations/{conversationId}/handoff", new JsonObject { ["to"] = "agent" }, leaving.Token);
                await AnswerAsync(socket, leaving.Token);
                return;
            }
            await client.PostAsync($"/api/v1/conversations/{conversationId}/rating", new JsonObject { ["score"] = 5 }, leaving.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Nobody answered in time: the visitor closes the page.
        }
    }

    /// <summary>Reads until somebody else has said something.</summary>
    private static async Task AnswerAsync(DemoSocket socket, CancellationToken cancellationToken)
    {
        while (await socket.ReceiveAsync(cancellationToken) is { } frame)
        {
            if (frame["type"]!.GetValue<string>() is "message" && frame["message"]!["sender"]!["type"]!.GetValue<string>() is "assistant" or "agent")
                return;
        }
    }
}
