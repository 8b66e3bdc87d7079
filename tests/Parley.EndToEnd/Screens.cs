using Microsoft.Playwright;

namespace Parley.EndToEnd;

/// <summary>Keeps a picture of each screen that a test comes by, and what axe finds on it against WCAG 2.2 AA.</summary>
internal sealed class Screens
{
    private static readonly string[] _wcag = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

    private static readonly Lazy<string> _axe = new(() =>
        File.ReadAllText(Path.Combine(Checkout.Root, "web", "node_modules", "axe-core", "axe.min.js")));

    private readonly List<string> _found = [];

    public async Task LookAsync(IPage page, string name)
    {
        await page.ScreenshotAsync(new() { Path = Path.Combine(Checkout.Screenshots, $"{name}.png") });
        await page.EvaluateAsync(_axe.Value);
        var found = await page.EvaluateAsync<string[]>(
            """
            async (tags) => {
              const { violations } = await axe.run(document, { runOnly: tags });
              return violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => `${node.target.flat().join(' ')} ${node.any[0]?.message ?? ''}`).join('; ')}`);
            }
            """,
            _wcag);
        _found.AddRange(found.Select(violation => $"{name}: {violation}"));
    }

    /// <summary>At the end of a story, so that a pale label does not hide what else happens.</summary>
    public void AssertAccessible() => Assert.True(_found.Count == 0, string.Join('\n', _found));
}
