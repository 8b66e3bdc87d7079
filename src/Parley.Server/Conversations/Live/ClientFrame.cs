using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Parley.Server.Conversations.Timelines;

namespace Parley.Server.Conversations.Live;

internal enum ClientFrameType
{
    Message,
    Typing,
    Read,
    Stop,
    Ping,
    Presence,
}

/// <summary>One frame from a client, read without an object model: what its type does not use is default.</summary>
internal sealed record ClientFrame
{
    /// <summary>A message's characters (UTF-16 units), also over HTTP.</summary>
    public const int MaxBodyLength = 32_000;

    public const int MaxClientIdLength = 128;
    public const int MaxAttachments = 10;

    public required ClientFrameType Type { get; init; }
    public string? ClientId { get; init; }
    public string Body { get; init; } = "";
    public EntryKind? Kind { get; init; }
    public bool Private { get; init; }
    public IReadOnlyList<Guid> Attachments { get; init; } = [];
    public bool On { get; init; }
    public long Seq { get; init; }

    /// <summary>What a ping carries and its pong returns: a number.</summary>
    public double? T { get; init; }

    /// <summary>What a presence frame says: whether the person is away.</summary>
    public bool Away { get; init; }

    /// <summary>Reads a frame. Never throws, whatever the bytes are.</summary>
    /// <param name="problem">What is wrong, naming the field, for the <c>error</c> frame.</param>
    /// <param name="clientId">The frame's <c>client_id</c> if it could be read, also when the frame is wrong.</param>
    public static bool TryRead(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out ClientFrame? frame, [NotNullWhen(false)] out string? problem, out string? clientId)
    {
        frame = null;
        clientId = null;
        try
        {
            var json = new Utf8JsonReader(utf8);
            problem = Read(ref json, out frame, ref clientId);
            return problem is null && frame is not null;
        }
        catch (JsonException)
        {
            problem = "The frame is not valid JSON.";
            return false;
        }
        catch (InvalidOperationException)
        {
            // Utf8JsonReader.GetString: an escape that is half of a surrogate pair.
            problem = "The frame holds text that is not valid Unicode.";
            return false;
        }
    }

    private static string? Read(ref Utf8JsonReader json, out ClientFrame? frame, ref string? clientId)
    {
        frame = null;
        if (!json.Read() || json.TokenType is not JsonTokenType.StartObject)
            return "A frame is a JSON object.";

        ClientFrameType? type = null;
        string? typeName = null;
        string? body = null;
        EntryKind? kind = null;
        var isPrivate = false;
        List<Guid>? attachments = null;
        bool? on = null;
        long? seq = null;
        double? t = null;
        string? state = null;
        while (json.Read() && json.TokenType is JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("type"u8))
            {
                if (!TryReadText(ref json, 40, out typeName))
                    return "`type` must be a string.";
                type = typeName switch
                {
                    "message" => ClientFrameType.Message,
                    "typing" => ClientFrameType.Typing,
                    "read" => ClientFrameType.Read,
                    "stop" => ClientFrameType.Stop,
                    "ping" => ClientFrameType.Ping,
                    "presence" => ClientFrameType.Presence,
                    _ => null,
                };
            }
            else if (json.ValueTextEquals("client_id"u8))
            {
                if (!TryReadText(ref json, MaxClientIdLength, out clientId))
                    return $"`client_id` must be a string of at most {MaxClientIdLength} characters.";
            }
            else if (json.ValueTextEquals("body"u8))
            {
                if (!TryReadText(ref json, MaxBodyLength, out body))
                    return $"`body` must be a string of at most {MaxBodyLength} characters, without NUL.";
            }
            else if (json.ValueTextEquals("kind"u8))
            {
                if (!TryReadText(ref json, 10, out var name) || name is not ("text" or "image" or "file"))
                    return "`kind` must be one of text, image, file.";
                kind = Storage.EnumName.Parse<EntryKind>(name);
            }
            else if (json.ValueTextEquals("private"u8))
            {
                if (!TryReadBoolean(ref json, out isPrivate))
                    return "`private` must be true or false.";
            }
            else if (json.ValueTextEquals("attachments"u8))
            {
                if (!TryReadIds(ref json, out attachments))
                    return $"`attachments` must be at most {MaxAttachments} ids of files.";
            }
            else if (json.ValueTextEquals("on"u8))
            {
                if (!TryReadBoolean(ref json, out var value))
                    return "`on` must be true or false.";
                on = value;
            }
            else if (json.ValueTextEquals("seq"u8))
            {
                if (!json.Read() || json.TokenType is not JsonTokenType.Number || !json.TryGetInt64(out var value) || value < 0)
                    return "`seq` must be a whole number, 0 or more.";
                seq = value;
            }
            else if (json.ValueTextEquals("t"u8))
            {
                if (!json.Read() || json.TokenType is not JsonTokenType.Number || !json.TryGetDouble(out var value))
                    return "`t` must be a number.";
                t = value;
            }
            else if (json.ValueTextEquals("state"u8))
            {
                if (!TryReadText(ref json, 10, out state) || state is not ("online" or "away"))
                    return "`state` must be one of online, away.";
            }
            else
            {
                json.Read();
                json.Skip();
            }
        }
        if (json.TokenType is not JsonTokenType.EndObject)
            return "The frame is not valid JSON.";
        while (json.Read())
        {
            // Anything behind the object makes the reader throw.
        }

