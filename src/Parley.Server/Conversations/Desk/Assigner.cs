using System.Collections.Concurrent;
using System.Threading.Channels;
using Npgsql;
using Parley.Server.Conversations.Live;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;

namespace Parley.Server.Conversations.Desk;

/// <summary>
/// Gives whoever waits for a person to the least busy agent who is online: when a conversation enters the queue, when an agent comes online
/// or has one less to do. Several nodes may do so at once: the timeline lets one assignment through.
/// </summary>
internal sealed partial class Assigner : BackgroundService
{
    /// <summary>Open conversations at which an agent gets no more by itself.</summary>
    private const int EnoughForOne = 10;
    private const int AtOnce = 50;
    private static readonly TimeSpan _lookAgain = TimeSpan.FromSeconds(10);

    private readonly NpgsqlDataSource _database;
    private readonly Presence _presence;
    private readonly Timeline _timeline;
    private readonly Briefings _briefings;
    private readonly ConversationFeed _feed;
    private readonly TimeProvider _time;
    private readonly ILogger<Assigner> _logger;
    private readonly ConcurrentDictionary<Guid, bool> _woken = new();
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Dictionary<Guid, long> _lastGiven = []; // the loop's alone
    private long _given;

    public Assigner(NpgsqlDataSource database, Presence presence, Timeline timeline, Briefings briefings, ConversationFeed feed, TimeProvider time, ILogger<Assigner> logger)
    {
        (_database, _presence, _timeline, _briefings, _feed, _time, _logger) = (database, presence, timeline, briefings, feed, time, logger);
        timeline.Appended += OnAppended;
        presence.Changed += OnPresence;
    }

    /// <summary>Has the tenant's queue looked at soon; never waits.</summary>
    public void Wake(Guid tenantId)
    {
        _woken[tenantId] = true;
        _signal.Writer.TryWrite(true);
    }

