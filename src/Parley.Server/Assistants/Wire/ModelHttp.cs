using System.Net;
using System.Net.Sockets;

namespace Parley.Server.Assistants.Wire;

/// <summary>An address that was set through the API lies in a private network.</summary>
internal sealed class PrivateTargetException(string host)
    : Exception($"{host} lies in a private network. Set ALLOW_PRIVATE_TARGETS=true to allow that, or set the provider by environment.");

/// <summary>
/// The connections to model servers. Those whose address was set through the API may only lead to public addresses; that is checked on the address that is
/// connected to, so a name that resolves differently the second time gains nothing.
/// </summary>
internal sealed class ModelHttp : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    public ModelHttp(IConfiguration configuration)
    {
        AllowsPrivateTargets = configuration.GetValue("ALLOW_PRIVATE_TARGETS", false);
        Trusted = Create(connect: null);
        Checked = AllowsPrivateTargets ? Trusted : Create(ConnectToPublicAsync);
    }

    public bool AllowsPrivateTargets { get; }

    /// <summary>For addresses that are ours or the operator's.</summary>
    public HttpClient Trusted { get; }

    /// <summary>For addresses that a tenant's administrator set.</summary>
    public HttpClient Checked { get; }

    private static HttpClient Create(Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? connect)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(15),
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
            ResponseDrainTimeout = TimeSpan.Zero, // else a stream that is left keeps the model generating for 2 s
            AllowAutoRedirect = false,            // a redirect would carry the key elsewhere
            UseCookies = false,
            ActivityHeadersPropagator = null,
        };
        if (connect is not null)
        {
            handler.ConnectCallback = connect;
            handler.UseProxy = false; // through a proxy the address that is connected to would be the proxy's
        }
        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, DefaultRequestVersion = HttpVersion.Version11 };
    }

    private static async ValueTask<Stream> ConnectToPublicAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = await Dns.GetHostAddressesAsync(host, cancellationToken);
        var open = Array.FindAll(addresses, address => !IsPrivate(address));
        if (open.Length == 0)
            throw new PrivateTargetException(host);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(open, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Loopback, link-local (cloud metadata among it), private, shared, multicast, reserved, and what wraps such an IPv4 address in IPv6.</summary>
    public static bool IsPrivate(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        if (length == 4)
            return IsPrivate(bytes[..4]);
        return bytes switch
        {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ..] => true,                       // ::, ::1 and IPv4-compatible
            [0xFF, ..] => true,                                                     // multicast
            [0xFE, >= 0x80, ..] => true,                                            // fe80::/10 link-local, fec0::/10 site-local
            [0xFC or 0xFD, ..] => true,                                             // unique local
            [0x00, 0x64, 0xFF, 0x9B, ..] => IsPrivate(bytes[12..16]),               // 64:ff9b::/96, NAT64
            [0x20, 0x02, ..] => IsPrivate(bytes[2..6]),                             // 6to4
            [0x20, 0x01, 0x00, 0x00, ..] => true,                                   // Teredo
            [0x20, 0x01, 0x0D, 0xB8, ..] => true,                                   // documentation
            _ => false,
        };
    }

    private static bool IsPrivate(ReadOnlySpan<byte> ipv4) => ipv4 switch
    {
        [0 or 10 or 127, ..] => true,
        [100, >= 64 and <= 127, ..] => true,
        [169, 254, ..] => true,
        [172, >= 16 and <= 31, ..] => true,
        [192, 168, ..] => true,
        [192, 0, 0 or 2, _] => true,
        [198, 18 or 19, ..] => true,
        [198, 51, 100, _] => true,
        [203, 0, 113, _] => true,
        [>= 224, ..] => true,
        _ => false,
    };

    public void Dispose()
    {
        Trusted.Dispose();
        Checked.Dispose();
    }
}
