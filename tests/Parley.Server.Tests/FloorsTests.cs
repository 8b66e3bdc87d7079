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
            from source in Sources()
            from used in NamedModules(source.Code)
            where Array.IndexOf(_floors, used) > source.Floor
            select $"{source.File} uses {used}";

        Assert.Empty(upward.Distinct());
    }

    [Theory]
    [InlineData("using Parley.Server.Assistants;")]
    [InlineData("services.AddJob<Assistants.Replies.ReplyJob>();")]
    [InlineData("global::Parley.Server.Assistants.Provider p;")]
    public void A_module_is_seen_however_it_is_named(string code) => Assert.Contains("Assistants", NamedModules(code));

    [Theory]
    [InlineData("db.Assistants.Where(all)")]
    [InlineData("// Assistants.ReplyJob reads it")]
    [InlineData("Scopes.Assistants.Length")]
    public void A_member_or_a_comment_is_no_module(string code) => Assert.DoesNotContain("Assistants", NamedModules(code));

    [Fact]
    public void The_SQL_of_a_module_names_no_table_of_one_above()
    {
        var owners =
            (from file in Directory.EnumerateFiles(Path.Combine(SourceFolder(), "Storage/schema"), "*.sql")
             let module = _floors.FirstOrDefault(floor => Path.GetFileNameWithoutExtension(file)[5..].Equals(floor, StringComparison.OrdinalIgnoreCase))
             where module is not null
             from table in CreatedTables().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value)
             select (table, module)).ToDictionary(owned => owned.table, owned => owned.module!);
        var upward =
            from source in Sources()
            from table in UsedTables().Matches(source.Code).Select(match => match.Groups[1].Value).Distinct()
            where owners.TryGetValue(table, out var owner) && Array.IndexOf(_floors, owner) > source.Floor
            select $"{source.File} reads or writes {table} of {owners[table]}";

        Assert.NotEmpty(owners);
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

    private static IEnumerable<(string File, int Floor, string Code)> Sources() =>
        from folder in ModuleFolders()
        from file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
        select (Path.GetRelativePath(SourceFolder(), file), Array.IndexOf(_floors, Path.GetFileName(folder)), File.ReadAllText(file));

    /// <summary>Returns the modules that code names: in full, or relative to <c>Parley.Server</c>, in which every file's namespace lies.</summary>
    private static IEnumerable<string> NamedModules(string code)
    {
        code = Comments().Replace(code, "");
        return ModuleNames().Matches(code).Concat(RelativeNames().Matches(code)).Select(match => match.Groups[1].Value).Where(_floors.Contains).Distinct();
    }

    [GeneratedRegex(@"//.*")]
    private static partial Regex Comments();

    [GeneratedRegex(@"\bParley\.Server\.(\w+)")]
    private static partial Regex ModuleNames();

    [GeneratedRegex(@"(?<![\w.""/])(?:global::)?([A-Z]\w+)\.[A-Z]\w*")]
    private static partial Regex RelativeNames();

    [GeneratedRegex(@"\bcreate table (?:if not exists )?(\w+)")]
    private static partial Regex CreatedTables();

    [GeneratedRegex(@"\b(?:from|join|insert into|update|delete from) ([a-z_]+)\b")]
    private static partial Regex UsedTables();
}
