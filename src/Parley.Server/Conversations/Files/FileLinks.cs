using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Files;

/// <param name="Url">Opens the file without a token, for pictures and links in pages.</param>
internal sealed record FileLink(string Url, DateTimeOffset ExpiresAt);

/// <summary>
/// Makes and checks links to one file that need no token: an HMAC-SHA256 of the file's id and the time of expiry. Anyone with the link can open the file until
/// then, so it is short-lived. It takes the place of an access token in the address, from where the token would get into histories and logs.
/// </summary>
internal sealed class FileLinks(Secrets secrets, TimeProvider time)
{
    /// <summary>A link is good for one to two of these; within one the address stays the same, so that browsers keep the picture.</summary>
    private const long StepSeconds = 10 * 60;

    private readonly byte[] _key = secrets.DeriveKey("parley file links");

    public FileLink Make(Guid fileId)
    {
        var expires = ((time.GetUtcNow().ToUnixTimeSeconds() / StepSeconds) + 2) * StepSeconds;
        return new FileLink(
            string.Create(CultureInfo.InvariantCulture, $"{Attachments.UrlOf(fileId)}?expires={expires}&signature={Sign(fileId, expires)}"),
            DateTimeOffset.FromUnixTimeSeconds(expires));
    }

    /// <summary>Returns whether a link with these parts was made here for this file and has not expired.</summary>
    public bool IsGood(Guid fileId, long? expires, string? signature) =>
        expires is { } until && signature is not null && time.GetUtcNow().ToUnixTimeSeconds() < until
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(signature), Encoding.UTF8.GetBytes(Sign(fileId, until)));

    private string Sign(Guid fileId, long expires)
    {
        Span<byte> signed = stackalloc byte[24];
        fileId.TryWriteBytes(signed);
        BinaryPrimitives.WriteInt64BigEndian(signed[16..], expires);
        return Base64Url.EncodeToString(HMACSHA256.HashData(_key, signed));
    }
}
