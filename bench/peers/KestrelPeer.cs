using System.Collections.Concurrent;
using System.Net.WebSockets;

namespace Parley.Peers;

/// <summary>Rooms on bare <c>UseWebSockets</c>: who may pass is decided when a socket opens, and what a member sends goes to the whole room, as it came.</summary>
internal static class KestrelPeer
{
    private static readonly ConcurrentDictionary<string, ConcurrentDictionary<Member, Member>> _rooms = new();

    extension(WebApplication app)
    {
        public void MapKestrelPeer()
        {
            app.UseWebSockets();
            app.Map("/ws/{room}", ServeAsync);
        }
    }

    private static async Task ServeAsync(HttpContext context, string room)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        using var member = new Member(socket);
        var members = _rooms.GetOrAdd(room, _ => new());
        members.TryAdd(member, member);
        try
        {
            // 4 kB, as in the framework's own example
            var buffer = new byte[4096];
            while (await socket.ReceiveAsync(buffer, context.RequestAborted) is { MessageType: WebSocketMessageType.Text } received)
            {
                foreach (var (other, _) in members)
                    await other.SendAsync(buffer.AsMemory(0, received.Count), context.RequestAborted);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // The client left.
        }
        finally
        {
            members.TryRemove(member, out _);
        }
    }

    /// <summary>A socket takes one send at a time; who comes second waits.</summary>
    private sealed class Member(WebSocket socket) : IDisposable
    {
        private readonly SemaphoreSlim _turn = new(1);

        public async ValueTask SendAsync(ReadOnlyMemory<byte> text, CancellationToken cancellationToken)
        {
            await _turn.WaitAsync(cancellationToken);
            try
            {
                await socket.SendAsync(text, WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
            }
            catch (Exception e) when (e is WebSocketException or ObjectDisposedException)
            {
                // This one left; its own loop takes it out of the room.
            }
            finally
            {
                _turn.Release();
            }
        }

        public void Dispose() => _turn.Dispose();
    }
}
