using System.Globalization;
using Parley.Server.Storage;

namespace Parley.Server.Operations;

/// <summary>Reads environment settings; a value that cannot be stops the start with one line that names it.</summary>
internal static class Settings
{
    extension(IConfiguration configuration)
    {
        public int Number(string name, int otherwise, int min, int max)
        {
            if (configuration[name] is not { Length: > 0 } text)
                return otherwise;
            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
                ? value
                : throw new StartupException($"{name} must be a number from {min} to {max}, not '{text}'.");
        }

        /// <summary>One of <paramref name="allowed"/>, of which the first stands when nothing is set.</summary>
        public string Choice(string name, params ReadOnlySpan<string> allowed)
        {
            if (configuration[name] is not { Length: > 0 } text)
                return allowed[0];
            foreach (var value in allowed)
            {
                if (value.Equals(text, StringComparison.OrdinalIgnoreCase))
                    return value;
            }
            throw new StartupException($"{name} must be one of {string.Join(", ", allowed.ToArray())}, not '{text}'.");
        }

        /// <summary>Under which browsers reach this server, without a slash at the end.</summary>
        public string PublicUrl()
        {
            if (configuration["PUBLIC_URL"] is not { Length: > 0 } url)
                return $"http://localhost:{configuration.Number("PORT", otherwise: 8080, min: 1, max: 65_535)}";
            return Uri.TryCreate(url, UriKind.Absolute, out var address) && address.Scheme is ("http" or "https")
                ? url.TrimEnd('/')
                : throw new StartupException($"PUBLIC_URL must be an address such as https://chat.example.com, not '{url}'.");
        }

        /// <summary>A list with commas between.</summary>
        public string[] List(string name) =>
            configuration[name]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
    }
}
