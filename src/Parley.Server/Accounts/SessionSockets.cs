using System.Collections.Concurrent;
using Parley.Server.Realtime;

namespace Parley.Server.Accounts;

/// <summary>Which sockets were opened with which session, a user's or a visitor's, so that they end with it.</summary>
internal sealed class SessionSockets
{
    private readonly ConcurrentDictionary<Guid, Connection[]> _bySession = new();

    public SessionSockets(Sessions sessions) => sessions.Revoked += ids => Close(ids, CloseCode.Unauthenticated, "session ended");

    /// <summary>The sessions that have a socket open here.</summary>
    public ICollection<Guid> Open => _bySession.Keys;

    public void Add(Guid sessionId, Connection connection) =>
        _bySession.AddOrUpdate(sessionId, static (_, added) => [added], static (_, open, added) => [.. open, added], connection);

    public void Remove(Guid sessionId, Connection connection)
    {
        while (_bySession.TryGetValue(sessionId, out var open))
        {
            var left = Array.FindAll(open, other => other != connection);
            if (left.Length == 0 ? _bySession.TryRemove(KeyValuePair.Create(sessionId, open)) : _bySession.TryUpdate(sessionId, left, open))
                return;
        }
    }

    public void Close(IReadOnlyCollection<Guid> sessionIds, CloseCode code, string reason)
    {
        foreach (var id in sessionIds)
        {
            if (!_bySession.TryGetValue(id, out var open))
                continue;
            foreach (var connection in open)
                connection.Close(code, reason);
        }
    }
}
