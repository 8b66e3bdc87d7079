using Parley.Server.Accounts;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;

namespace Parley.Server.Conversations.Live;

/// <summary><c>/ws/events</c>: everything that concerns one person: their conversations, the inbox, who is there.</summary>
internal sealed class EventsSocket(EventFeed feed, Presence presence, SessionSockets sessions, Caller caller, string? cursor) : ISocketHandler
{
    private Connection _connection = null!;
    private IDisposable? _attachment;
    private PresenceLease? _lease;

    internal static async Task AcceptAsync(HttpContext context, Sockets sockets, EventFeed feed, Presence presence, SessionSockets sessions, string? cursor)
    {
        if (context.User is not Caller caller)
            await sockets.RejectAsync(context, CloseCode.Unauthenticated, "unauthenticated");
        else if (caller.Kind is CallerKind.Visitor)
            await sockets.RejectAsync(context, CloseCode.Forbidden, "forbidden");
        else
            await sockets.AcceptAsync(context, new EventsSocket(feed, presence, sessions, caller, cursor));
    }

    public ValueTask OpenedAsync(Connection connection)
    {
        _connection = connection;
        sessions.Add(caller.SessionId, connection);
        Topic[] topics = caller.IsStaff
            ? [new(TopicKind.User, caller.Id), new(TopicKind.Tenant, caller.TenantId), new(TopicKind.TenantAgents, caller.TenantId)]
            : [new(TopicKind.User, caller.Id), new(TopicKind.Tenant, caller.TenantId)];
        _attachment = feed.Attach(caller.TenantId, connection, topics, cursor, new Sender(SenderType.Member, caller.Id, caller.Name));
        // A machine with a key is nobody to call.
        if (caller.Kind is CallerKind.User)
            _lease = presence.Enter(caller.TenantId, caller.Id);
        return ValueTask.CompletedTask;
    }

    public ValueTask ReceivedAsync(ReadOnlyMemory<byte> message)
    {
        if (!ClientFrame.TryRead(message.Span, out var frame, out var problem, out _))
            _connection.SendMalformed(problem);
        else if (frame.Type is ClientFrameType.Ping)
            SocketFrames.Pong(_connection, frame.T);
        else if (frame.Type is ClientFrameType.Presence)
            _lease?.Set(frame.Away);
        else
            _connection.SendMalformed("`type` must be one of ping, presence.");
        return ValueTask.CompletedTask;
    }

    public void Closed(CloseCode code)
    {
        sessions.Remove(caller.SessionId, _connection);
        _attachment?.Dispose();
        _lease?.Dispose();
    }
}
