using System.Text.Json;
using System.Text.Json.Serialization;

namespace Parley.Server.Conversations.Timelines;

[JsonConverter(typeof(JsonStringEnumConverter<EntryKind>))]
public enum EntryKind
{
    [JsonStringEnumMemberName("text")] Text,
    [JsonStringEnumMemberName("image")] Image,
    [JsonStringEnumMemberName("file")] File,
    [JsonStringEnumMemberName("event")] Event,
}

[JsonConverter(typeof(JsonStringEnumConverter<SenderType>))]
internal enum SenderType
{
    [JsonStringEnumMemberName("member")] Member,
    [JsonStringEnumMemberName("agent")] Agent,
    [JsonStringEnumMemberName("visitor")] Visitor,
    [JsonStringEnumMemberName("assistant")] Assistant,
    [JsonStringEnumMemberName("system")] System,
}

/// <param name="Id">The user, contact or provider; null for the system.</param>
internal sealed record Sender(SenderType Type, Guid? Id, string Name)
{
    /// <summary>The server itself: sweeps, automatic assignment, marks.</summary>
    public static readonly Sender System = new(SenderType.System, null, "");
}

internal sealed record Attachment(Guid Id, string Name, string ContentType, long Size, string Url);

/// <summary>One entry of a timeline, as it is stored and as it goes over the wire; a message is one.</summary>
/// <param name="Seq">From 1, without holes, per conversation.</param>
/// <param name="Metadata">A JSON object; for events <c>event</c> and its data.</param>
/// <param name="Usage">A JSON object: tokens in and out of an assistant's reply.</param>
[JsonConverter(typeof(EntryJson))]
internal sealed record Entry(
    Guid Id,
    Guid ConversationId,
    long Seq,
    EntryKind Kind,
    Sender Sender,
    string Body,
    IReadOnlyList<Attachment> Attachments,
    bool Private,
    string? ClientId,
    JsonElement? Metadata,
    string? Model,
    JsonElement? Usage,
    DateTimeOffset CreatedAt);
