using System.Globalization;
using Npgsql;

namespace Parley.Server.Storage;

/// <summary>
/// Where the database is: <c>DATABASE_URL</c> (a <c>postgres://</c> address or Npgsql's <c>Host=…;Username=…</c>) or <c>DB_HOST, DB_PORT, DB_USER,
/// DB_PASSWORD, DB_NAME</c>; with neither the server runs a PostgreSQL of its own.
/// </summary>
internal static class DatabaseAddress
{
    /// <summary>Connections that one node keeps at most, when the address does not say otherwise.</summary>
    private const int PoolSize = 40;

    /// <returns>Null when nothing is configured.</returns>
    /// <exception cref="StartupException">What is configured cannot be read.</exception>
    public static NpgsqlConnectionStringBuilder? Read(IConfiguration configuration)
    {
        if (configuration["DATABASE_URL"] is { Length: > 0 } url)
            return WithDefaults(Parse(url));
        if (configuration["DB_HOST"] is not { Length: > 0 } host)
            return null;
        var port = configuration["DB_PORT"] is { Length: > 0 } text ? text : "5432";
        return WithDefaults(new NpgsqlConnectionStringBuilder
        {
            Host = host,
            Port = int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 65_535
                ? number
                : throw new StartupException($"DB_PORT is '{port}', which is no port."),
            Username = configuration["DB_USER"] is { Length: > 0 } user ? user : "parley",
            Password = configuration["DB_PASSWORD"],
            Database = configuration["DB_NAME"] is { Length: > 0 } name ? name : "parley",
        });
    }

    /// <summary>Sets what every connection of the server has, where the address leaves it open.</summary>
    public static NpgsqlConnectionStringBuilder WithDefaults(NpgsqlConnectionStringBuilder address)
    {
        Default("Application Name", "parley");
        Default("Maximum Pool Size", PoolSize);
        Default("Timeout", 5);
        Default("Keepalive", 30);
        Default("Max Auto Prepare", 100);
        Default("Auto Prepare Min Usages", 3);
        Default("Enlist", false);
        // Looking for a Kerberos library costs each start time and memory; who needs it says so in the address.
        Default("GSS Encryption Mode", "Disable");
        return address;

        void Default(string keyword, object value)
        {
            if (!address.ContainsKey(keyword) || !address.ShouldSerialize(keyword))
                address[keyword] = value;
        }
    }

    private static NpgsqlConnectionStringBuilder Parse(string url)
    {
        try
        {
            if (!url.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase) && !url.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase))
                return new NpgsqlConnectionStringBuilder(url);
            return ParseUri(url);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            // The address itself may hold the password, so it is not repeated.
            throw new StartupException(
                $"DATABASE_URL cannot be read ({e.Message.ReplaceLineEndings(" ")}). It looks like postgres://user:password@host:5432/database?sslmode=require, " +
                "with characters such as @ : / ? # in the password percent-encoded.", e);
        }
    }

    /// <summary>libpq's form: <c>postgres://[user[:password]@][host[:port][,…]][/database][?name=value&amp;…]</c>, every part percent-encoded.</summary>
    private static NpgsqlConnectionStringBuilder ParseUri(string url)
    {
        var address = new NpgsqlConnectionStringBuilder();
        var rest = url[(url.IndexOf("://", StringComparison.Ordinal) + 3)..];
        if (rest.Contains('#', StringComparison.Ordinal))
            throw new FormatException("a # stands in it");
        var (beforeQuery, query) = Cut(rest, rest.IndexOf('?', StringComparison.Ordinal));
        var (authority, database) = Cut(beforeQuery, beforeQuery.IndexOf('/', StringComparison.Ordinal));
        var at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            var (user, password) = Cut(authority[..at], authority[..at].IndexOf(':', StringComparison.Ordinal));
            if (user.Length > 0)
                address.Username = Uri.UnescapeDataString(user);
            if (password.Length > 0)
                address.Password = Uri.UnescapeDataString(password);
        }
        SetHosts(address, authority[(at + 1)..]);
        if (database.Length > 0)
            address.Database = Uri.UnescapeDataString(database);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = Cut(pair, pair.IndexOf('=', StringComparison.Ordinal));
            SetParameter(address, Uri.UnescapeDataString(name), Uri.UnescapeDataString(value));
        }
        if (address.Host is null or "")
            address.Host = "localhost";
        return address;
    }

    private static void SetHosts(NpgsqlConnectionStringBuilder address, string hosts)
    {
        if (hosts.Length == 0)
            return;
        if (hosts.Contains(',', StringComparison.Ordinal))
        {
            address.Host = Uri.UnescapeDataString(hosts); // several: Npgsql takes "a:1,b:2" as it stands
            return;
        }
        var colon = hosts.LastIndexOf(':');
        if (colon > hosts.LastIndexOf(']'))
        {
            if (colon < hosts.Length - 1)
                address.Port = int.Parse(hosts.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture);
            hosts = hosts[..colon];
        }
        address.Host = hosts is ['[', .., ']'] ? hosts[1..^1] : Uri.UnescapeDataString(hosts);
    }

    private static void SetParameter(NpgsqlConnectionStringBuilder address, string name, string value)
    {
        switch (name)
        {
            case "sslmode":
                address.SslMode = value switch
                {
                    "disable" => SslMode.Disable,
                    "allow" => SslMode.Allow,
                    "prefer" => SslMode.Prefer,
                    "require" => SslMode.Require,
                    "verify-ca" => SslMode.VerifyCA,
                    "verify-full" => SslMode.VerifyFull,
                    _ => throw new FormatException($"sslmode is '{value}', not one of disable, allow, prefer, require, verify-ca, verify-full"),
                };
                break;
            case "sslrootcert":
                address.RootCertificate = value;
                break;
            case "sslcert":
                address.SslCertificate = value;
                break;
            case "sslkey":
                address.SslKey = value;
                break;
            case "connect_timeout":
                address.Timeout = int.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture);
                break;
            case "application_name":
                address.ApplicationName = value;
                break;
            case "target_session_attrs":
                address.TargetSessionAttributes = value;
                break;
            case "dbname":
                address.Database = value;
                break;
            case "user":
                address.Username = value;
                break;
            default:
                address[name] = value; // host, port, password, options, and Npgsql's own keywords
                break;
        }
    }

    private static (string Before, string After) Cut(string text, int at) => at < 0 ? (text, "") : (text[..at], text[(at + 1)..]);
}
