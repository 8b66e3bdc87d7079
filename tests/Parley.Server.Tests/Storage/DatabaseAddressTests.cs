using Microsoft.Extensions.Configuration;
using Npgsql;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests.Storage;

public sealed class DatabaseAddressTests
{
    [Fact]
    public void With_nothing_configured_the_database_is_embedded() => Assert.Null(Read());

    [Fact]
    public void Empty_settings_are_no_settings() => Assert.Null(Read(("DATABASE_URL", ""), ("DB_HOST", "")));

    [Theory]
    [InlineData("postgres://ada:p%40ss%2Fw%3A%20%3F%23@db.example:6543/chat%20one", "db.example", 6543, "ada", "p@ss/w: ?#", "chat one")]
    [InlineData("postgresql://ada@db.example/chat", "db.example", 5432, "ada", null, "chat")]
    [InlineData("postgres://ada:secret@[::1]:5433/chat", "::1", 5433, "ada", "secret", "chat")]
    [InlineData("postgres://ada:secret@[fe80::1]/chat", "fe80::1", 5432, "ada", "secret", "chat")]
    [InlineData("postgres:///chat?host=/var/run/postgresql&user=ada", "/var/run/postgresql", 5432, "ada", null, "chat")]
    [InlineData("postgres://ada@%2Fvar%2Frun%2Fpostgresql/chat", "/var/run/postgresql", 5432, "ada", null, "chat")]
    [InlineData("postgres://ada:secret@one:5432,two:5433/chat", "one:5432,two:5433", 5432, "ada", "secret", "chat")]
    [InlineData("POSTGRES://ada@/chat", "localhost", 5432, "ada", null, "chat")]
    [InlineData("Host=db.example;Port=6543;Username=ada;Password=secret;Database=chat", "db.example", 6543, "ada", "secret", "chat")]
    public void An_address_is_read(string url, string host, int port, string user, string? password, string database)
    {
        var address = Read(("DATABASE_URL", url))!;

        Assert.Equal((host, port, user, password, database), (address.Host, address.Port, address.Username, address.Password, address.Database));
    }

    [Theory]
    [InlineData("disable", SslMode.Disable)]
    [InlineData("require", SslMode.Require)]
    [InlineData("verify-full", SslMode.VerifyFull)]
    public void Sslmode_is_taken_from_the_address(string name, SslMode mode) =>
        Assert.Equal(mode, Read(("DATABASE_URL", $"postgres://ada@db/chat?sslmode={name}"))!.SslMode);

    [Theory]
    [InlineData("postgres://ada:topsecret@db:port/chat")]
    [InlineData("postgres://ada:top#secret@db/chat")]
    [InlineData("postgres://ada:topsecret@db/chat?sslmode=sometimes")]
    [InlineData("postgres://ada:topsecret@db/chat?no_such_setting=1")]
    [InlineData("mysql://ada:topsecret@db/chat")]
    [InlineData("Host=db;Passwort=topsecret")]
    public void An_address_that_cannot_be_read_is_refused_without_showing_the_password(string url)
    {
        var refused = Assert.Throws<StartupException>(() => Read(("DATABASE_URL", url)));

        Assert.Contains("DATABASE_URL", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void Single_settings_serve_as_well()
    {
        var address = Read(("DB_HOST", "db.example"), ("DB_PORT", "6543"), ("DB_USER", "ada"), ("DB_PASSWORD", "p;'\"=x"), ("DB_NAME", "chat"))!;

        var read = new NpgsqlConnectionStringBuilder(address.ConnectionString);
        Assert.Equal(("db.example", 6543, "ada", "p;'\"=x", "chat"), (read.Host, read.Port, read.Username, read.Password, read.Database));
    }

    [Fact]
    public void A_port_that_is_none_is_named() =>
        Assert.Contains("DB_PORT", Assert.Throws<StartupException>(() => Read(("DB_HOST", "db"), ("DB_PORT", "70000"))).Message, StringComparison.Ordinal);

    [Fact]
    public void What_the_address_says_wins_over_our_defaults()
    {
        var address = Read(("DATABASE_URL", "postgres://ada@db/chat?Maximum%20Pool%20Size=7&application_name=mine&connect_timeout=9"))!;

        Assert.Equal((7, "mine", 9), (address.MaxPoolSize, address.ApplicationName, address.Timeout));
        Assert.Equal("parley", Read(("DATABASE_URL", "postgres://ada@db/chat"))!.ApplicationName);
    }

    private static NpgsqlConnectionStringBuilder? Read(params (string Name, string Value)[] settings) =>
        DatabaseAddress.Read(new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Name, setting => (string?)setting.Value)).Build());
}
