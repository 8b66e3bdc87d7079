using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Parley.Server.Accounts;

/// <summary>Makes and reads access tokens: JSON Web Tokens signed with HMAC-SHA256 (RFC 7519, RFC 7515).</summary>
internal sealed class AccessTokens(SigningKey key, TimeProvider time)
{
    /// <summary>How long a user's access token is good for; the session is refreshed after that.</summary>
    public static readonly TimeSpan UserLifetime = TimeSpan.FromMinutes(15);

    private const string Issuer = "parley";
    private const int MaxTokenLength = 4_096;
    private const int MaxNameLength = 100;
    private static readonly byte[] _header = Encoding.ASCII.GetBytes(Base64Url.EncodeToString("""{"alg":"HS256","typ":"JWT"}"""u8));

    public string IssueUser(Guid tenantId, Guid userId, Guid sessionId, Role role, string name, bool isOperator) =>
        Issue(UserLifetime, claims =>
        {
            claims.WriteString("sub", userId);
            claims.WriteString("tid", tenantId);
            claims.WriteString("role", role.ToString().ToLowerInvariant());
            claims.WriteString("sid", sessionId);
            claims.WriteString("name", Shorten(name));
            if (isOperator)
                claims.WriteBoolean("op", true);
        });

    /// <summary>A token that opens one conversation to the contact who writes in it.</summary>
    public string IssueVisitor(Guid tenantId, Guid contactId, Guid widgetSessionId, Guid conversationId, string name, TimeSpan lifetime) =>
        Issue(lifetime, claims =>
        {
            claims.WriteString("sub", contactId);
            claims.WriteString("tid", tenantId);
            claims.WriteString("role", "visitor");
            claims.WriteString("sid", widgetSessionId);
            claims.WriteString("conv", conversationId);
            claims.WriteString("name", Shorten(name));
        });

    /// <summary>
    /// Reads a token that this installation signed and that has not expired. Whether the user's session still lives is not asked here:
    /// requests are asked it by the pipeline.
    /// </summary>
    public bool TryRead(string token, [NotNullWhen(true)] out ClaimsPrincipal? caller)
    {
        var read = TryRead(token, out Caller? known);
        caller = known;
        return read;
    }

    public bool TryRead(string token, [NotNullWhen(true)] out Caller? caller)
    {
        caller = null;
        if (token.Length > MaxTokenLength || !Ascii.IsValid(token))
            return false;
        var bytes = Encoding.ASCII.GetBytes(token).AsSpan();
        var signatureAt = bytes.LastIndexOf((byte)'.');
        var payloadAt = bytes.IndexOf((byte)'.');
        if (payloadAt <= 0 || signatureAt <= payloadAt)
            return false;

        var header = bytes[..payloadAt];
        return IsOurs(bytes[..signatureAt], bytes[(signatureAt + 1)..])
            && (header.SequenceEqual(_header) || NamesHs256(header))
            && TryReadClaims(bytes[(payloadAt + 1)..signatureAt], out caller);
    }

    private bool IsOurs(ReadOnlySpan<byte> signed, ReadOnlySpan<byte> signature)
    {
        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Span<byte> made = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (signature.Length != Base64Url.GetEncodedLength(given.Length) || !TryDecode(signature, given, out _))
            return false;
        HMACSHA256.HashData(key.Bytes, signed, made);
        return CryptographicOperations.FixedTimeEquals(given, made);
    }

