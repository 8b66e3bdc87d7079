using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Parley.Server.Accounts;
using Parley.Server.Assistants.Replies;
using Parley.Server.Conversations.Timelines;
using Xunit;

namespace Parley.Server.Tests.Assistants;

/// <summary>Servers one after the other on one database.</summary>
public sealed class ReplyRecoveryTests : IAsyncLifetime
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly Guid _user = Guid.CreateVersion7();
    private readonly Guid _conversation = Guid.CreateVersion7();
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("parley-test-");
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        await _database.ExecuteAsync(
            $"""
             insert into tenants (id, name, created_at) values ('{_tenant}', 'T', now());
             insert into users (tenant_id, id, username, email, password_hash, role, created_at) values ('{_tenant}', '{_user}', 'a', 'a@example.com', '', 'admin', now());
             insert into conversations (tenant_id, id, kind, handler, created_by, last_activity_at, created_at, updated_at)
             values ('{_tenant}', '{_conversation}', 'assistant', 'ai', '{_user}', now(), now(), now())
             """);
    }

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task A_reply_that_a_stop_cut_off_is_given_again_by_the_next_server_once()
    {
        var told = new TaskCompletionSource();
        var lives = 0;
        await using var model = new FakeModelServer(async exchange =>
        {
            if (Interlocked.Increment(ref lives) > 1)
            {
                await exchange.SpeakAsync("The whole ", "answer.");
                return;
            }
            await exchange.BeginAsync();
            await exchange.WordAsync("The wh");
            told.SetResult();
            await exchange.UntilClientLeavesAsync();
        });
        Guid replyId;
        await using (var first = await StartAsync())
        {
            await AddProviderAsync(first, model);
            await AskAsync(first, "Tell me");
            await told.Task.WaitAsync(TimeSpan.FromSeconds(20));
            await UntilAsync("select text from replies", "The wh");
            replyId = await _database.QueryAsync<Guid>("select id from replies");
        }
        Assert.Equal("running", await _database.QueryAsync<string>("select status from replies"));

        await using var second = await StartAsync();
        await UntilAsync("select status from replies", "done");
        await UntilAsync("select count(*)::text from jobs where kind = 'reply'", "0");

        Assert.Equal(replyId, await _database.QueryAsync<Guid>("select id from replies"));
        Assert.Equal("The whole answer.", await _database.QueryAsync<string>($"select body from timeline_entries where conversation_id = '{_conversation}' and sender_type = 'assistant'"));
        Assert.Equal(2L, await _database.QueryAsync<long>($"select last_seq from conversations where id = '{_conversation}'"));
        Assert.Equal(["interrupted", "done"], await OutcomesAsync());
        Assert.True(await _database.QueryAsync<int>("select last_index from replies") >= 1_000, "pieces of the second life are not taken for those of the first");
    }

    [Fact]
    public async Task A_reply_whose_process_died_is_found_and_given_again()
    {
        await using var model = FakeModelServer.Speaking("Here ", "again.");
        await LeaveBehindAsync(model, handler: "ai");

        await using var next = await StartAsync();
        await UntilAsync("select status from replies", "done");

        Assert.Equal("Here again.", await _database.QueryAsync<string>($"select body from timeline_entries where conversation_id = '{_conversation}' and sender_type = 'assistant'"));
        Assert.Equal(["interrupted", "done"], await OutcomesAsync());
    }

    [Fact]
    public async Task A_reply_that_was_stored_before_its_process_died_is_not_given_again()
    {
        await using var model = FakeModelServer.Speaking("A second answer");
        var replyId = await LeaveBehindAsync(model, handler: "ai");
        await _database.ExecuteAsync(
            $"""
             insert into timeline_entries (tenant_id, conversation_id, seq, id, kind, sender_type, sender_name, body, private, client_id, created_at)
             values ('{_tenant}', '{_conversation}', 2, '{Guid.CreateVersion7()}', 'text', 'assistant', 'Assistant', 'The first answer', false, '{replyId}', now());
             update conversations set last_seq = 2
             """);

        await using var next = await StartAsync();
        await UntilAsync("select status from replies", "done");

        Assert.Empty(model.Requests);
        Assert.Equal(2L, await _database.QueryAsync<long>("select message_seq from replies"));
        Assert.Equal(2L, await _database.QueryAsync<long>($"select last_seq from conversations where id = '{_conversation}'"));
    }

    [Fact]
    public async Task Two_servers_that_hold_one_reply_end_it_once()
    {
        await using var model = FakeModelServer.Speaking("Mine");
        var replyId = await LeaveBehindAsync(model, handler: "ai");
        await using var next = await StartAsync();
        await UntilAsync("select status from replies", "done");
        var claim = new Claim(_tenant, _conversation, replyId, JobId: 0, AnswersSeq: 1, OwnerEpoch: 0, LastIndex: -1, [], IsNew: false);

        var ended = await next.Services.GetRequiredService<ReplyStore>().EndAsync(claim, ReplyStatus.Cancelled, "late", "m", "Other", 0, [], null, CancellationToken.None);

        Assert.False(ended);
        Assert.Equal("Mine", await _database.QueryAsync<string>("select text from replies"));
    }

    [Fact]
    public async Task A_reply_left_behind_is_not_given_when_a_person_has_taken_over()
    {
        await using var model = FakeModelServer.Speaking("Too late");
        await LeaveBehindAsync(model, handler: "agent");

        await using var next = await StartAsync();
        await UntilAsync("select status from replies", "cancelled");

        Assert.Empty(model.Requests);
        Assert.Equal("taken_over", await _database.QueryAsync<string>("select code from replies"));
    }

    /// <summary>What a server that was killed in mid-reply leaves in the database.</summary>
    private async Task<Guid> LeaveBehindAsync(FakeModelServer model, string handler)
    {
        await using (var first = await StartAsync())
            await AddProviderAsync(first, model);
        var replyId = Guid.CreateVersion7();
        await _database.ExecuteAsync(
            $$"""
              insert into timeline_entries (tenant_id, conversation_id, seq, id, kind, sender_type, sender_id, sender_name, body, private, created_at)
              values ('{{_tenant}}', '{{_conversation}}', 1, '{{Guid.CreateVersion7()}}', 'text', 'member', '{{_user}}', 'a', 'Hello?', false, now());
              update conversations set last_seq = 1, handler = '{{handler}}', owner_epoch = {{(handler is "ai" ? 0 : 1)}};
              with job as (
                  insert into jobs (tenant_id, kind, payload, attempts, locked_by, locked_until)
                  values ('{{_tenant}}', 'reply', '{"conversation_id": "{{_conversation}}", "seq": 1}', 1, '{{Guid.CreateVersion7()}}', now() + interval '30 seconds') returning id)
              insert into replies (tenant_id, id, conversation_id, status, job_id, answers_seq, owner_epoch, model, text, last_index, attempts, created_at, updated_at)
              select '{{_tenant}}', '{{replyId}}', '{{_conversation}}', 'running', id, 1, 0, 'm', 'Her', 0, '[{"provider": "fake", "model": "m", "outcome": "running"}]', now(), now() from job
              """);
        return replyId;
    }

    private async Task<List<string?>> OutcomesAsync() =>
        [.. JsonElement.Parse((await _database.QueryAsync<string>("select attempts::text from replies"))!).EnumerateArray().Select(attempt => attempt.GetProperty("outcome").GetString())];

    private async Task UntilAsync(string sql, string value)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await _database.QueryAsync<string>(sql) is var now && now != value)
        {
            if (limit.IsCancellationRequested)
                throw new TimeoutException($"{sql}: {now}, not {value}");
            await Task.Delay(20, CancellationToken.None);
        }
    }

    private async Task AskAsync(Life life, string body)
    {
        var result = await life.Services.GetRequiredService<Timeline>().AppendAsync(
            new Draft { TenantId = _tenant, ConversationId = _conversation, Sender = new Sender(SenderType.Member, _user, "a"), Body = body, WantsReply = true }, CancellationToken.None);
        Assert.True(result.ReplyOwed);
    }

    private async Task AddProviderAsync(Life life, FakeModelServer model)
    {
        using var http = life.CreateClient();
        var session = Guid.CreateVersion7();
        await _database.ExecuteAsync(
            $"""
             insert into sessions (tenant_id, id, user_id, ip, user_agent, created_at, last_seen_at, expires_at)
             values ('{_tenant}', '{session}', '{_user}', '127.0.0.1', 'test', now(), now(), now() + interval '1 day')
             """);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", life.Services.GetRequiredService<AccessTokens>().IssueUser(_tenant, _user, session, Role.Admin, "a", isOperator: false));
        var response = await http.PostAsJsonAsync("/api/v1/ai/providers", new { name = "fake", type = "openai_compatible", base_url = model.BaseUrl, models = new[] { "m" } });
        response.EnsureSuccessStatusCode();
    }

    private async Task<Life> StartAsync()
    {
        var life = new Life(_database.ConnectionString, _data.FullName);
        life.UseKestrel(0);
        await Task.Run(life.StartServer);
        return life;
    }

    /// <summary>A server from its start to its stop.</summary>
    private sealed class Life(string database, string data) : WebApplicationFactory<Program>
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseSetting("DATABASE_URL", database);
            builder.UseSetting("DATA_DIR", data);
            builder.UseSetting("ALLOW_PRIVATE_TARGETS", "true");
            builder.ConfigureLogging(logs => logs.ClearProviders());
        }
    }
}
