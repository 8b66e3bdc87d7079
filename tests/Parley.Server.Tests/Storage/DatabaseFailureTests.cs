using System.Net.Sockets;
using Npgsql;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests.Storage;

public sealed class DatabaseFailureTests
{
    [Theory]
    [InlineData("57P01", true)] // the server shuts down
    [InlineData("57P03", true)] // the server starts
    [InlineData("53300", true)] // too many connections
    [InlineData("53100", true)] // disk full
    [InlineData("08006", true)] // connection failure
    [InlineData("25006", true)] // a standby
    [InlineData("23505", false)] // unique violation
    [InlineData("57014", false)] // query cancelled
    [InlineData("42P01", false)] // no such table: a bug
    public void What_PostgreSQL_says_decides(string sqlState, bool unavailable) =>
        Assert.Equal(unavailable, DatabaseFailure.IsUnavailable(new InvalidOperationException("in EF Core's clothes", new PostgresException("text", "ERROR", "ERROR", sqlState))));

    [Fact]
    public void A_broken_connection_is_unavailable() =>
        Assert.True(DatabaseFailure.IsUnavailable(new NpgsqlException("Exception while reading", new IOException("reset", new SocketException(104)))));

    [Fact]
    public void An_exhausted_pool_is_unavailable() =>
        Assert.True(DatabaseFailure.IsUnavailable(new NpgsqlException("The connection pool has been exhausted", new TimeoutException())));

    [Fact]
    public void Other_bugs_are_not() => Assert.False(DatabaseFailure.IsUnavailable(new InvalidOperationException("A bug", new IOException("of the disk"))));
}
