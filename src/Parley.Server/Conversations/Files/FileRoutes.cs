using System.Security.Claims;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Widget;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Files;

internal sealed record FileResponse(Guid Id, string Name, string ContentType, long Size, string Url, DateTimeOffset CreatedAt);

internal static class FileRoutes
{
    private const int MaxFieldLength = 100;
    private const long Overhead = 64 * 1024;

    // A page of another origin may show it, but nothing in it may do anything.
    private const string Sandbox = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

    public static void MapFiles(this IEndpointRouteBuilder api)
    {
        var files = api.MapGroup("/files").WithTags("Files").Allow(Role.Member, Scopes.Conversations, visitors: true).RequireCors(WidgetCors.Policy);
        files.MapPost("/", UploadAsync).WithName("UploadFile").ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .AddOpenApiOperationTransformer(static (operation, _, _) =>
            {
                operation.RequestBody = Form();
                return Task.CompletedTask;
            });
        files.MapPost("/{id:guid}/link", LinkAsync).WithName("LinkFile");
        // A link needs no caller; without one the handler asks for what the group asks.
        files.MapGet("/{id:guid}", DownloadAsync).WithName("DownloadFile").AllowAnonymous();
        files.MapMethods("/{id:guid}", [HttpMethods.Head], DownloadAsync).ExcludeFromDescription().AllowAnonymous();
    }

