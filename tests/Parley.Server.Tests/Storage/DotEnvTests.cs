using Microsoft.Extensions.Configuration;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests.Storage;

public sealed class DotEnvTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("parley-env-");

    [Theory]
    [InlineData("NAME=value", "value")]
    [InlineData("  export NAME = value  ", "value")]
    [InlineData("NAME=a b # comment", "a b")]
    [InlineData("NAME=a#b", "a#b")]
    [InlineData("NAME=\"a # b\\n\\\"c\\\"\" # comment", "a # b\n\"c\"")]
    [InlineData("NAME='a \"b\" \\n'", "a \"b\" \\n")]
    [InlineData("NAME=a=b", "a=b")]
    [InlineData("NAME=", "")]
    [InlineData("NAME=\"never closed", "never closed")]
    [InlineData("NAME='", "'")]
    public void A_line_is_read_as_shells_do(string line, string value) => Assert.Equal(value, Assert.Single(DotEnv.Parse([line]), pair => pair.Key == "NAME").Value);

    [Theory]
    [InlineData("")]
    [InlineData("# NAME=value")]
    [InlineData("NAME")]
    [InlineData("=value")]
    public void Other_lines_are_skipped(string line) => Assert.Empty(DotEnv.Parse([line]));

    [Fact]
    public void Two_underscores_make_a_section() => Assert.Equal("A:B", Assert.Single(DotEnv.Parse(["A__B=c"])).Key);

    [Fact]
    public void The_environment_wins_over_the_file()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, ".env"), "PARLEY_TEST_BOTH=file\nPARLEY_TEST_FILE=file\n");
        Environment.SetEnvironmentVariable("PARLEY_TEST_BOTH", "environment");
        var configuration = new ConfigurationManager();
        configuration.AddEnvironmentVariables();

        configuration.AddDotEnv(_folder.FullName);

        Assert.Equal(("environment", "file"), (configuration["PARLEY_TEST_BOTH"], configuration["PARLEY_TEST_FILE"]));
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("PARLEY_TEST_BOTH", null);
        _folder.Delete(recursive: true);
    }
}
