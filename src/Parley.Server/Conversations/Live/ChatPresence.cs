using Npgsql;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Live;

/// <summary>
/// Who has a conversation with a visitor open now: the visitor, and the agents who look at it. In this process's memory. A visitor learns only of those who take
/// part: the assignee, and people who have written to it.
/// </summary>
internal sealed class ChatPresence(Topics topics, NpgsqlDataSource database)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(Guid Conversation, Guid Person), Attendance> _open = [];

    public bool IsOpen(Guid conversationId, Guid personId)
    {
        lock (_gate)
            return _open.ContainsKey((conversationId, personId));
    }

    /// <summary>Returns which subscribers may learn what the caller does here: everyone when it takes part, else the tenant's people alone.</summary>
    public async ValueTask<Audience> AudienceOfAsync(ConversationAccess access, CancellationToken cancellationToken)
    {
        if (access.IsVisitor || access.Kind is not ConversationKind.Support)
            return Audience.Everyone;
        await using var command = database.CreateCommand(
            """
            select coalesce(c.assignee_id = $2, false)
                or exists (select from timeline_entries e where e.conversation_id = c.id and e.sender_id = $2 and not e.private and e.kind <> 'event')
            from conversations c where c.id = $1
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = access.ConversationId });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = access.Sender.Id.GetValueOrDefault() });
        return await command.ExecuteScalarAsync(cancellationToken) is true ? Audience.Everyone : Audience.Staff;
    }

    /// <summary>Counts a socket of the person, and publishes `presence` with the first.</summary>
    public void Enter(Guid conversationId, Guid personId)
    {
        lock (_gate)
        {
            var here = _open.GetValueOrDefault((conversationId, personId));
            _open[(conversationId, personId)] = here with { Sockets = here.Sockets + 1 };
            if (here.Sockets == 0)
                Publish(conversationId, personId, PresenceState.Online, Audience.Staff);
        }
    }

    /// <summary>Publishes to the visitor, once, that the person is here.</summary>
    public void Show(Guid conversationId, Guid personId)
    {
        lock (_gate)
        {
            if (!_open.TryGetValue((conversationId, personId), out var here) || here.IsShown)
                return;
            _open[(conversationId, personId)] = here with { IsShown = true };
            Publish(conversationId, personId, PresenceState.Online, Audience.Visitors);
        }
    }

    public void Leave(Guid conversationId, Guid personId)
    {
        lock (_gate)
        {
            var here = _open[(conversationId, personId)];
            if (here.Sockets > 1)
            {
                _open[(conversationId, personId)] = here with { Sockets = here.Sockets - 1 };
                return;
            }
            _open.Remove((conversationId, personId));
            Publish(conversationId, personId, PresenceState.Offline, here.IsShown ? Audience.Everyone : Audience.Staff);
        }
    }

    private void Publish(Guid conversationId, Guid personId, PresenceState state, Audience audience) =>
        topics.Publish(new Topic(TopicKind.Conversation, conversationId), Frame.Text((personId, state), static (json, change) =>
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "presence"u8);
            json.WriteString("user_id"u8, change.personId);
            json.WriteString("state"u8, change.state.Name());
            json.WriteEndObject();
        }), audience);

    /// <param name="IsShown">Whether the visitor was told.</param>
    private readonly record struct Attendance(int Sockets, bool IsShown);
}
