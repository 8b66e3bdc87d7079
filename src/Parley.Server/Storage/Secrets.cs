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

    /// <exception cref="StartupException"><c>JWT_SECRET</c> is too short, or the key's file cannot be read or made.</exception>
    public static Secrets Load(IConfiguration configuration, DataFolder data)
    {
        if (configuration["JWT_SECRET"] is { Length: > 0 } configured)
        {
            return configured.Length >= KeyBytes
                ? new Secrets(Encoding.UTF8.GetBytes(configured))
                : throw new StartupException($"JWT_SECRET has {configured.Length} characters; at least {KeyBytes} are needed (openssl rand -hex 32 makes a good one).");
        }
        var path = data["secret.key"];
        try
        {
            if (!File.Exists(path))
                Make(path, data);
            var key = File.ReadAllBytes(path);
            return key.Length == KeyBytes
                ? new Secrets(key)
                : throw new StartupException($"{path} holds {key.Length} bytes instead of {KeyBytes}. Bring back the right file: provider keys in the database open with it only.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"the server's secret key {path} cannot be read or made: {e.Message}", e);
        }
    }

    /// <summary>Makes the key's file whole or not at all; of two servers that do so at once, the first one's stays.</summary>
    private static void Make(string path, DataFolder data)
    {
        data.Create();
        var unfinished = $"{path}.{Path.GetRandomFileName()}";
        using (var file = new FileStream(unfinished, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(RandomNumberGenerator.GetBytes(KeyBytes));
            file.Flush(flushToDisk: true);
        }
        try
        {
            File.Move(unfinished, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(unfinished);
        }
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
