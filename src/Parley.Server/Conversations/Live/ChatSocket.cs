using System.Text.Json;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Files;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;

namespace Parley.Server.Conversations.Live;

/// <summary>What the sockets of conversations share.</summary>
internal sealed record ChatSocketParts(
    Timeline Timeline,
    EntryLog Entries,
    ConversationViews Views,
    Topics Topics,
    ChatPresence Presence,
    SessionSockets Sessions,
    ReadMarks Reads,
    Attachments Attachments,
    IHostApplicationLifetime Lifetime,
    IServiceProvider Services)
{
    private readonly Lazy<IRunningReplies?> _replies = new(Services.GetService<IRunningReplies>); // a module above this one brings it

    public IRunningReplies? Replies => _replies.Value;
}

/// <summary>
/// <c>/ws/chat/{id}</c>: one conversation, live. What the client may do was decided when it opened. Its subscription is held while the
/// log is read, so what it gets has no gap and no repeat.
/// </summary>
internal sealed class ChatSocket(ChatSocketParts parts, ConversationAccess access, Guid sessionId, long? afterSeq) : ISocketHandler
{
    private const int FramesPerWrite = 64;

    private Connection _connection = null!;
    private long _typingAt;

    /// <summary>What <see cref="ChatPresence.AudienceOfAsync"/> said; asked again while the visitor may not know of this one.</summary>
    private Audience _audience = Audience.Staff;

    private Topic Topic => new(TopicKind.Conversation, access.ConversationId);

    private bool SeesPresence => access.Kind is ConversationKind.Support;

    /// <summary>Opens the socket, or closes it with the code that says why not.</summary>
    internal static async Task AcceptAsync(
        Guid id, HttpContext context, Sockets sockets, ConversationRights rights, ChatSocketParts parts, long? after_seq)
    {
        if (context.User is not Caller caller)
        {
            await sockets.RejectAsync(context, CloseCode.Unauthenticated, "unauthenticated");
            return;
        }
        if (await rights.OpenAsync(caller, id, context.RequestAborted) is not { } access)
        {
            await sockets.RejectAsync(context, CloseCode.NotFound, "conversation_not_found");
            return;
        }
        if (access.SessionExpired)
        {
            await sockets.RejectAsync(context, CloseCode.SessionExpired, "session_expired");
            return;
        }
        await sockets.AcceptAsync(context, new ChatSocket(parts, access, caller.SessionId, after_seq));
    }

    public async ValueTask OpenedAsync(Connection connection)
    {
        _connection = connection;
        var stopping = parts.Lifetime.ApplicationStopping;
        parts.Sessions.Add(sessionId, connection);
        if (SeesPresence)
            parts.Presence.Enter(access.ConversationId, access.Sender.Id.GetValueOrDefault());
        try
        {
            var subscription = parts.Topics.SubscribeHeld(Topic, connection, access.Audience);
            if (await parts.Views.GetAsync(access, stopping) is not { } conversation)
            {
                connection.Close(CloseCode.NotFound, "conversation_not_found");
                return;
            }
            await ShowAsync();
            connection.Enqueue(Ready(conversation));

            // Without after_seq the client reads what it wants of the past by itself, up to the last_seq that it was told.
            var lastSeq = conversation.LastSeq;
            if (afterSeq is { } after)
            {
                var unwritten = 0;
                await foreach (var entry in parts.Entries.ReadAllAfterAsync(access.ConversationId, after, access.View, stopping))
                {
                    connection.Enqueue(Frame.Text(entry, TimelineDelivery.WriteMessage, entry.Seq));
                    lastSeq = entry.Seq;
                    // Many in one write, and never more than the queue holds.
                    if (++unwritten % FramesPerWrite == 0 && !await connection.FlushAsync(stopping))
                        return;
                }
            }
            subscription.Release(lastSeq);
            JoinReply(connection);
        }
        catch (NpgsqlException)
        {
            // The client comes back by itself, as after any restart.
            connection.Close(CloseCode.Restarting, "unavailable");
        }
        catch (OperationCanceledException)
        {
            connection.Close(CloseCode.Restarting, "restarting");
        }
    }

    public async ValueTask ReceivedAsync(ReadOnlyMemory<byte> message)
    {
        if (!ClientFrame.TryRead(message.Span, out var frame, out var problem, out var clientId))
        {
            _connection.SendMalformed(problem, clientId);
            return;
        }
        switch (frame.Type)
        {
            case ClientFrameType.Message:
                await SendAsync(frame);
                break;
            case ClientFrameType.Typing:
                await TypeAsync(frame);
                break;
            case ClientFrameType.Read:
                await MarkReadAsync(frame.Seq);
                break;
            case ClientFrameType.Stop:
                if (parts.Replies is { } replies)
                    await replies.CancelAsync(access.ConversationId, parts.Lifetime.ApplicationStopping);
                break;
            case ClientFrameType.Ping:
                SocketFrames.Pong(_connection, frame.T);
                break;
            case ClientFrameType.Presence:
                _connection.SendMalformed("`type` must be one of message, typing, read, stop, ping.");
                break;
        }
    }

    public void Closed(CloseCode code)
    {
        parts.Sessions.Remove(sessionId, _connection);
        if (SeesPresence)
            parts.Presence.Leave(access.ConversationId, access.Sender.Id.GetValueOrDefault());
    }

