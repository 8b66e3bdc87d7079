using System.Net.Http.Headers;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Parley.Server.Accounts;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests;

/// <summary>
/// The real server on a real port, with a database and a data folder of its own and a clock that the test moves. As a class fixture
/// (<c>IClassFixture&lt;TestServer&gt;</c>) it serves all tests of the class.
/// </summary>
public class TestServer : WebApplicationFactory<Program>, IAsyncLifetime
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("parley-test-");

    public TestDatabase Database { get; private set; } = null!;

    public TestClock Time { get; } = new();

    /// <summary>Where it listens; on the loopback interface.</summary>
    public Uri Address => ClientOptions.BaseAddress;

    /// <summary>The tenant that <see cref="SignInAsync"/> signs in to when none is named.</summary>
    public Guid TenantId { get; } = Guid.CreateVersion7();

    public virtual async Task InitializeAsync()
    {
        Database = await TestDatabase.CreateAsync();
        UseKestrel(0);
        StartServer();
    }

    /// <summary>Signs in a new person of <paramref name="role"/>: a client that sends the access token.</summary>
    internal async Task<SignedIn> SignInAsync(Role role, Guid? tenant = null, bool isOperator = false)
    {
        var (tenantId, userId, sessionId) = (tenant ?? TenantId, Guid.CreateVersion7(), Guid.CreateVersion7());
        var name = $"{role.ToString().ToLowerInvariant()}-{userId.ToString("n")[^6..]}";
        await using var insert = Database.DataSource.CreateBatch();
        insert.BatchCommands.Add(new("insert into tenants (id, name, created_at) values ($1, $2, now()) on conflict do nothing")
        {
            Parameters = { new() { Value = tenantId }, new() { Value = $"Tenant {tenantId.ToString("n")[^6..]}" } },
        });
        insert.BatchCommands.Add(new(
            """
            insert into users (tenant_id, id, username, email, full_name, password_hash, role, operator, created_at)
            values ($1, $2, $3, $3 || '@example.com', initcap($3), '', $4, $5, now())
            """)
        {
            Parameters = { new() { Value = tenantId }, new() { Value = userId }, new() { Value = name }, new() { Value = role.ToString().ToLowerInvariant() }, new() { Value = isOperator } },
        });
        insert.BatchCommands.Add(new(
            """
            insert into sessions (tenant_id, id, user_id, ip, user_agent, created_at, last_seen_at, expires_at)
            values ($1, $2, $3, '127.0.0.1', 'test', $4, $4, $5)
            """)
        {
            Parameters =
            {
                new() { Value = tenantId }, new() { Value = sessionId }, new() { Value = userId }, new() { Value = Time.Now }, new() { Value = Time.Now.AddYears(1) },
            },
        });
        await insert.ExecuteNonQueryAsync();
        var token = Services.GetRequiredService<AccessTokens>().IssueUser(tenantId, userId, sessionId, role, name, isOperator);
        var http = CreateClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return new SignedIn(tenantId, userId, name, token, http);
    }

    public new async Task DisposeAsync()
    {
        await base.DisposeAsync();
        if (Database is not null)
            await Database.DisposeAsync();
        _data.Delete(recursive: true);
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseSetting("DATABASE_URL", Database.ConnectionString);
        builder.UseSetting("DATA_DIR", _data.FullName);
        builder.ConfigureLogging(logs => logs.ClearProviders());
        builder.ConfigureTestServices(services => services.Replace(ServiceDescriptor.Singleton<TimeProvider>(Time)));
    }
}

/// <summary>A person who is signed in.</summary>
/// <param name="Http">Sends the token with each request; its base address is the server's.</param>
internal sealed record SignedIn(Guid TenantId, Guid UserId, string Name, string Token, HttpClient Http);
