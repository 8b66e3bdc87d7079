using System.Text.Json;
using System.Text.Json.Serialization;
using Parley.Server.Conversations.Timelines;

namespace Parley.Server.Conversations.Files;

/// <summary>How attachments stand in the database: the column holds null for the many entries without any.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(IReadOnlyList<Attachment>))]
internal sealed partial class AttachmentsJson : JsonSerializerContext
{
    public static string? Of(IReadOnlyList<Attachment> attachments) =>
        attachments.Count == 0 ? null : JsonSerializer.Serialize(attachments, Default.IReadOnlyListAttachment);

    public static IReadOnlyList<Attachment> Read(string? json) =>
        json is null ? [] : JsonSerializer.Deserialize(json, Default.IReadOnlyListAttachment) ?? [];
}
