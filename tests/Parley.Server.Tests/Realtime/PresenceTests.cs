using Microsoft.Extensions.Options;
using Parley.Server.Realtime;
using Xunit;

namespace Parley.Server.Tests.Realtime;

public sealed class PresenceTests : IDisposable
{
    private static readonly Guid _tenant = Guid.CreateVersion7();
    private static readonly Guid _user = Guid.CreateVersion7();
    private readonly TestSockets _sockets = new();
    private readonly Presence _presence;
    private readonly List<PresenceState> _told = [];

    public PresenceTests()
    {
        _presence = new Presence(_sockets.Clock, Options.Create(_sockets.Options));
        _presence.Changed += change => _told.Add(change.State);
    }

    public void Dispose() => _sockets.Dispose();

    [Fact]
    public void A_person_is_online_while_one_device_is()
    {
        var phone = _presence.Enter(_tenant, _user);
        var desk = _presence.Enter(_tenant, _user);

        desk.Set(isAway: true);
        Assert.Equal(PresenceState.Online, _presence.StateOf(_tenant, _user));
        phone.Set(isAway: true);
        Assert.Equal(PresenceState.Away, _presence.StateOf(_tenant, _user));
        desk.Set(isAway: false);

        Assert.Equal([PresenceState.Online, PresenceState.Away, PresenceState.Online], _told);
    }

    [Fact]
    public void A_reload_of_the_page_is_no_absence()
    {
        _presence.Enter(_tenant, _user).Dispose();
        _sockets.Time.Advance(TimeSpan.FromSeconds(_sockets.Options.PresenceGraceSeconds - 1));

        _presence.Enter(_tenant, _user);
        _sockets.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal([PresenceState.Online], _told);
        Assert.Equal(PresenceState.Online, _presence.StateOf(_tenant, _user));
    }

    [Fact]
    public void Who_stays_away_is_offline_after_the_grace()
    {
        _presence.Enter(_tenant, _user).Dispose();

        _sockets.Time.Advance(TimeSpan.FromSeconds(_sockets.Options.PresenceGraceSeconds + 1));

        Assert.Equal([PresenceState.Online, PresenceState.Offline], _told);
        Assert.Equal(PresenceState.Offline, _presence.StateOf(_tenant, _user));
        Assert.Empty(_presence.InTenant(_tenant));
    }

    [Fact]
    public void Leaving_twice_counts_once()
    {
        var phone = _presence.Enter(_tenant, _user);
        _presence.Enter(_tenant, _user);

        phone.Dispose();
        phone.Dispose();
        phone.Set(isAway: true);
        _sockets.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(PresenceState.Online, _presence.StateOf(_tenant, _user));
    }

    [Fact]
    public void Tenants_do_not_see_each_other()
    {
        _presence.Enter(_tenant, _user);

        Assert.Equal(PresenceState.Offline, _presence.StateOf(Guid.CreateVersion7(), _user));
        Assert.Equal([_user], _presence.InTenant(_tenant).Keys);
    }

    [Fact]
    public async Task Changes_are_told_in_their_order_and_the_last_one_is_true()
    {
        var leases = Enumerable.Range(0, 4).Select(_ => _presence.Enter(_tenant, _user)).ToList();

        await Task.WhenAll(leases.Select(lease => Task.Run(() =>
        {
            for (var i = 0; i < 1_000; i++)
                lease.Set(isAway: i % 2 == 0);
            lease.Set(isAway: true);
        })));

        Assert.Equal(PresenceState.Away, _presence.StateOf(_tenant, _user));
        Assert.Equal(PresenceState.Away, _told[^1]);
        Assert.All(_told.Zip(_told.Skip(1)), change => Assert.NotEqual(change.First, change.Second));
    }
}
