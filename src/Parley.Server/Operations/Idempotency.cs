using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using Parley.Server.Storage;

namespace Parley.Server.Operations;

/// <summary>
/// A POST that is sent again with its <c>Idempotency-Key</c> gets the first answer and does nothing twice. Keys belong to a caller and a
/// route and are kept for a day. Answers that say "try again" (429 and 5xx) and streams are not kept: there the key may be used anew.
/// </summary>
internal sealed partial class Idempotency(NpgsqlDataSource database, Secrets secrets, TimeProvider time, ILogger<Idempotency> logger) : ISweep
{
    public const string Header = "Idempotency-Key";

    private const int MaxKeyLength = 255;
    private static readonly TimeSpan _kept = TimeSpan.FromHours(24);

    // A server that died in the middle holds the key no longer than this.
    private static readonly TimeSpan _lock = TimeSpan.FromMinutes(2);

    public async Task InvokeAsync(HttpContext context, RequestDelegate next, Guid tenantId)
    {
        var key = context.Request.Headers[Header].ToString();
        if (key.Length > MaxKeyLength || key.Any(c => c is < ' ' or > '~'))
        {
            await Problems.BadRequest("invalid_idempotency_key", "Idempotency-Key takes up to 255 printable ASCII characters.").ExecuteAsync(context);
            return;
        }

        var id = SHA256.HashData(Encoding.UTF8.GetBytes($"{context.User.Identity!.Name}\n{context.Request.Path}{context.Request.QueryString}\n{key}"));
        var requestHash = await HashBodyAsync(context);
        var owner = Guid.CreateVersion7();
        var (begun, known) = await BeginAsync(tenantId, id, requestHash, owner, context.RequestAborted);
        if (begun)
            await RunAsync(context, next, id, owner);
        else if (known is not null && !known.RequestHash.AsSpan().SequenceEqual(requestHash))
            await Mismatch().ExecuteAsync(context);
        else if (known?.Answer is { } kept && secrets.TryUnprotect(kept, Context(id), out var json)
            && JsonSerializer.Deserialize(json, OperationsJson.Default.KeptAnswer) is { } answer)
            await ReplayAsync(context, answer);
        else
            await InProgress().ExecuteAsync(context);
    }

    /// <summary>Deletes what is older than a day.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("delete from idempotency_keys where created_at < $1");
        command.Parameters.AddWithValue(time.Now - _kept);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task RunAsync(HttpContext context, RequestDelegate next, byte[] id, Guid owner)
    {
        var response = context.Features.Get<IHttpResponseBodyFeature>()!;
        await using var body = new HeldBody(response.Stream, context.Response);
        var held = new StreamResponseBodyFeature(body, response);
        context.Features.Set<IHttpResponseBodyFeature>(held);
        var kept = false;
        try
        {
            await next(context);
            await held.Writer.FlushAsync(CancellationToken.None);
            if (body.Held is { } bytes && context.Response.StatusCode is < 500 and not StatusCodes.Status429TooManyRequests)
            {
                var answer = new KeptAnswer(context.Response.StatusCode, context.Response.ContentType, context.Response.Headers.Location, Encoding.UTF8.GetString(bytes.Span));
                kept = await KeepAsync(id, owner, answer);
            }
        }
        finally
        {
            context.Features.Set(response);
            if (!kept)
                await GiveUpAsync(id, owner);
        }
        await body.ReleaseAsync(context.RequestAborted);
    }

    private static async Task ReplayAsync(HttpContext context, KeptAnswer answer)
    {
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = answer.ContentType;
        if (answer.Location is not null)
            context.Response.Headers.Location = answer.Location;
        context.Response.Headers["Idempotency-Replayed"] = "true";
        if (answer.Body.Length > 0)
            await context.Response.WriteAsync(answer.Body, context.RequestAborted);
    }

    private static async Task<byte[]> HashBodyAsync(HttpContext context)
    {
        // A form's parts are divided by a text that is made anew each time; and a file may be larger than what is held here.
        if (context.Request.HasFormContentType)
            return SHA256.HashData(Encoding.UTF8.GetBytes($"form {context.Request.ContentLength}"));
        context.Request.EnableBuffering();
        var hash = await SHA256.HashDataAsync(context.Request.Body, context.RequestAborted);
        context.Request.Body.Position = 0;
        return hash;
    }

