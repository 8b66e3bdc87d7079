using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Parley.Server.Storage;

/// <summary>
/// Everything secret follows from one root key: <c>JWT_SECRET</c> when it is configured, else 32 random bytes kept in <c>secret.key</c> in the data folder.
/// </summary>
internal sealed class Secrets
{
    private const string Version = "v1";
    private const int KeyBytes = 32;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private readonly byte[] _root;
    private readonly byte[] _sealingKey;
    private readonly string _prefix;

    public Secrets(ReadOnlySpan<byte> root)
    {
        _root = root.ToArray();
        _sealingKey = DeriveKey("parley secrets at rest");
        _prefix = $"{Version}.{Convert.ToHexStringLower(DeriveKey("parley key id").AsSpan(0, 4))}.";
    }

    /// <summary>A key of 32 bytes for one purpose (HKDF-SHA256): the same as long as the root key is, and no hint of it or of the others.</summary>
    public byte[] DeriveKey(string purpose) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _root, KeyBytes, info: Encoding.UTF8.GetBytes(purpose));

    /// <summary>
    /// Encrypts and seals (AES-256-GCM) for keeping in the database: <c>v1.{key id}.{base64url of nonce, ciphertext, tag}</c>. It opens only with the
    /// same <paramref name="context"/>, such as <c>provider:{id}</c>, so that a row's secret cannot be moved to another row.
    /// </summary>
    public string Protect(string secret, string context)
    {
        var plain = Encoding.UTF8.GetBytes(secret);
        var box = new byte[NonceBytes + plain.Length + TagBytes];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(_sealingKey, TagBytes);
        aes.Encrypt(box.AsSpan(0, NonceBytes), plain, box.AsSpan(NonceBytes, plain.Length), box.AsSpan(^TagBytes..), Encoding.UTF8.GetBytes(context));
        return _prefix + Base64Url.EncodeToString(box);
    }

    /// <returns>False when it was sealed under another root key or context, or is not what <see cref="Protect"/> made.</returns>
    public bool TryUnprotect(string sealedSecret, string context, [NotNullWhen(true)] out string? secret)
    {
        secret = null;
        if (!sealedSecret.StartsWith(_prefix, StringComparison.Ordinal) || !Base64Url.IsValid(sealedSecret.AsSpan(_prefix.Length), out var length)
            || length < NonceBytes + TagBytes)
            return false;
        var box = Base64Url.DecodeFromChars(sealedSecret.AsSpan(_prefix.Length)).AsSpan();
        var plain = new byte[box.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(_sealingKey, TagBytes);
        try
        {
            aes.Decrypt(box[..NonceBytes], box[NonceBytes..^TagBytes], box[^TagBytes..], plain, Encoding.UTF8.GetBytes(context));
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
        secret = Encoding.UTF8.GetString(plain);
        return true;
    }
}
