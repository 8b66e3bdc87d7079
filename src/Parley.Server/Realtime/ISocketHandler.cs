namespace Parley.Server.Realtime;

/// <summary>
/// What a socket is for: one object per connection. Its methods are called one after the other, mostly on the socket's own thread:
/// they may await, but never block or work long, for other sockets wait behind them.
/// </summary>
internal interface ISocketHandler
{
    /// <summary>Called once, before anything is read.</summary>
    ValueTask OpenedAsync(Connection connection);

    /// <summary>One text message: valid UTF-8, not yet known to be JSON. The next one is read when this completes.</summary>
    /// <param name="message">The reader's own buffer: copy what is needed after completion.</param>
    ValueTask ReceivedAsync(ReadOnlyMemory<byte> message);

    /// <summary>Called once, last, when nothing can be sent any more; subscriptions made with the connection are gone already.</summary>
    void Closed(CloseCode code);
}
