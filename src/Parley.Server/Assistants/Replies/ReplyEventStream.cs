using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Replies;

/// <summary>
/// A reply as server-sent events: <c>message</c> (what was asked), <c>start</c> (the text so far, when the pieces before cannot be counted), <c>delta</c>, and last
/// <c>reply</c> or <c>error</c>. The id of an event is the index of the piece. Comments keep the connection open while the model thinks.
/// </summary>
internal sealed class ReplyEventStream(IAsyncEnumerable<FollowedReply> pieces, Entry? asked) : IResult
{
    private static readonly TimeSpan _heartbeat = TimeSpan.FromSeconds(15);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var services = httpContext.RequestServices;
        var time = services.GetRequiredService<TimeProvider>();
        var log = services.GetRequiredService<EntryLog>();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(
            httpContext.RequestAborted, services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        var response = httpContext.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache";
        response.Headers["X-Accel-Buffering"] = "no";
        var events = new EventWriter(response);
        try
        {
            if (asked is not null)
                await events.WriteAsync("message", id: null, asked, EntryJson.Write, ended.Token);
            await foreach (var followed in WithHeartbeatsAsync(events, time, ended.Token))
            {
                if (followed.Piece is { } piece)
                    await events.WriteAsync(piece.Replaces ? "start" : "delta", piece.Index, (followed.ReplyId, piece), WritePiece, ended.Token);
                else if (followed.Ended is { } reply)
                    await WriteEndAsync(events, reply, log, ended.Token);
            }
        }
        catch (OperationCanceledException) when (!httpContext.RequestAborted.IsCancellationRequested)
        {
            // The reply goes on after the restart; GET /replies/{id}/stream joins it again.
            await events.WriteAsync("error", id: null, ("restarting", "The server restarts. Follow the reply again in a moment."), WriteError, httpContext.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The client is gone.
        }
    }

    private async IAsyncEnumerable<FollowedReply> WithHeartbeatsAsync(
        EventWriter events, TimeProvider time, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var all = pieces.GetAsyncEnumerator(cancellationToken);
        for (var isFirst = true; ; isFirst = false)
        {
            var next = all.MoveNextAsync().AsTask();
            if (isFirst)
                await events.BeginAsync(cancellationToken); // it follows from here on, and the client may know
            while (await Task.WhenAny(next, Task.Delay(_heartbeat, time, cancellationToken)) != next)
            {
                if (cancellationToken.IsCancellationRequested)
                    break;
                await events.CommentAsync("keep-alive", cancellationToken);
            }
            if (!await next)
                yield break;
            yield return all.Current;
        }
    }

    private static async Task WriteEndAsync(EventWriter events, StoredReply reply, EntryLog log, CancellationToken cancellationToken)
    {
        if (reply.Status is ReplyStatus.Failed)
        {
            await events.WriteAsync("error", id: null, (reply.Code ?? "failed", "The assistant could not answer."), WriteError, cancellationToken);
            return;
        }
        var message = await reply.MessageAsync(log, cancellationToken);
        await events.WriteAsync("reply", id: null, (reply, message), static (json, end) =>
        {
            json.WriteStartObject();
            json.WriteString("reply_id"u8, end.reply.Id);
            json.WriteString("status"u8, end.reply.Status.Name());
            if (end.reply.Code is { } code)
                json.WriteString("code"u8, code);
            json.WritePropertyName("message"u8);
            if (end.message is null)
                json.WriteNullValue();
            else
                EntryJson.Write(json, end.message);
            json.WriteEndObject();
        }, cancellationToken);
    }

    private static void WritePiece(Utf8JsonWriter json, (Guid ReplyId, ReplyPiece Piece) of)
    {
        json.WriteStartObject();
        json.WriteString("reply_id"u8, of.ReplyId);
        json.WriteNumber("index"u8, of.Piece.Index);
        json.WriteString("text"u8, of.Piece.Text);
        if (of.Piece.Replaces)
            json.WriteString("model"u8, of.Piece.Model);
        json.WriteEndObject();
    }

    private static void WriteError(Utf8JsonWriter json, (string Code, string Detail) error)
    {
        json.WriteStartObject();
        json.WriteString("code"u8, error.Code);
        json.WriteString("detail"u8, error.Detail);
        json.WriteEndObject();
    }

    /// <summary>Writes events to a response, each flushed at once.</summary>
    private sealed class EventWriter(HttpResponse response)
    {
        private readonly ArrayBufferWriter<byte> _buffer = new(512);

        public Task BeginAsync(CancellationToken cancellationToken) => response.Body.FlushAsync(cancellationToken);

        public async Task WriteAsync<TState>(string name, int? id, TState state, Action<Utf8JsonWriter, TState> write, CancellationToken cancellationToken)
        {
            _buffer.ResetWrittenCount();
            Encoding.ASCII.GetBytes($"event: {name}\n{(id is { } index ? string.Create(CultureInfo.InvariantCulture, $"id: {index}\n") : "")}data: ", _buffer);
            using (var json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
                write(json, state);
            _buffer.Write("\n\n"u8);
            await response.Body.WriteAsync(_buffer.WrittenMemory, cancellationToken);
            await response.Body.FlushAsync(cancellationToken);
        }

        public async Task CommentAsync(string text, CancellationToken cancellationToken)
        {
            await response.Body.WriteAsync(Encoding.ASCII.GetBytes($": {text}\n\n"), cancellationToken);
            await response.Body.FlushAsync(cancellationToken);
        }
    }
}