    /// <summary>Another library's header for the same algorithm, with its members in another order. RFC 7515 §4.1.11: an unknown `crit` is refused.</summary>
    private static bool NamesHs256(ReadOnlySpan<byte> header)
    {
        Span<byte> json = stackalloc byte[256];
        if (header.Length > json.Length || !TryDecode(header, json, out var length))
            return false;
        try
        {
            var reader = new Utf8JsonReader(json[..length]);
            var algorithm = false;
            while (reader.Read())
            {
                if (reader.TokenType is not JsonTokenType.PropertyName)
                    continue;
                if (reader.ValueTextEquals("crit"u8))
                    return false;
                if (reader.ValueTextEquals("alg"u8))
                    algorithm = reader.Read() && reader.TokenType is JsonTokenType.String && reader.ValueTextEquals("HS256"u8);
            }
            return algorithm;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private bool TryReadClaims(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out Caller? caller)
    {
        caller = null;
        Span<byte> json = stackalloc byte[MaxTokenLength];
        if (!TryDecode(payload, json, out var length))
            return false;

        Guid subject = default, tenant = default, session = default, conversation = default;
        long expires = 0;
        string? role = null, name = null;
        var (issuer, isOperator) = (false, false);
        try
        {
            var reader = new Utf8JsonReader(json[..length]);
            if (!reader.Read() || reader.TokenType is not JsonTokenType.StartObject)
                return false;
            while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("sub"u8))
                    ReadGuid(ref reader, out subject);
                else if (reader.ValueTextEquals("tid"u8))
                    ReadGuid(ref reader, out tenant);
                else if (reader.ValueTextEquals("sid"u8))
                    ReadGuid(ref reader, out session);
                else if (reader.ValueTextEquals("conv"u8))
                    ReadGuid(ref reader, out conversation);
                else if (reader.ValueTextEquals("role"u8))
                    role = reader.Read() && reader.TokenType is JsonTokenType.String ? reader.GetString() : null;
                else if (reader.ValueTextEquals("name"u8))
                    name = reader.Read() && reader.TokenType is JsonTokenType.String ? reader.GetString() : null;
                else if (reader.ValueTextEquals("iss"u8))
                    issuer = reader.Read() && reader.TokenType is JsonTokenType.String && reader.ValueTextEquals(Issuer);
                else if (reader.ValueTextEquals("op"u8))
                    isOperator = reader.Read() && reader.TokenType is JsonTokenType.True;
                else if (reader.ValueTextEquals("exp"u8))
                    expires = reader.Read() && reader.TokenType is JsonTokenType.Number && reader.TryGetInt64(out var seconds) ? seconds : 0;
                else
                    reader.Skip();
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false; // not JSON, or a string that is not Unicode
        }

        if (!issuer || subject == default || tenant == default || session == default || expires <= time.GetUtcNow().ToUnixTimeSeconds())
            return false;
        if (role is "visitor")
            caller = conversation == default ? null : Caller.Visitor(tenant, subject, session, conversation, name ?? "");
        else if (Enum.TryParse<Role>(role, ignoreCase: true, out var known) && Enum.IsDefined(known))
            caller = Caller.User(tenant, subject, session, known, name ?? "", isOperator);
        return caller is not null;
    }

    private static void ReadGuid(ref Utf8JsonReader reader, out Guid value)
    {
        value = default;
        if (reader.Read() && reader.TokenType is JsonTokenType.String && reader.TryGetGuid(out var id))
            value = id;
        else
            reader.Skip();
    }

    private string Issue(TimeSpan lifetime, Action<Utf8JsonWriter> writeClaims)
    {
        var now = time.GetUtcNow();
        using var json = new MemoryStream(384);
        using (var claims = new Utf8JsonWriter(json))
        {
            claims.WriteStartObject();
            writeClaims(claims);
            claims.WriteString("iss", Issuer);
            claims.WriteNumber("iat", now.ToUnixTimeSeconds());
            claims.WriteNumber("exp", (now + lifetime).ToUnixTimeSeconds());
            claims.WriteString("jti", Guid.CreateVersion7(now));
            claims.WriteEndObject();
        }
        var signed = $"{Encoding.ASCII.GetString(_header)}.{Base64Url.EncodeToString(json.GetBuffer().AsSpan(0, (int)json.Length))}";
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(key.Bytes, Encoding.ASCII.GetBytes(signed)))}";
    }

    // A long name would make every request longer; half a surrogate pair would not be Unicode.
    private static string Shorten(string name) =>
        name.Length <= MaxNameLength ? name : name[..(char.IsHighSurrogate(name[MaxNameLength - 1]) ? MaxNameLength - 1 : MaxNameLength)];

    private static bool TryDecode(ReadOnlySpan<byte> text, Span<byte> bytes, out int length) =>
        Base64Url.DecodeFromUtf8(text, bytes, out _, out length) is System.Buffers.OperationStatus.Done;
}

/// <summary>The secret that access tokens are signed with.</summary>
internal sealed class SigningKey(byte[] bytes)
{
    public byte[] Bytes => bytes;
}
