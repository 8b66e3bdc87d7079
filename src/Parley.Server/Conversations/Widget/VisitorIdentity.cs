using System.Security.Cryptography;
using System.Text;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Widget;

/// <summary>The proof by which a customer's site says who its visitor is: HMAC-SHA256 of the external id under the widget's secret, in hex.</summary>
internal static class VisitorIdentity
{
    /// <summary>Whether <paramref name="signature"/> is the site's; in a time that does not tell how much of it is right.</summary>
    public static bool IsSigned(string externalId, string signature, Widget widget, Secrets secrets)
    {
        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (signature.Length != given.Length * 2
            || Convert.FromHexString(signature, given, out _, out var length) is not System.Buffers.OperationStatus.Done || length != given.Length
            || !secrets.TryUnprotect(widget.SealedSecret, WidgetSettings.SecretContext(widget.TenantId), out var secret))
            return false;
        return CryptographicOperations.FixedTimeEquals(given, HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(externalId)));
    }
}
