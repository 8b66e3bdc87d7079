namespace Parley.Server.Realtime;

internal enum PresenceState
{
    Offline,
    Away,
    Online,
}

internal readonly record struct PresenceChange(Guid TenantId, Guid UserId, PresenceState State);

/// <summary>
/// Who of a tenant's people is there, by the sockets they have open: online while one socket is, away while all that are left say so. Who closes the last one stays
/// for a few seconds more, for a reload of the page is no absence. In this process's memory.
/// </summary>
internal sealed class Presence
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, Dictionary<Guid, Person>> _tenants = [];
    private readonly HashSet<Person> _leaving = [];
    private readonly Queue<PresenceChange> _changes = [];
    private readonly Heartbeat _clock;
    private readonly int _graceSeconds;
    private bool _isTelling;

    public Presence(Heartbeat clock, Microsoft.Extensions.Options.IOptions<RealtimeOptions> options)
    {
        (_clock, _graceSeconds) = (clock, options.Value.PresenceGraceSeconds);
        clock.Beats += ShowOut;
    }

    /// <summary>Somebody's state as others see it is another one. Raised in the order of the changes, one at a time, on whichever thread caused one.</summary>
    public event Action<PresenceChange>? Changed;

    /// <summary>One more socket of a person, online until told otherwise; dispose it when the socket ends.</summary>
    public PresenceLease Enter(Guid tenantId, Guid userId)
    {
        PresenceLease lease;
        lock (_gate)
        {
            if (!_tenants.TryGetValue(tenantId, out var people))
                _tenants[tenantId] = people = [];
            if (!people.TryGetValue(userId, out var person))
                people[userId] = person = new Person(tenantId, userId);
            lease = new PresenceLease(this, person);
            person.Online++;
            _leaving.Remove(person);
            Update(person);
        }
        Tell();
        return lease;
    }

    public PresenceState StateOf(Guid tenantId, Guid userId)
    {
        lock (_gate)
            return _tenants.TryGetValue(tenantId, out var people) && people.TryGetValue(userId, out var person) ? person.State : PresenceState.Offline;
    }

    /// <summary>Everybody of a tenant who is not offline.</summary>
    public IReadOnlyDictionary<Guid, PresenceState> InTenant(Guid tenantId)
    {
        lock (_gate)
            return _tenants.TryGetValue(tenantId, out var people) ? people.ToDictionary(static p => p.Key, static p => p.Value.State) : [];
    }

    /// <summary>Moves one socket of a person from one state to another; <see cref="PresenceState.Offline"/> is none.</summary>
    internal void Move(Person person, PresenceState from, PresenceState to)
    {
        lock (_gate)
        {
            Count(person, from, -1);
            Count(person, to, 1);
            if (person.Sockets == 0 && _graceSeconds > 0)
            {
                person.LeftAt = _clock.Seconds;
                _leaving.Add(person);
            }
            else
            {
                Update(person);
            }
        }
        Tell();
    }

    private static void Count(Person person, PresenceState state, int change)
    {
        if (state is PresenceState.Online)
            person.Online += change;
        else if (state is PresenceState.Away)
            person.Away += change;
    }

    /// <summary>Called by the heartbeat: whose grace is over has left.</summary>
    private void ShowOut()
    {
        lock (_gate)
        {
            foreach (var person in _leaving)
            {
                if (_clock.Seconds - person.LeftAt < _graceSeconds)
                    continue;
                _leaving.Remove(person); // allowed while enumerating
                Update(person);
            }
        }
        Tell();
    }

    /// <summary>Under the gate.</summary>
    private void Update(Person person)
    {
        var state = person.Online > 0 ? PresenceState.Online : person.Away > 0 ? PresenceState.Away : PresenceState.Offline;
        if (state is PresenceState.Offline && _tenants.TryGetValue(person.TenantId, out var people) && people.Remove(person.UserId) && people.Count == 0)
            _tenants.Remove(person.TenantId);
        if (state == person.State)
            return;
        person.State = state;
        _changes.Enqueue(new PresenceChange(person.TenantId, person.UserId, state));
    }

    /// <summary>Raises what has changed, outside the gate but in order: whoever tells goes on until nothing is left to tell.</summary>
    private void Tell()
    {
        while (true)
        {
            PresenceChange change;
            lock (_gate)
            {
                if (_isTelling || !_changes.TryDequeue(out change))
                    return;
                _isTelling = true;
            }
            try
            {
                Changed?.Invoke(change);
            }
            finally
            {
                lock (_gate)
                    _isTelling = false;
            }
        }
    }

    internal sealed class Person(Guid tenantId, Guid userId)
    {
        public Guid TenantId => tenantId;

        public Guid UserId => userId;

        public int Online { get; set; }

        public int Away { get; set; }

        public int Sockets => Online + Away;

        /// <summary>As it was told.</summary>
        public PresenceState State { get; set; }

        /// <summary>The heartbeat's second at which the last socket closed.</summary>
        public int LeftAt { get; set; }
    }
}

/// <summary>One socket's part in its person's presence. Used by that socket alone.</summary>
internal sealed class PresenceLease : IDisposable
{
    private readonly Presence _presence;
    private readonly Presence.Person _person;
    private PresenceState _state = PresenceState.Online;

    internal PresenceLease(Presence presence, Presence.Person person) => (_presence, _person) = (presence, person);

    /// <summary>The person at this device is there, or has gone for coffee.</summary>
    public void Set(bool isAway) => Move(isAway ? PresenceState.Away : PresenceState.Online);

    public void Dispose() => Move(PresenceState.Offline);

    private void Move(PresenceState to)
    {
        if (_state == to || _state is PresenceState.Offline)
            return;
        _presence.Move(_person, _state, to);
        _state = to;
    }
}
