using System.Buffers;
using System.Text.Json;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Timelines;

/// <summary>The metadata of `kind: event` entries: `event` and its data.</summary>
internal static class TimelineEvents
{
    /// <summary>The handler changes. The timeline adds the new <c>owner_epoch</c>.</summary>
    public static JsonElement Handoff(Handler from, Handler to, string? reason, Sender by) => Of("handoff", json =>
    {
        json.WriteString("from"u8, from.Name());
        json.WriteString("to"u8, to.Name());
        if (!string.IsNullOrWhiteSpace(reason))
            json.WriteString("reason"u8, reason);
        WritePerson(json, "by"u8, by.Id, by.Name);
    });

    /// <param name="by">Null when the server did it by itself.</param>
    public static JsonElement Assigned(PersonName? from, PersonName? to, Sender? by) => Of("assigned", json =>
    {
        WritePerson(json, "from"u8, from?.Id, from?.Name);
        WritePerson(json, "to"u8, to?.Id, to?.Name);
        WritePerson(json, "by"u8, by?.Id, by?.Name);
        json.WriteBoolean("automatic"u8, by is null);
    });

    public static JsonElement Status(ConversationStatus from, ConversationStatus to, Sender by) => Of("status", json =>
    {
        json.WriteString("from"u8, from.Name());
        json.WriteString("to"u8, to.Name());
        WritePerson(json, "by"u8, by.Id, by.Name);
    });

    public static JsonElement Priority(Priority from, Priority to, Sender by) => Of("priority", json =>
    {
        json.WriteString("from"u8, from.Name());
        json.WriteString("to"u8, to.Name());
        WritePerson(json, "by"u8, by.Id, by.Name);
    });

    public static JsonElement Tags(IEnumerable<string> added, IEnumerable<string> removed, Sender by) => Of("tags", json =>
    {
        WriteTexts(json, "added"u8, added);
        WriteTexts(json, "removed"u8, removed);
        WritePerson(json, "by"u8, by.Id, by.Name);
    });

    public static JsonElement Rating(int score, string? comment) => Of("rating", json =>
    {
        json.WriteNumber("score"u8, score);
        if (comment is null)
            json.WriteNull("comment"u8);
        else
            json.WriteString("comment"u8, comment);
    });

    public static JsonElement Members(IEnumerable<PersonName> added, IEnumerable<PersonName> removed, Sender by) => Of("members", json =>
    {
        WritePeople(json, "added"u8, added);
        WritePeople(json, "removed"u8, removed);
        WritePerson(json, "by"u8, by.Id, by.Name);
    });

    /// <summary>The briefing of who takes over.</summary>
    public static JsonElement Summary(string text) => Of("summary", json => json.WriteString("text"u8, text));

    private static JsonElement Of(string name, Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("event"u8, name);
            write(json);
            json.WriteEndObject();
        }
        return JsonElement.Parse(bytes.WrittenSpan);
    }

    private static void WritePerson(Utf8JsonWriter json, ReadOnlySpan<byte> name, Guid? id, string? personName)
    {
        if (id is not { } known)
            return;
        json.WriteStartObject(name);
        WritePerson(json, known, personName);
    }

    private static void WritePeople(Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<PersonName> people)
    {
        json.WriteStartArray(name);
        foreach (var person in people)
        {
            json.WriteStartObject();
            WritePerson(json, person.Id, person.Name);
        }
        json.WriteEndArray();
    }

    private static void WritePerson(Utf8JsonWriter json, Guid id, string? name)
    {
        json.WriteString("id"u8, id);
        json.WriteString("name"u8, name);
        json.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
            json.WriteStringValue(text);
        json.WriteEndArray();
    }
}
