using System.Text.Json;
using System.Text.Json.Serialization;

namespace Parley.Server.Conversations;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(ConversationResponse))]
[JsonSerializable(typeof(VisitorConversationResponse))]
internal sealed partial class ConversationsJson : JsonSerializerContext;

/// <summary>RFC 3339 in UTC with milliseconds.</summary>
internal sealed class WireTime : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) => WriteValue(writer, value);

    /// <summary>Without a string between.</summary>
    public static void WriteValue(Utf8JsonWriter writer, DateTimeOffset value)
    {
        Span<byte> text = stackalloc byte[24];
        value.UtcDateTime.TryFormat(text, out var length, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", provider: null);
        writer.WriteStringValue(text[..length]);
    }
}