    /// <summary>Uploads a file to a conversation: `multipart/form-data` with `conversation_id` and `file`. Name its id in a message's `attachments`.</summary>
    /// <response code="413">Larger than the settings allow (`file_too_large`).</response>
    /// <response code="415">Of a type that the settings do not allow, or not what it says it is.</response>
    internal static async Task<Results<Created<FileResponse>, ProblemHttpResult>> UploadAsync(
        HttpContext context, ClaimsPrincipal caller, ConversationRights rights, FileLimits limits, FileStore store, AppDbContext db, TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 200 } boundary)
            return Problems.Of(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", "Send the file as multipart/form-data.");
        var limit = await limits.FindAsync(caller, cancellationToken);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = limit.MaxBytes + Overhead;

        var conversationId = caller.VisitorConversationId;
        Upload? upload = null;
        try
        {
            var parts = new MultipartReader(boundary.ToString(), context.Request.Body);
            while (await parts.ReadNextSectionAsync(cancellationToken) is { } part)
            {
                var disposition = part.GetContentDispositionHeader();
                if (disposition?.Name.Value is "conversation_id")
                {
                    if (!Guid.TryParse(await ReadFieldAsync(part, cancellationToken), out var id))
                        return Problems.BadRequest("invalid_parameter", "must be an id (a UUID)", "conversation_id");
                    conversationId = id;
                }
                else if (disposition is not null && disposition.IsFileDisposition() && disposition.Name.Value is "file" && upload is null)
                {
                    upload = await SaveAsync(part, disposition, limit, store, cancellationToken);
                    if (upload.Problem is { } refused)
                        return refused;
                }
            }
            if (upload?.Stored is not { } stored)
                return Problems.BadRequest("file_required", "Send the file as the part `file`.", "file");
            if (conversationId is null)
                return Problems.BadRequest("conversation_required", "Say which conversation it is for.", "conversation_id");
            var access = await rights.OpenAsync(caller, conversationId.Value, cancellationToken);
            if (access.IsRefused(out var problem))
                return problem;
            if (!access.MayWrite)
                return ConversationProblems.Archived();
            var file = upload.ToFile(stored, access, time.Now);
            db.Add(file);
            await db.SaveChangesAsync(cancellationToken);
            upload.IsKept = true;
            return TypedResults.Created(Attachments.UrlOf(file.Id), file.ToResponse());
        }
        catch (InvalidDataException)
        {
            return Problems.BadRequest("invalid_multipart", "The body is not the multipart/form-data that this route takes.", "file");
        }
        catch (IOException e) when (e.Message.StartsWith("Unexpected end of Stream", StringComparison.Ordinal)) // MultipartReader has no type of its own for it
        {
            return Problems.BadRequest("invalid_multipart", "The body ends in the middle.", "file");
        }
        finally
        {
            if (upload is { IsKept: false })
                store.Delete(upload.Id);
        }
    }

    /// <summary>Makes a link to a file that opens it without a token, for ten to twenty minutes.</summary>
    internal static async Task<Results<Ok<FileLink>, ProblemHttpResult>> LinkAsync(
        Guid id, ClaimsPrincipal caller, ConversationRights rights, FileLinks links, AppDbContext db, CancellationToken cancellationToken)
    {
        var (file, problem) = await FindAsync(id, caller, rights, db, cancellationToken);
        return file is null ? problem ?? NotFound() : TypedResults.Ok(links.Make(id));
    }

    /// <summary>
    /// A file of a conversation that the caller may see, or to which `expires` and `signature` of a link open the way. Pictures, PDF and plain text are shown,
    /// everything else is offered for saving.
    /// </summary>
    internal static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> DownloadAsync(
        Guid id, HttpContext context, ClaimsPrincipal user, ConversationRights rights, FileLinks links, FileStore store, AppDbContext db, CancellationToken cancellationToken,
        long? expires = null, string? signature = null)
    {
        ConversationFile? file;
        if (links.IsGood(id, expires, signature))
        {
            file = await db.Files.IgnoreQueryFilters(["Tenant"]).AsNoTracking()
                .SingleOrDefaultAsync(f => f.Id == id && db.Set<Conversation>().Any(c => c.Id == f.ConversationId && c.DeletedAt == null), cancellationToken);
        }
        else
        {
            if (!AccessRequirement.IsMet(context, user))
                return AccessRefused.Refusal(context);
            (file, var problem) = await FindAsync(id, user, rights, db, cancellationToken);
            if (problem is not null)
                return problem;
        }
        if (file is null || store.OpenRead(id) is not { } content)
            return NotFound();
        var headers = context.Response.Headers;
        var disposition = new ContentDispositionHeaderValue(FileTypes.IsShown(file.ContentType) ? "inline" : "attachment");
        disposition.SetHttpFileName(file.Name);
        headers.ContentDisposition = disposition.ToString();
        headers.XContentTypeOptions = "nosniff";
        if (file.ContentType is not "application/pdf") // a browser's own viewer does not run in a sandbox
            headers.ContentSecurityPolicy = Sandbox;
        headers.CacheControl = "private, max-age=86400, immutable";
        return TypedResults.Stream(
            content, file.ContentType is "text/plain" ? "text/plain; charset=utf-8" : file.ContentType, lastModified: file.CreatedAt,
            entityTag: new EntityTagHeaderValue($"\"{file.StorageKey}\""), enableRangeProcessing: true);
    }

    /// <summary>The file, when the caller may see its conversation.</summary>
    private static async Task<(ConversationFile? File, ProblemHttpResult? Problem)> FindAsync(
        Guid id, ClaimsPrincipal caller, ConversationRights rights, AppDbContext db, CancellationToken cancellationToken)
    {
        var file = await db.Files.AsNoTracking().SingleOrDefaultAsync(f => f.Id == id, cancellationToken);
        var access = file is null ? null : await rights.OpenAsync(caller, file.ConversationId, cancellationToken);
        if (file is null || access is null)
            return (null, null);
        return access.IsRefused(out var problem) ? (null, problem) : (file, null);
    }

    private static async Task<Upload> SaveAsync(
        MultipartSection part, ContentDispositionHeaderValue disposition, FileLimit limit, FileStore store, CancellationToken cancellationToken)
    {
        var upload = new Upload(Guid.CreateVersion7(), FileName.Clean(disposition.FileNameStar.Value ?? HeaderUtilities.RemoveQuotes(disposition.FileName).Value));
        var head = new byte[FileTypes.HeadLength];
        var length = await part.Body.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        if (length == 0)
            return upload with { Problem = Problems.BadRequest("file_empty", "The file is empty.", "file") };
        if (!FileTypes.TryDetermine(head.AsSpan(0, length), part.ContentType, out var contentType))
            return upload with { Problem = NotTaken("file_type_mismatch", "The file is not what it says it is.") };
        if (!FileTypes.IsTaken(contentType, limit.Types))
            return upload with { Problem = NotTaken("file_type_not_allowed", $"Files of type {contentType} are not taken.") };
        var stored = await store.SaveAsync(upload.Id, new HeadedStream(head.AsMemory(0, length), part.Body), limit.MaxBytes, cancellationToken);
        return stored is null
            ? upload with { Problem = Problems.Of(StatusCodes.Status413PayloadTooLarge, "file_too_large", $"A file may have up to {limit.MaxBytes} bytes.") }
            : upload with { ContentType = contentType, Stored = stored };
    }

    // Said here and not with Accepts, which would answer 415 before anybody asks who is calling.
    private static OpenApiRequestBody Form() => new()
    {
        Required = true,
        Content = new Dictionary<string, OpenApiMediaType>
        {
            ["multipart/form-data"] = new()
            {
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Required = new HashSet<string> { "file" },
                    Properties = new Dictionary<string, IOpenApiSchema>
                    {
                        ["file"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" },
                        ["conversation_id"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uuid", Description = "A visitor's may be left out: it has one." },
                    },
                },
            },
        },
    };

    private static async Task<string> ReadFieldAsync(MultipartSection part, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(part.Body);
        var text = new char[MaxFieldLength];
        var length = await reader.ReadBlockAsync(text, cancellationToken);
        return new string(text, 0, length).Trim();
    }

    private static ProblemHttpResult NotFound() => Problems.NotFound("file_not_found", "There is no such file.");

    private static ProblemHttpResult NotTaken(string code, string detail) => Problems.Of(StatusCodes.Status415UnsupportedMediaType, code, detail, ("errors", new Dictionary<string, string[]> { ["file"] = [detail] }));

    /// <summary>A file that is being taken: until it is kept its bytes go away again.</summary>
    private sealed record Upload(Guid Id, string Name)
    {
        public string ContentType { get; init; } = FileTypes.Unknown;
        public StoredFile? Stored { get; init; }
        public ProblemHttpResult? Problem { get; init; }
        public bool IsKept { get; set; }

        public ConversationFile ToFile(StoredFile stored, ConversationAccess access, DateTimeOffset now) => new()
        {
            Id = Id,
            TenantId = access.TenantId,
            ConversationId = access.ConversationId,
            Name = Name,
            ContentType = ContentType,
            Size = stored.Size,
            StorageKey = stored.Sha256,
            UploadedByType = access.Sender.Type.Name(),
            UploadedBy = access.Sender.Id.GetValueOrDefault(),
            CreatedAt = now,
        };
    }
}

/// <param name="Types">Content types, <c>image/*</c> for a family; empty: the server's own.</param>
internal sealed record FileLimit(long MaxBytes, IReadOnlyList<string> Types);

/// <summary>How large and of which types files may be: the tenant's settings, and for visitors also the widget's.</summary>
internal sealed class FileLimits(NpgsqlDataSource database)
{
    public async Task<FileLimit> FindAsync(ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select least(t.max_file_bytes, case when $2 then w.max_file_bytes end), t.allowed_file_types
            from tenants t left join widgets w on w.tenant_id = t.id where t.id = $1
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = caller.TenantId });
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = caller.IsVisitor });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? new FileLimit(row.GetInt64(0), row.Get<string[]>(1)) : new FileLimit(0, []);
    }
}

/// <summary>What was read off a stream already, and then the rest of it.</summary>
internal sealed class HeadedStream(ReadOnlyMemory<byte> head, Stream rest) : Stream
{
    private ReadOnlyMemory<byte> _head = head;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_head.IsEmpty)
            return await rest.ReadAsync(buffer, cancellationToken);
        var length = Math.Min(_head.Length, buffer.Length);
        _head[..length].CopyTo(buffer);
        _head = _head[length..];
        return length;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
