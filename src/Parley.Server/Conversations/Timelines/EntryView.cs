using System.Buffers;
using System.Text.Json;
using Parley.Server.Realtime;

namespace Parley.Server.Conversations.Timelines;

/// <summary>
/// Decides which entries a reader sees and how much of each. Everything that shows entries uses one: routes, sockets on replay and live, replies, prompts.
/// A caller's is <see cref="ConversationAccess.View"/>.
/// </summary>
internal sealed class EntryView
{
    /// <summary>The tenant's people: everything, notes included.</summary>
    public static readonly EntryView Full = new();

    /// <summary>The assistant: everything that was said in the open.</summary>
    public static readonly EntryView WithoutNotes = new() { SeesNotes = false };

    /// <summary>
    /// The visitor: what was said in the open, and of the events those that concern it. Models, token counts, reasons and colleagues are left out.
    /// </summary>
    public static readonly EntryView Visitor = new() { SeesNotes = false, IsVisitor = true };

    /// <summary>What a visitor sees of a message's metadata.</summary>
    private static readonly string[] _messageMembers = ["reply_id", "status", "truncated"];

    /// <summary>The events that a visitor sees, and what it sees of each.</summary>
    private static readonly Dictionary<string, string[]> _visitorEvents = new(StringComparer.Ordinal)
    {
        ["handoff"] = ["from", "to", "by", "owner_epoch"],
        ["status"] = ["from", "to"],
        ["rating"] = ["score", "comment"],
        ["reply_failed"] = ["reply_id"],
        ["no_assistant"] = ["reply_id"],
    };

    private static readonly string[] _visitorEventNames = [.. _visitorEvents.Keys];

    private EntryView()
    {
    }

    public bool SeesNotes { get; private init; } = true;

    public bool IsVisitor { get; private init; }

    /// <summary>What a subscription of this reader receives.</summary>
    public Audience Audience => IsVisitor ? Audience.Everyone : Audience.Staff;

    /// <summary>The names of the events that the reader sees; null for all.</summary>
    public string[]? Events => IsVisitor ? _visitorEventNames : null;

    /// <summary>Returns the entry as the reader sees it: the same instance when nothing is left out, null when the reader does not see it at all.</summary>
    public Entry? Of(Entry entry)
    {
        if (entry.Private && !SeesNotes)
            return null;
        if (!IsVisitor)
            return entry;
        if (entry.Kind is not EntryKind.Event)
        {
            return entry is { Model: null, Usage: null, Metadata: null }
                ? entry
                : entry with { Model = null, Usage = null, Metadata = entry.Metadata is { } data ? Reduce(data, _messageMembers) : null };
        }
        return entry.Metadata is { ValueKind: JsonValueKind.Object } metadata && metadata.TryGetProperty("event", out var name)
            && name.ValueKind is JsonValueKind.String && _visitorEvents.TryGetValue(name.GetString()!, out var members)
            ? entry with { Model = null, Usage = null, Metadata = Reduce(metadata, members) }
            : null;
    }

    /// <summary>Keeps <c>event</c> and the given members; of a person only the name.</summary>
    private static JsonElement Reduce(JsonElement metadata, string[] members)
    {
        var bytes = new ArrayBufferWriter<byte>(128);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            foreach (var member in metadata.EnumerateObject())
            {
                if (member.Name is not "event" && !members.Contains(member.Name, StringComparer.Ordinal))
                    continue;
                json.WritePropertyName(member.Name);
                if (member.Value.ValueKind is JsonValueKind.Object)
                    WriteName(json, member.Value);
                else
                    member.Value.WriteTo(json);
            }
            json.WriteEndObject();
        }
        return JsonElement.Parse(bytes.WrittenSpan);
    }

    private static void WriteName(Utf8JsonWriter json, JsonElement person)
    {
        json.WriteStartObject();
        if (person.TryGetProperty("name", out var name))
        {
            json.WritePropertyName("name"u8);
            name.WriteTo(json);
        }
        json.WriteEndObject();
    }
}
