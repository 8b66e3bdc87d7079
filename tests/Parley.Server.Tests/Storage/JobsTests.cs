using Xunit;

namespace Parley.Server.Tests.Storage;

public sealed class JobsTests(TestServer server) : IClassFixture<TestServer>
{
    [Fact]
    public async Task A_server_starts() =>
        Assert.True((await server.CreateClient().GetAsync("/health/live")).IsSuccessStatusCode);
}
