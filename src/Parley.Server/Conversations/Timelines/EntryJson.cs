using System.Text.Json;
using System.Text.Json.Serialization;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Timelines;

/// <summary>The one shape of an entry on the wire, in frames and in answers.</summary>
internal sealed class EntryJson : JsonConverter<Entry>
{
    public override void Write(Utf8JsonWriter writer, Entry value, JsonSerializerOptions options) => Write(writer, value);

    public static void Write(Utf8JsonWriter json, Entry entry)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, entry.Id);
        json.WriteString("conversation_id"u8, entry.ConversationId);
        json.WriteNumber("seq"u8, entry.Seq);
        json.WriteString("kind"u8, entry.Kind.Name());
        WriteSender(json, entry.Sender);
        json.WriteString("body"u8, entry.Body);
        json.WriteStartArray("attachments"u8);
        foreach (var attachment in entry.Attachments)
            Write(json, attachment);
        json.WriteEndArray();
        json.WriteBoolean("private"u8, entry.Private);
        if (entry.ClientId is { } clientId)
            json.WriteString("client_id"u8, clientId);
        else
            json.WriteNull("client_id"u8);
        json.WritePropertyName("metadata"u8);
        if (entry.Metadata is { } metadata)
        {
            metadata.WriteTo(json);
        }
        else
        {
            json.WriteStartObject();
            json.WriteEndObject();
        }
        if (entry.Model is { } model)
            json.WriteString("model"u8, model);
        if (entry.Usage is { } usage)
        {
            json.WritePropertyName("usage"u8);
            usage.WriteTo(json);
        }
        WriteTime(json, "created_at"u8, entry.CreatedAt);
        json.WriteEndObject();
    }

    /// <summary>The member <c>sender</c>.</summary>
    public static void WriteSender(Utf8JsonWriter json, Sender sender)
    {
        json.WritePropertyName("sender"u8);
        WriteSenderValue(json, sender);
    }

    public static void WriteSenderValue(Utf8JsonWriter json, Sender sender)
    {
        json.WriteStartObject();
        WriteSenderMembers(json, sender);
        json.WriteEndObject();
    }

    public static void WriteSenderMembers(Utf8JsonWriter json, Sender sender)
    {
        json.WriteString("type"u8, sender.Type.Name());
        if (sender.Id is { } id)
            json.WriteString("id"u8, id);
        else
            json.WriteNull("id"u8);
        json.WriteString("name"u8, sender.Name);
    }

    public static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, DateTimeOffset time)
    {
        json.WritePropertyName(name);
        TimeConverter.WriteValue(json, time);
    }

    public override Entry Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Entries are made by the timeline, never read from JSON.");

    private static void Write(Utf8JsonWriter json, Attachment attachment)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, attachment.Id);
        json.WriteString("name"u8, attachment.Name);
        json.WriteString("content_type"u8, attachment.ContentType);
        json.WriteNumber("size"u8, attachment.Size);
        json.WriteString("url"u8, attachment.Url);
        json.WriteEndObject();
    }
}