    public override void Dispose()
    {
        _timeline.Appended -= OnAppended;
        _presence.Changed -= OnPresence;
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                foreach (var tenantId in await TakeWokenAsync(stoppingToken))
                    await AssignAsync(tenantId, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogFailed(e); // the database is away: the next look finds what waits
            }
        }
    }

    private void OnAppended(EntryAppended appended)
    {
        // In the queue, or out of an agent's hands; a first message may begin the waiting of one that had no assistant.
        if (appended.Kind is ConversationKind.Support
            && (appended.Change is { Handler: not null } or { Status: not null } || appended.Entry is { Seq: 1, Sender.Type: SenderType.Visitor }))
            Wake(appended.TenantId);
    }

    private void OnPresence(PresenceChange change)
    {
        if (change.State is PresenceState.Online)
            Wake(change.TenantId);
    }

    /// <summary>The tenants to look at: those that were woken, and from time to time those where somebody waits (an agent's availability, another node).</summary>
    private async Task<ICollection<Guid>> TakeWokenAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(_lookAgain, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            await _signal.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return await WaitingTenantsAsync(cancellationToken);
        }
        var woken = new List<Guid>();
        foreach (var (tenantId, _) in _woken)
        {
            if (_woken.TryRemove(tenantId, out _))
                woken.Add(tenantId);
        }
        return woken;
    }

    private async Task<List<Guid>> WaitingTenantsAsync(CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand("select distinct tenant_id from conversations where handler = 'queue' and status in ('open', 'pending') and last_seq > 0 and deleted_at is null");
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var tenants = new List<Guid>();
        while (await row.ReadAsync(cancellationToken))
            tenants.Add(row.GetGuid(0));
        return tenants;
    }

    private async Task AssignAsync(Guid tenantId, CancellationToken cancellationToken)
    {
        await BeginWaitingAsync(tenantId, cancellationToken);
        var online = _presence.InTenant(tenantId).Where(person => person.Value is PresenceState.Online).Select(person => person.Key).ToArray();
        if (online.Length == 0)
            return;
        var agents = await ReadAgentsAsync(tenantId, online, cancellationToken);
        if (agents.Count == 0)
            return;
        foreach (var waiting in await ReadWaitingAsync(tenantId, cancellationToken))
        {
            // The least busy; among equals the one who has been given nothing for longest.
            var agent = agents.Where(a => a.Open < EnoughForOne).OrderBy(a => a.Open).ThenBy(a => _lastGiven.GetValueOrDefault(a.Id)).FirstOrDefault();
            if (agent is null)
                return;
            if (await GiveAsync(tenantId, waiting, agent, cancellationToken))
            {
                agent.Open++;
                _lastGiven[agent.Id] = ++_given;
            }
        }
    }

    private async Task<bool> GiveAsync(Guid tenantId, Waiting waiting, Agent agent, CancellationToken cancellationToken)
    {
        await _briefings.PrepareAsync(tenantId, waiting.ConversationId, waiting.Epoch, cancellationToken);
        var result = await _timeline.AppendAsync(
            new Draft
            {
                TenantId = tenantId,
                ConversationId = waiting.ConversationId,
                Kind = EntryKind.Event,
                Sender = Sender.System,
                Metadata = TimelineEvents.Assigned(null, new PersonName(agent.Id, agent.Name), by: null),
                Change = new ConversationChange { Handler = Handler.Agent, AssigneeId = agent.Id, OnlyIfUnassigned = true, OnlyIfHandler = Handler.Queue },
                IfEpoch = waiting.Epoch,
            },
            cancellationToken);
        if (result.Outcome is not AppendOutcome.Appended)
            return false; // somebody took it meanwhile
        await _briefings.BeginAsync(tenantId, waiting.ConversationId, waiting.Epoch, cancellationToken);
        return true;
    }

    /// <summary>A conversation that was begun in the queue waits from its first message on.</summary>
    private async Task BeginWaitingAsync(Guid tenantId, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand(
            """
            update conversations set waiting_since = last_activity_at
            where tenant_id = $1 and handler = 'queue' and waiting_since is null and status in ('open', 'pending') and last_seq > 0 and deleted_at is null
            returning id
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenantId });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            _feed.Changed(row.GetGuid(0));
    }

    private async Task<List<Agent>> ReadAgentsAsync(Guid tenantId, Guid[] online, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand(
            """
            select u.id, coalesce(nullif(u.full_name, ''), u.username),
                   (select count(*)::int from conversations c
                    where c.tenant_id = u.tenant_id and c.assignee_id = u.id and c.handler = 'agent' and c.status in ('open', 'pending') and c.deleted_at is null)
            from users u
            where u.tenant_id = $1 and u.id = any($2) and u.role = 'agent' and u.status = 'active' and u.availability = 'online' and u.deleted_at is null
              and coalesce((select w.auto_assign from widgets w where w.tenant_id = $1), true)
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenantId });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = online });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var agents = new List<Agent>();
        while (await row.ReadAsync(cancellationToken))
            agents.Add(new Agent(row.GetGuid(0), row.GetString(1)) { Open = row.GetInt32(2) });
        return agents;
    }

    private async Task<List<Waiting>> ReadWaitingAsync(Guid tenantId, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand(
            $"""
            select c.id, c.owner_epoch from conversations c
            where c.tenant_id = $1 and c.waiting_since is not null and c.deleted_at is null and c.handler = 'queue' and c.assignee_id is null
            order by {WaitingOrder.Of("c")} limit {AtOnce}
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenantId });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var waiting = new List<Waiting>();
        while (await row.ReadAsync(cancellationToken))
            waiting.Add(new Waiting(row.GetGuid(0), row.GetInt64(1)));
        return waiting;
    }

    [LoggerMessage(LogLevel.Warning, "Assigning waiting conversations failed")]
    private partial void LogFailed(Exception exception);

    private sealed record Agent(Guid Id, string Name)
    {
        public int Open { get; set; }
    }

    private readonly record struct Waiting(Guid ConversationId, long Epoch);
}

/// <summary>Who is served first: the more urgent, then the longer waiting.</summary>
internal static class WaitingOrder
{
    public static string Of(string table) => $"array_position(array['urgent', 'high', 'normal', 'low'], {table}.priority), {table}.waiting_since, {table}.id";
}
