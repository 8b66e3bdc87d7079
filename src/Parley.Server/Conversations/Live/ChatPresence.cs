using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Live;

/// <summary>Who has a conversation with a visitor open now: the visitor, and the agents who look at it. In this process's memory.</summary>
internal sealed class ChatPresence(Topics topics)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(Guid Conversation, Guid Person), int> _open = [];

    public bool IsOpen(Guid conversationId, Guid personId)
    {
        lock (_gate)
            return _open.ContainsKey((conversationId, personId));
    }

    public void Enter(Guid conversationId, Guid personId)
    {
        lock (_gate)
        {
            var sockets = _open.GetValueOrDefault((conversationId, personId));
            _open[(conversationId, personId)] = sockets + 1;
            if (sockets == 0)
                Tell(conversationId, personId, PresenceState.Online);
        }
    }

    public void Leave(Guid conversationId, Guid personId)
    {
        lock (_gate)
        {
            var sockets = _open[(conversationId, personId)];
            if (sockets > 1)
            {
                _open[(conversationId, personId)] = sockets - 1;
                return;
            }
            _open.Remove((conversationId, personId));
            Tell(conversationId, personId, PresenceState.Offline);
        }
    }

    private void Tell(Guid conversationId, Guid personId, PresenceState state) =>
        topics.Publish(new Topic(TopicKind.Conversation, conversationId), Frame.Text((personId, state), static (json, change) =>
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "presence"u8);
            json.WriteString("user_id"u8, change.personId);
            json.WriteString("state"u8, change.state.Name());
            json.WriteEndObject();
        }));
}
