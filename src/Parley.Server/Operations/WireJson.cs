using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Parley.Server.Operations;

/// <summary>How everything looks on the wire: snake_case, times in UTC with milliseconds, enums by their names, text that can be stored.</summary>
internal static class WireJson
{
    public static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.DictionaryKeyPolicy = null;
        options.PropertyNameCaseInsensitive = false;
        options.RespectRequiredConstructorParameters = true; // else a missing Guid is Guid.Empty
        options.RespectNullableAnnotations = true;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.MaxDepth = 32;
        options.Converters.Add(new TextConverter());
        options.Converters.Add(new TimeConverter());
        options.Converters.Add(new EnumConverterFactory());
    }

    /// <summary>A member's path as the wire spells it: <c>Visitor.ExternalId</c> is <c>visitor.external_id</c>.</summary>
    public static string FieldName(string path)
    {
        if (!path.Contains('.', StringComparison.Ordinal))
            return JsonNamingPolicy.SnakeCaseLower.ConvertName(path);
        return string.Join('.', path.Split('.').Select(JsonNamingPolicy.SnakeCaseLower.ConvertName));
    }

    /// <summary>An enum's values as the wire spells them.</summary>
    public static IEnumerable<string> NamesOf(Type enumType) => Enum.GetNames(enumType).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName);
}

/// <summary>What is wrong with a field, in words for the caller; the serializer adds where.</summary>
internal sealed class FieldException : JsonException
{
    public FieldException(string code, string message) : base(message) => Code = code;

    public string Code { get; }
}

/// <summary>Text is Unicode without NUL, which PostgreSQL cannot keep; half a surrogate pair is no Unicode.</summary>
internal sealed class TextConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null))
            throw new FieldException("invalid_type", "must be a string");
        return ReadText(ref reader);
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => ReadText(ref reader)!;

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);

    private static string? ReadText(ref Utf8JsonReader reader)
    {
        string? text;
        try
        {
            text = reader.GetString();
        }
        catch (InvalidOperationException)
        {
            throw new FieldException("invalid_text", "contains half a surrogate pair or bytes that are not UTF-8");
        }
        return text?.Contains('\0', StringComparison.Ordinal) is true ? throw new FieldException("invalid_text", "contains a NUL character") : text;
    }
}

/// <summary>RFC 3339 in UTC with milliseconds.</summary>
internal sealed class TimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType is JsonTokenType.String && reader.TryGetDateTimeOffset(out var time)
            ? time.ToUniversalTime()
            : throw new FieldException("invalid_time", "must be a time such as 2026-01-31T12:00:00.000Z");

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) => WriteValue(writer, value);

    /// <summary>Without a string between.</summary>
    public static void WriteValue(Utf8JsonWriter writer, DateTimeOffset value)
    {
        Span<byte> text = stackalloc byte[24];
        value.UtcDateTime.TryFormat(text, out var length, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        writer.WriteStringValue(text[..length]);
    }
}

/// <summary>Enums by name in snake_case; a name that is not one is answered with those that are.</summary>
internal sealed class EnumConverterFactory : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(EnumConverter<>).MakeGenericType(typeToConvert))!;

    private sealed class EnumConverter<TEnum> : JsonConverter<TEnum> where TEnum : struct, Enum
    {
        private static readonly Dictionary<string, TEnum> _values =
            Enum.GetValues<TEnum>().Distinct().ToDictionary(value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

        private static readonly Dictionary<TEnum, JsonEncodedText> _names = _values.ToDictionary(pair => pair.Value, pair => JsonEncodedText.Encode(pair.Key));

        public override TEnum Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType is JsonTokenType.String && _values.TryGetValue(reader.GetString()!, out var value)
                ? value
                : throw new FieldException("invalid_value", $"must be one of: {string.Join(", ", _values.Keys)}");

        public override void Write(Utf8JsonWriter writer, TEnum value, JsonSerializerOptions options) => writer.WriteStringValue(_names[value]);

        public override TEnum ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            Read(ref reader, typeToConvert, options);

        public override void WriteAsPropertyName(Utf8JsonWriter writer, TEnum value, JsonSerializerOptions options) => writer.WritePropertyName(_names[value]);
    }
}
