using System.Collections.Concurrent;

namespace Parley.Server.Accounts;

/// <summary>
/// Slows down who guesses passwords: after a few failures for an account, or from an address, the next attempt has to wait, each time twice as
/// long. In this process's memory. An attempt counts as failed from its beginning, so a hundred at once are no way around it.
/// </summary>
internal sealed class SignInThrottle(TimeProvider time)
{
    private const int FreeAttemptsPerAccount = 5;
    private const int FreeAttemptsPerAddress = 30;
    private const int MaxEntries = 50_000;
    private static readonly TimeSpan _longestWait = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _forgottenAfter = TimeSpan.FromMinutes(30);

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Whether an attempt may be made now; if not, how long until one may.</summary>
    public bool TryBegin(string account, string address, out TimeSpan wait)
    {
        if (!TryCount(AddressKey(address), FreeAttemptsPerAddress, out wait))
            return false;
        if (TryCount(AccountKey(account), FreeAttemptsPerAccount, out wait))
            return true;
        Uncount(AddressKey(address));
        return false;
    }

    /// <summary>It was the right password.</summary>
    public void Succeeded(string account, string address)
    {
        _entries.TryRemove(AccountKey(account), out _);
        Uncount(AddressKey(address));
    }

    private bool TryCount(string key, int free, out TimeSpan wait)
    {
        var now = time.GetUtcNow();
        if (_entries.Count > MaxEntries)
            Sweep(now);
        var entry = _entries.GetOrAdd(key, static _ => new Entry());
        lock (entry)
        {
            if (now - entry.LastAt > _forgottenAfter)
                (entry.Attempts, entry.OpenAt) = (0, default);
            wait = entry.OpenAt - now;
            if (wait > TimeSpan.Zero)
                return false;
            entry.Attempts++;
            entry.LastAt = now;
            var beyond = entry.Attempts - free;
            if (beyond >= 0)
                entry.OpenAt = now + TimeSpan.FromSeconds(Math.Min(_longestWait.TotalSeconds, Math.Pow(2, Math.Min(beyond, 16))));
            return true;
        }
    }

    private void Uncount(string key)
    {
        if (!_entries.TryGetValue(key, out var entry))
            return;
        lock (entry)
            entry.Attempts = Math.Max(0, entry.Attempts - 1);
    }

    private void Sweep(DateTimeOffset now)
    {
        foreach (var (key, entry) in _entries)
        {
            if (now - entry.LastAt > _forgottenAfter)
                _entries.TryRemove(key, out _);
        }
        if (_entries.Count > MaxEntries)
            _entries.Clear();
    }

    private static string AccountKey(string account) => $"account:{account.Trim().ToLowerInvariant()}";

    private static string AddressKey(string address) => $"address:{address}";

    private sealed class Entry
    {
        public int Attempts;
        public DateTimeOffset LastAt;
        public DateTimeOffset OpenAt;
    }
}