    private async ValueTask SendAsync(ClientFrame frame)
    {
        if (frame.Private && !access.IsStaff)
        {
            _connection.SendError("forbidden", "Only the tenant's people write notes.", frame.ClientId);
            return;
        }
        var attachments = frame.Attachments.Count == 0 ? [] : await FindAttachmentsAsync(frame);
        if (attachments is null)
            return;
        await parts.Timeline.AppendAsync(
            access.Message(frame.Body, frame.Kind, attachments, frame.Private, frame.ClientId), _connection, parts.Lifetime.ApplicationStopping);
    }

    private async Task<IReadOnlyList<Attachment>?> FindAttachmentsAsync(ClientFrame frame)
    {
        try
        {
            var attachments = await parts.Attachments.FindAsync(access.ConversationId, frame.Attachments, parts.Lifetime.ApplicationStopping);
            if (attachments is null)
                _connection.SendError("file_not_found", "One of `attachments` is not a file of this conversation.", frame.ClientId);
            return attachments;
        }
        catch (NpgsqlException)
        {
            _connection.SendError("unavailable", "The message could not be stored just now; send it again.", frame.ClientId);
            return null;
        }
    }

    private async ValueTask MarkReadAsync(long seq)
    {
        try
        {
            await parts.Reads.MarkAsync(access, seq, parts.Lifetime.ApplicationStopping);
        }
        catch (NpgsqlException)
        {
            _connection.SendError("unavailable", "Could not be marked as read just now.");
        }
    }

    /// <summary>Returns which subscribers may learn what this one does, and publishes its presence to the visitor as soon as it takes part.</summary>
    private async ValueTask<Audience> ShowAsync()
    {
        if (_audience is not Audience.Everyone)
            _audience = await parts.Presence.AudienceOfAsync(access, parts.Lifetime.ApplicationStopping);
        if (SeesPresence && _audience is Audience.Everyone)
            parts.Presence.Show(access.ConversationId, access.Sender.Id.GetValueOrDefault());
        return _audience;
    }

    /// <summary>
    /// Publishes `typing`, at most twice a second per socket; a stop is always published. A frame with `private`, whose author types a note, goes to the tenant's
    /// people alone.
    /// </summary>
    private async ValueTask TypeAsync(ClientFrame frame)
    {
        var on = frame.On;
        var now = Environment.TickCount64;
        if (on && now - _typingAt < 500)
            return;
        _typingAt = now;
        var audience = Audience.Staff;
        try
        {
            if (!frame.Private)
                audience = await ShowAsync();
        }
        catch (NpgsqlException)
        {
            // The database cannot say whether the visitor may know: publish to the tenant's people alone.
        }
        parts.Topics.Publish(Topic, Frame.Text((access.Sender, on), static (json, typing) =>
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "typing"u8);
            EntryJson.WriteSender(json, typing.Sender);
            json.WriteBoolean("on"u8, typing.on);
            json.WriteEndObject();
        }), audience);
    }

    /// <summary>
    /// The frames of replies have a topic of their own, to which the socket subscribes in the moment in which it is told how far the running one has come.
    /// Only now, after the log: the end of a reply must not overtake the entries before it.
    /// </summary>
    private void JoinReply(Connection connection)
    {
        void GoLive(Frame? start)
        {
            parts.Topics.Subscribe(new Topic(TopicKind.Reply, access.ConversationId), connection, access.Audience);
            if (start is not null)
                connection.TrySend(start);
        }

        if (access.Kind is not ConversationKind.Group)
            parts.Replies?.Join(access.ConversationId, access.View, GoLive);
    }

    private Frame Ready(ConversationResponse conversation) => Frame.Text((Socket: this, conversation), static (json, ready) =>
    {
        var (socket, conversation) = ready;
        var you = socket.Access.Sender;
        json.WriteStartObject();
        json.WriteString("type"u8, "ready"u8);
        json.WritePropertyName("conversation"u8);
        if (socket.Access.IsVisitor)
            JsonSerializer.Serialize(json, conversation.ForVisitor(), ConversationsJson.Default.VisitorConversationResponse);
        else
            JsonSerializer.Serialize(json, conversation, ConversationsJson.Default.ConversationResponse);
        json.WritePropertyName("you"u8);
        EntryJson.WriteSenderValue(json, you);
        json.WriteNumber("last_seq"u8, conversation.LastSeq);
        json.WriteStartArray("participants"u8);
        if (conversation.Contact is { } contact)
            socket.WriteParticipant(json, new Sender(SenderType.Visitor, contact.Id, contact.Name));
        if (conversation.Assignee is { } assignee)
            socket.WriteParticipant(json, new Sender(SenderType.Agent, assignee.Id, assignee.Name));
        if (you.Id != conversation.Contact?.Id && you.Id != conversation.Assignee?.Id)
            socket.WriteParticipant(json, you);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private ConversationAccess Access => access;

    private void WriteParticipant(Utf8JsonWriter json, Sender participant)
    {
        var isHere = participant.Id == access.Sender.Id || parts.Presence.IsOpen(access.ConversationId, participant.Id.GetValueOrDefault());
        json.WriteStartObject();
        EntryJson.WriteSenderMembers(json, participant);
        json.WriteString("presence"u8, isHere ? "online"u8 : "offline"u8);
        json.WriteEndObject();
    }
}

/// <summary>Frames that more than one kind of socket sends.</summary>
internal static class SocketFrames
{
    public static void Pong(Connection connection, double? t) => connection.TrySend(Frame.Text(t, static (json, t) =>
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "pong"u8);
        if (t is { } value)
            json.WriteNumber("t"u8, value);
        json.WriteEndObject();
    }));
}
