using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Parley.Server.Realtime.Wire;

/// <summary>
/// Reads from Kestrel but writes to its socket: what Kestrel's writer and pipe do in between costs half as much as the kernel's send itself. Only for a connection
/// whose bytes on the wire are those of the stream (no TLS, no HTTP/2), and once its handshake has left Kestrel, which then writes nothing more.
/// </summary>
internal sealed class SocketStream : Stream
{
    private static volatile bool _canPreferInline = true;

    private readonly Stream _kestrel;
    private readonly Socket _socket;

    public SocketStream(Stream kestrel, Socket socket)
    {
        (_kestrel, _socket) = (kestrel, socket);
        socket.Blocking = false; // so that Send says WouldBlock instead of waiting
        PreferInlineCompletions(socket);
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _kestrel.ReadAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var sent = _socket.Send(buffer.Span, SocketFlags.None, out var error);
        return error switch
        {
            SocketError.Success when sent == buffer.Length => ValueTask.CompletedTask,
            SocketError.Success or SocketError.WouldBlock => WriteRestAsync(buffer[sent..], cancellationToken),
            _ => ValueTask.FromException(new IOException("The client is gone.", new SocketException((int)error))),
        };
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async ValueTask WriteRestAsync(ReadOnlyMemory<byte> rest, CancellationToken cancellationToken)
    {
        try
        {
            while (!rest.IsEmpty)
                rest = rest[await _socket.SendAsync(rest, SocketFlags.None, cancellationToken)..];
        }
        catch (SocketException e)
        {
            throw new IOException("The client is gone.", e);
        }
    }

    /// <summary>
    /// What arrives is handled on the thread that polls, without a hop to the pool: a third less CPU in small rooms. The runtime offers this for all sockets of
    /// the process or for none (<c>DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS</c>); for all, a database call that blocks would stop every socket, itself included.
    /// So it is set where handlers are known not to block. A runtime without the property takes the hop.
    /// </summary>
    private static void PreferInlineCompletions(Socket socket)
    {
        if (!_canPreferInline)
            return;
        try
        {
            SetPreferInlineCompletions(socket.SafeHandle, true);
        }
        catch (MissingMethodException)
        {
            _canPreferInline = false;
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_PreferInlineCompletions")]
    private static extern void SetPreferInlineCompletions(SafeSocketHandle socket, bool value);
}