        if (type is null)
            return typeName is null ? "`type` is missing." : "`type` must be one of message, typing, read, stop, ping, presence.";
        if (type is ClientFrameType.Message)
        {
            if (string.IsNullOrEmpty(clientId))
                return "`client_id` is missing: it makes a resend harmless.";
            if (string.IsNullOrWhiteSpace(body) && attachments is not { Count: > 0 })
                return "`body` is missing.";
        }
        if (type is ClientFrameType.Typing && on is null)
            return "`on` is missing.";
        if (type is ClientFrameType.Read && seq is null)
            return "`seq` is missing.";
        if (type is ClientFrameType.Presence && state is null)
            return "`state` is missing.";
        frame = new ClientFrame
        {
            Type = type.Value,
            ClientId = clientId,
            Body = body ?? "",
            Kind = kind,
            Private = isPrivate,
            Attachments = attachments ?? [],
            On = on ?? false,
            Seq = seq ?? 0,
            T = t,
            Away = state is "away",
        };
        return null;
    }

    private static bool TryReadText(ref Utf8JsonReader json, int maxLength, [NotNullWhen(true)] out string? text)
    {
        text = null;
        if (!json.Read() || json.TokenType is not JsonTokenType.String)
            return false;
        // Three bytes a character at most, six when escaped: what is longer is not worth decoding.
        if ((json.HasValueSequence ? json.ValueSequence.Length : json.ValueSpan.Length) > 6L * maxLength)
            return false;
        var value = json.GetString()!;
        // PostgreSQL keeps no NUL.
        if (value.Length > maxLength || value.Contains('\0', StringComparison.Ordinal))
            return false;
        text = value;
        return true;
    }

    private static bool TryReadBoolean(ref Utf8JsonReader json, out bool value)
    {
        value = json.Read() && json.TokenType is JsonTokenType.True;
        return json.TokenType is JsonTokenType.True or JsonTokenType.False;
    }

    private static bool TryReadIds(ref Utf8JsonReader json, out List<Guid> ids)
    {
        ids = [];
        if (!json.Read() || json.TokenType is not JsonTokenType.StartArray)
            return false;
        while (json.Read() && json.TokenType is not JsonTokenType.EndArray)
        {
            if (json.TokenType is not JsonTokenType.String || !json.TryGetGuid(out var id) || ids.Count == MaxAttachments)
                return false;
            ids.Add(id);
        }
        return json.TokenType is JsonTokenType.EndArray;
    }
}
