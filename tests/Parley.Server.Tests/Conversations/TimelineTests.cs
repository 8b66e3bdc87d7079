using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using Parley.Server.Conversations;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class TimelineTests : IAsyncLifetime
{
    private readonly List<ServiceProvider> _nodes = [];
    private readonly Sender _visitor = new(SenderType.Visitor, Guid.CreateVersion7(), "Ada");
    private readonly Guid _tenant = Guid.CreateVersion7();
    private TestDatabase _database = null!;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        await ExecuteAsync("insert into tenants (id, name, created_at) values ($1, 'Test', now())", _tenant);
    }

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.GetRequiredService<Timeline>().StopAsync(CancellationToken.None);
            await node.DisposeAsync();
        }
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task Two_nodes_and_many_writers_leave_no_hole_and_keep_each_ones_order()
    {
        Timeline[] nodes = [await StartNodeAsync(), await StartNodeAsync()];
        Guid[] conversations = [await OpenAsync(), await OpenAsync(), await OpenAsync()];

        await Task.WhenAll(Enumerable.Range(0, 24).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
                await nodes[writer % 2].AppendAsync(Say(conversations[writer % 3], $"{writer}:{i}", clientId: $"{writer}:{i}"), CancellationToken.None);
        })));

        foreach (var conversation in conversations)
        {
            var log = await ReadAsync(conversation);
            Assert.Equal(Enumerable.Range(1, 8 * 50).Select(seq => (long)seq), log.Select(entry => entry.Seq));
            foreach (var writer in log.GroupBy(entry => entry.Body.Split(':')[0]))
                Assert.Equal(Enumerable.Range(0, 50), writer.Select(entry => int.Parse(entry.Body.Split(':')[1], null)));
        }
    }

    [Fact]
    public async Task The_same_client_id_is_stored_once_however_often_and_wherever_it_is_sent()
    {
        Timeline[] nodes = [await StartNodeAsync(), await StartNodeAsync()];
        var conversation = await OpenAsync();

        var results = await Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
            nodes[i % 2].AppendAsync(Say(conversation, "hello", clientId: "once"), CancellationToken.None).AsTask()));

        Assert.Single(results, result => result.Outcome is AppendOutcome.Appended);
        Assert.All(results, result => Assert.Equal((1L, results[0].Id, results[0].CreatedAt), (result.Seq, result.Id, result.CreatedAt)));
        Assert.Single(await ReadAsync(conversation));
    }

    [Fact]
    public async Task An_assistant_never_writes_after_a_person_took_over()
    {
        var timeline = await StartNodeAsync();
        var conversation = await OpenAsync();

        // Many answers begun under epoch 0 race with one handoff.
        var answers = Enumerable.Range(0, 100).Select(i => timeline.AppendAsync(
            new Draft
            {
                TenantId = _tenant,
                ConversationId = conversation,
                Sender = new Sender(SenderType.Assistant, null, "AI"),
                Body = $"answer {i}",
                IfEpoch = 0,
            }, CancellationToken.None).AsTask()).ToList();
        var handoff = timeline.AppendAsync(TakeOver(conversation), CancellationToken.None).AsTask();
        answers.AddRange(Enumerable.Range(0, 100).Select(i => timeline.AppendAsync(
            new Draft
            {
                TenantId = _tenant,
                ConversationId = conversation,
                Sender = new Sender(SenderType.Assistant, null, "AI"),
                Body = $"late {i}",
                IfEpoch = 0,
            }, CancellationToken.None).AsTask()));
        var results = await Task.WhenAll(answers);

        var takenOverAt = (await handoff).Seq;
        Assert.All(results, result => Assert.True(result.Outcome is AppendOutcome.Stale || result.Seq < takenOverAt));
        Assert.All(results[100..], result => Assert.Equal(AppendOutcome.Stale, result.Outcome));
        var log = await ReadAsync(conversation);
        Assert.Equal(takenOverAt, log[^1].Seq);
        Assert.Equal(1, log[^1].Metadata!.Value.GetProperty("owner_epoch").GetInt64());
    }

    [Fact]
    public async Task Of_two_who_take_over_at_once_one_does()
    {
        Timeline[] nodes = [await StartNodeAsync(), await StartNodeAsync()];
        var conversation = await OpenAsync();

        var results = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => nodes[i % 2].AppendAsync(TakeOver(conversation), CancellationToken.None).AsTask()));

        Assert.Single(results, result => result.Outcome is AppendOutcome.Appended);
        Assert.Equal(9, results.Count(result => result.Outcome is AppendOutcome.Stale));
        Assert.Single(await ReadAsync(conversation));
    }

    [Fact]
    public async Task What_the_database_cannot_keep_fails_alone()
    {
        var timeline = await StartNodeAsync();
        var conversation = await OpenAsync();

        var appends = Enumerable.Range(0, 20)
            .Select(i => timeline.AppendAsync(Say(conversation, i == 7 ? "a\0b" : "fine", clientId: $"{i}"), CancellationToken.None).AsTask()).ToList();

        await Assert.ThrowsAsync<PostgresException>(() => appends[7]);
        appends.RemoveAt(7);
        Assert.All(await Task.WhenAll(appends), result => Assert.True(result.IsStored));
        Assert.Equal(Enumerable.Range(1, 19).Select(seq => (long)seq), (await ReadAsync(conversation)).Select(entry => entry.Seq));
    }

    [Fact]
    public async Task Another_tenants_and_a_deleted_conversation_are_not_there()
    {
        var timeline = await StartNodeAsync();
        var conversation = await OpenAsync();
        var foreign = new Draft { TenantId = Guid.CreateVersion7(), ConversationId = conversation, Sender = Sender.System, Body = "x" };

        var fromAnotherTenant = await timeline.AppendAsync(foreign, CancellationToken.None);
        await ExecuteAsync("update conversations set deleted_at = now() where id = $1", conversation);
        var toADeletedOne = await timeline.AppendAsync(Say(conversation, "x"), CancellationToken.None);
        var changeOfADeletedOne = await timeline.AppendAsync(TakeOver(conversation), CancellationToken.None);

        Assert.Equal(AppendOutcome.NotFound, fromAnotherTenant.Outcome);
        Assert.Equal(AppendOutcome.NotFound, toADeletedOne.Outcome);
        Assert.Equal(AppendOutcome.NotFound, changeOfADeletedOne.Outcome);
        Assert.Empty(await ReadAsync(conversation));
    }

    [Fact]
    public async Task A_reply_is_owed_by_a_job_in_the_same_commit_while_the_ai_has_the_conversation()
    {
        var timeline = await StartNodeAsync();
        var conversation = await OpenAsync();

        var asked = await timeline.AppendAsync(Say(conversation, "hello?", wantsReply: true), CancellationToken.None);
        await timeline.AppendAsync(TakeOver(conversation), CancellationToken.None);
        var askedThePerson = await timeline.AppendAsync(Say(conversation, "hello, person?", wantsReply: true), CancellationToken.None);

        Assert.True(asked.ReplyOwed);
        Assert.False(askedThePerson.ReplyOwed);
        Assert.Equal(1L, await ScalarAsync("select count(*) from jobs where kind = 'reply' and (payload ->> 'seq')::bigint = $1", asked.Seq));
    }

    [Fact]
    public async Task The_first_message_of_a_customer_opens_a_resolved_conversation_again()
    {
        var timeline = await StartNodeAsync();
        var conversation = await OpenAsync();
        await timeline.AppendAsync(
            new Draft
            {
                TenantId = _tenant,
                ConversationId = conversation,
                Kind = EntryKind.Event,
                Sender = Sender.System,
                Change = new ConversationChange { Status = ConversationStatus.Resolved },
            }, CancellationToken.None);

        await Task.WhenAll(Enumerable.Range(0, 5).Select(i => timeline.AppendAsync(Say(conversation, $"one more thing {i}"), CancellationToken.None).AsTask()));

        Assert.Equal("open", await ScalarAsync("select status from conversations where id = $1", conversation));
        var opening = Assert.Single(await ReadAsync(conversation), entry => entry.Metadata is { } metadata && metadata.TryGetProperty("reopened", out _));
        Assert.Equal(2, opening.Seq);
    }

    [Fact]
    public async Task Nobody_writes_in_an_archived_conversation_but_the_system()
    {
        var timeline = await StartNodeAsync();
        var conversation = await OpenAsync();
        await ExecuteAsync("update conversations set status = 'archived' where id = $1", conversation);

        var visitor = await timeline.AppendAsync(Say(conversation, "hello?"), CancellationToken.None);
        var system = await timeline.AppendAsync(
            new Draft { TenantId = _tenant, ConversationId = conversation, Kind = EntryKind.Event, Sender = Sender.System }, CancellationToken.None);

        Assert.Equal(AppendOutcome.Archived, visitor.Outcome);
        Assert.Equal(AppendOutcome.Appended, system.Outcome);
    }

    [Fact]
    public async Task When_the_database_ends_a_connection_under_way_the_entry_is_stored_once_over_another()
    {
        var timeline = await StartNodeAsync();
        var conversation = await OpenAsync();
        await timeline.AppendAsync(Say(conversation, "before"), CancellationToken.None);
        Task<AppendResult> append;

        await using (var blocker = await _database.DataSource.OpenConnectionAsync())
        await using (var transaction = await blocker.BeginTransactionAsync())
        {
            await using (var hold = new NpgsqlCommand($"select from conversations where id = '{conversation}' for update", blocker, transaction))
                await hold.ExecuteNonQueryAsync();
            append = timeline.AppendAsync(Say(conversation, "during"), CancellationToken.None).AsTask();
            while ((long)(await ScalarAsync(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and pid <> $1", 0))! == 0)
            {
                await Task.Yield();
            }
        }

        var result = await append;
        Assert.Equal((AppendOutcome.Appended, 2L), (result.Outcome, result.Seq));
        Assert.Equal(["before", "during"], (await ReadAsync(conversation)).Select(entry => entry.Body));
    }

    [Fact]
    public async Task Those_who_listen_are_told_in_order_and_only_of_what_is_stored()
    {
        var timeline = await StartNodeAsync();
        var conversation = await OpenAsync();
        var told = new List<long>();
        timeline.Appended += appended => told.Add(appended.Entry.Seq);

        for (var i = 0; i < 50; i++)
            await timeline.AppendAsync(Say(conversation, "x", clientId: $"{i % 25}"), CancellationToken.None);

        Assert.Equal(Enumerable.Range(1, 25).Select(seq => (long)seq), told);
    }

    private Draft Say(Guid conversation, string body, string? clientId = null, bool wantsReply = false) => new()
    {
        TenantId = _tenant,
        ConversationId = conversation,
        Sender = _visitor,
        Body = body,
        ClientId = clientId,
        WantsReply = wantsReply,
    };

    private Draft TakeOver(Guid conversation) => new()
    {
        TenantId = _tenant,
        ConversationId = conversation,
        Kind = EntryKind.Event,
        Sender = Sender.System,
        IfEpoch = 0,
        Change = new ConversationChange { Handler = Handler.Agent },
    };

    private async Task<Guid> OpenAsync()
    {
        var id = Guid.CreateVersion7();
        await ExecuteAsync(
            "insert into conversations (tenant_id, id, kind, handler, last_activity_at, created_at, updated_at) values ($1, $2, 'support', 'ai', now(), now(), now())", _tenant, id);
        return id;
    }

    private Task<List<Entry>> ReadAsync(Guid conversation) =>
        new EntryLog(_database.DataSource).ReadAfterAsync(conversation, 0, EntryView.Full, limit: 10_000, CancellationToken.None);

    /// <summary>One more server's timeline on the same database.</summary>
    private async Task<Timeline> StartNodeAsync()
    {
        var services = new ServiceCollection();
        services.AddMetrics();
        services.AddLogging();
        services.AddOptions<RealtimeOptions>();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(_database.DataSource);
        services.AddSingleton<Jobs>();
        services.AddSingleton<IBus, InProcessBus>();
        services.AddSingleton<RealtimeMetrics>();
        services.AddSingleton<Topics>();
        services.AddSingleton<TimelineMetrics>();
        services.AddSingleton<Timeline>();
        services.AddSingleton<IOptions<TimelineOptions>>(Options.Create(new TimelineOptions { Writers = 2 }));
        var node = services.BuildServiceProvider();
        _nodes.Add(node);
        var timeline = node.GetRequiredService<Timeline>();
        await timeline.StartAsync(CancellationToken.None);
        return timeline;
    }

    private async Task ExecuteAsync(string sql, params object[] values)
    {
        await using var command = Command(sql, values);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<object?> ScalarAsync(string sql, params object[] values)
    {
        await using var command = Command(sql, values);
        return await command.ExecuteScalarAsync();
    }

    private NpgsqlCommand Command(string sql, object[] values)
    {
        var command = _database.DataSource.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}