    private async Task<(bool Begun, Known? Known)> BeginAsync(Guid tenantId, byte[] id, byte[] requestHash, Guid owner, CancellationToken cancellationToken)
    {
        var now = time.Now;
        await using var begin = database.CreateCommand(
            """
            insert into idempotency_keys as k (tenant_id, id, request_hash, owner, locked_until, created_at) values ($1, $2, $3, $4, $5, $6)
            on conflict (id) do update
            set request_hash = excluded.request_hash, owner = excluded.owner, locked_until = excluded.locked_until, answer = null, created_at = excluded.created_at
            where k.created_at < $7 or (k.answer is null and k.locked_until < $6)
            returning 1
            """);
        begin.Parameters.AddWithValue(tenantId);
        begin.Parameters.AddWithValue(id);
        begin.Parameters.AddWithValue(requestHash);
        begin.Parameters.AddWithValue(owner);
        begin.Parameters.AddWithValue(now + _lock);
        begin.Parameters.AddWithValue(now);
        begin.Parameters.AddWithValue(now - _kept);
        if (await begin.ExecuteScalarAsync(cancellationToken) is not null)
            return (true, null);

        await using var read = database.CreateCommand("select request_hash, answer from idempotency_keys where id = $1");
        read.Parameters.AddWithValue(id);
        await using var row = await read.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? (false, new((byte[])row[0], row[1] as string))
            : (false, null);
    }

    private async Task<bool> KeepAsync(byte[] id, Guid owner, KeptAnswer answer)
    {
        await using var command = database.CreateCommand("update idempotency_keys set answer = $3 where id = $1 and owner = $2");
        command.Parameters.AddWithValue(id);
        command.Parameters.AddWithValue(owner);
        command.Parameters.AddWithValue(secrets.Protect(JsonSerializer.Serialize(answer, OperationsJson.Default.KeptAnswer), Context(id)));
        return await command.ExecuteNonQueryAsync(CancellationToken.None) == 1;
    }

    private async Task GiveUpAsync(byte[] id, Guid owner)
    {
        try
        {
            await using var command = database.CreateCommand("delete from idempotency_keys where id = $1 and owner = $2 and answer is null");
            command.Parameters.AddWithValue(id);
            command.Parameters.AddWithValue(owner);
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (NpgsqlException e)
        {
            LogNotGivenUp(e.Message); // the lock runs out by itself
        }
    }

    private static string Context(byte[] id) => $"idempotency:{Convert.ToHexStringLower(id)}";

    private static ProblemHttpResult Mismatch() =>
        Problems.Of(StatusCodes.Status422UnprocessableEntity, "idempotency_mismatch", "This Idempotency-Key was used with another body.");

    private static ProblemHttpResult InProgress() =>
        Problems.Conflict("idempotency_in_progress", "The first request with this Idempotency-Key is still running.");

    [LoggerMessage(LogLevel.Warning, "An idempotency key stays locked for two minutes: {Reason}")]
    private partial void LogNotGivenUp(string reason);

    private sealed record Known(byte[] RequestHash, string? Answer);

    /// <summary>Holds an answer back until it is kept. One that streams, or is too large to keep, is let through as it comes.</summary>
    private sealed class HeldBody(Stream inner, HttpResponse response) : Stream
    {
        private const int MaxHeldBytes = 256 * 1024;
        private MemoryStream? _held = new();

        /// <summary>The whole answer; null when it was let through.</summary>
        public ReadOnlyMemory<byte>? Held => _held is null ? null : _held.GetBuffer().AsMemory(0, (int)_held.Length);

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public async Task ReleaseAsync(CancellationToken cancellationToken)
        {
            if (_held is not { } held)
                return;
            _held = null;
            held.Position = 0;
            await held.CopyToAsync(inner, cancellationToken);
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_held is not null && (_held.Length + buffer.Length > MaxHeldBytes || IsStream))
                await ReleaseAsync(cancellationToken);
            if (_held is null)
                await inner.WriteAsync(buffer, cancellationToken);
            else
                _held.Write(buffer.Span);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async Task FlushAsync(CancellationToken cancellationToken)
        {
            if (IsStream)
                await ReleaseAsync(cancellationToken);
            if (_held is null)
                await inner.FlushAsync(cancellationToken);
        }

        private bool IsStream => response.ContentType?.StartsWith("text/event-stream", StringComparison.Ordinal) is true;

        public override void Flush() => throw new NotSupportedException("Responses are written asynchronously.");

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Responses are written asynchronously.");

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}

/// <summary>An answer as it is kept for a request that comes again.</summary>
internal sealed record KeptAnswer(int Status, string? ContentType, string? Location, string Body);
