using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Memory;

namespace Parley.Server.Storage;

/// <summary>Settings from a file <c>.env</c> in the working folder or the checkout: <c>NAME=value</c> lines. The environment itself wins over it.</summary>
internal static class DotEnv
{
    public static void AddDotEnv(this IConfigurationBuilder configuration, string contentRoot)
    {
        var file = new[] { contentRoot, DataFolder.FindCheckout() }.OfType<string>().Select(folder => Path.Combine(folder, ".env")).FirstOrDefault(File.Exists);
        if (file is null)
            return;
        var environment = configuration.Sources.ToList().FindIndex(source => source is EnvironmentVariablesConfigurationSource { Prefix: null or "" });
        configuration.Sources.Insert(Math.Max(environment, 0), new MemoryConfigurationSource { InitialData = Parse(File.ReadLines(file)) });
    }

    /// <summary>
    /// Reads lines as shells and Docker do: <c>#</c> starts a comment at the start of a line or after a space, <c>export</c> is skipped, single quotes
    /// keep everything, double quotes know <c>\n \t \" \\</c>; <c>__</c> in a name is a section, as in the environment. Other lines are skipped.
    /// </summary>
    internal static IEnumerable<KeyValuePair<string, string?>> Parse(IEnumerable<string> lines)
    {
        foreach (var raw in lines)
        {
            var line = raw.Trim();
            if (line.StartsWith("export ", StringComparison.Ordinal))
                line = line[7..].TrimStart();
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || line[0] == '#')
                continue;
            var name = line[..equals].TrimEnd().Replace("__", ":", StringComparison.Ordinal);
            yield return new(name, Value(line[(equals + 1)..].TrimStart()));
        }
    }

    private static string Value(string text)
    {
        if (text is ['\'', ..] && text.IndexOf('\'', 1) is > 0 and var single)
            return text[1..single];
        if (text is ['"', ..])
        {
            var value = new System.Text.StringBuilder();
            for (var i = 1; i < text.Length && text[i] != '"'; i++)
            {
                if (text[i] == '\\' && i + 1 < text.Length)
                    value.Append(text[++i] switch { 'n' => '\n', 't' => '\t', var other => other });
                else
                    value.Append(text[i]);
            }
            return value.ToString();
        }
        var comment = text.IndexOf(" #", StringComparison.Ordinal);
        return text[0..(comment < 0 ? text.Length : comment)].TrimEnd();
    }
}
