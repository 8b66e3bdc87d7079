using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Xunit;

namespace Parley.Server.Tests;

public sealed partial class FloorsTests
{
    /// <summary>From the ground up: a module uses those before it. docs/decisions/0005-floors.md.</summary>
    private static readonly string[] _floors = ["Storage", "Operations", "Realtime", "Accounts", "Conversations", "Assistants", "Demo"];

    [Fact]
    public void Every_module_stands_on_a_floor() =>
        Assert.Equal(_floors.Order(), ModuleFolders().Select(Path.GetFileName).Order());

    [Fact]
    public void A_module_uses_those_below_it_and_none_above()
    {
        var upward =
            from folder in ModuleFolders()
            let floor = Array.IndexOf(_floors, Path.GetFileName(folder))
            from file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            from used in ModuleNames().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value).Distinct()
            where Array.IndexOf(_floors, used) > floor
            select $"{Path.GetFileName(folder)}/{Path.GetFileName(file)} uses {used}";

        Assert.Empty(upward);
    }

    [Fact]
    public void A_files_namespace_is_its_folder()
    {
        var elsewhere =
            from folder in ModuleFolders()
            from file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            let expected = "Parley.Server." + Path.GetRelativePath(SourceFolder(), Path.GetDirectoryName(file)!).Replace(Path.DirectorySeparatorChar, '.')
            where !File.ReadLines(file).Contains($"namespace {expected};")
            select $"{file} is not in {expected}";

        Assert.Empty(elsewhere);
    }

    private static IEnumerable<string> ModuleFolders() =>
        Directory.EnumerateDirectories(SourceFolder()).Where(folder => Directory.EnumerateFiles(folder, "*Module.cs").Any());

    private static string SourceFolder([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../src/Parley.Server"));

    [GeneratedRegex(@"\bParley\.Server\.(\w+)")]
    private static partial Regex ModuleNames();
}
