using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Desk;

/// <summary>An agents' snippet.</summary>
internal sealed class CannedReply : ITenantOwned
{
    public Guid Id { get; init; } = Guid.CreateVersion7();
    public required Guid TenantId { get; init; }

    /// <summary>What an agent types after a slash.</summary>
    public required string Shortcut { get; set => field = value.Trim(); }

    public required string Body { get; set; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset UpdatedAt { get; set; }

    public CannedReplyResponse ToResponse() => new(Id, Shortcut, Body, CreatedAt, UpdatedAt);
}

internal sealed class CannedReplyConfiguration : IEntityTypeConfiguration<CannedReply>
{
    public void Configure(EntityTypeBuilder<CannedReply> reply) => reply.ToTable("canned_replies");
}

/// <param name="Shortcut">What an agent types after a slash; unique within the tenant, in any case of letters.</param>
public sealed record CannedReplyRequest(
    [StringLength(40, MinimumLength = 1)][RegularExpression(@"\s*[^\s/]+\s*", ErrorMessage = "must be one word without a slash")] string Shortcut,
    [StringLength(8_000, MinimumLength = 1)] string Body);

public sealed record CannedReplyPatch(
    [StringLength(40, MinimumLength = 1)][RegularExpression(@"\s*[^\s/]+\s*", ErrorMessage = "must be one word without a slash")] string? Shortcut = null,
    [StringLength(8_000, MinimumLength = 1)] string? Body = null);

internal sealed record CannedReplyResponse(Guid Id, string Shortcut, string Body, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);

internal static class CannedReplies
{
    public static void MapCannedReplies(this IEndpointRouteBuilder api)
    {
        var replies = api.MapGroup("/canned-replies").WithTags("Canned replies").Allow(Role.Agent, Scopes.Conversations);
        replies.MapGet("/", ListAsync).WithName("ListCannedReplies");
        replies.MapPost("/", CreateAsync).WithName("CreateCannedReply").ProducesProblem(StatusCodes.Status409Conflict);
        replies.MapPatch("/{id:guid}", UpdateAsync).WithName("UpdateCannedReply").ProducesProblem(StatusCodes.Status409Conflict);
        replies.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteCannedReply");
    }

    /// <summary>The tenant's snippets, the oldest first.</summary>
    /// <param name="q">Part of a shortcut or of a text.</param>
    internal static async Task<Ok<Page<CannedReplyResponse>>> ListAsync(
        AppDbContext db, CancellationToken cancellationToken, string? q = null, int? limit = null, Cursor? cursor = null)
    {
        var replies = db.CannedReplies.AsNoTracking();
        if (!string.IsNullOrWhiteSpace(q))
        {
            var pattern = Like.Containing(q.Trim());
            replies = replies.Where(reply => EF.Functions.ILike(reply.Shortcut, pattern) || EF.Functions.ILike(reply.Body, pattern));
        }
        if (cursor is { } after)
            replies = replies.Where(reply => reply.Id > after.Id);
        var size = Paging.Limit(limit);
        var rows = await replies.OrderBy(reply => reply.Id).Take(size + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(Page<CannedReplyResponse>.Of([.. rows.Select(reply => reply.ToResponse())], size, reply => new Cursor(reply.Id)));
    }

    /// <summary>Adds an agents' snippet.</summary>
    /// <response code="409">The shortcut is taken (`shortcut_taken`).</response>
    internal static async Task<Results<Created<CannedReplyResponse>, ProblemHttpResult>> CreateAsync(
        CannedReplyRequest request, ClaimsPrincipal caller, AppDbContext db, TimeProvider time, CancellationToken cancellationToken)
    {
        var now = time.Now;
        var reply = new CannedReply { TenantId = caller.TenantId, Shortcut = request.Shortcut, Body = request.Body, CreatedAt = now, UpdatedAt = now };
        db.Add(reply);
        return await SaveAsync(db, reply, cancellationToken) ?? (Results<Created<CannedReplyResponse>, ProblemHttpResult>)
            TypedResults.Created($"/api/v1/canned-replies/{reply.Id}", reply.ToResponse());
    }

    /// <summary>Changes what is given.</summary>
    /// <response code="409">The shortcut is taken (`shortcut_taken`).</response>
    internal static async Task<Results<Ok<CannedReplyResponse>, ProblemHttpResult>> UpdateAsync(
        Guid id, CannedReplyPatch patch, AppDbContext db, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await db.CannedReplies.SingleOrDefaultAsync(reply => reply.Id == id, cancellationToken) is not { } reply)
            return NotFound();
        reply.Shortcut = patch.Shortcut ?? reply.Shortcut;
        reply.Body = patch.Body ?? reply.Body;
        reply.UpdatedAt = time.Now;
        return await SaveAsync(db, reply, cancellationToken) ?? (Results<Ok<CannedReplyResponse>, ProblemHttpResult>)TypedResults.Ok(reply.ToResponse());
    }

    /// <summary>Removes a snippet.</summary>
    internal static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(Guid id, AppDbContext db, CancellationToken cancellationToken) =>
        await db.CannedReplies.Where(reply => reply.Id == id).ExecuteDeleteAsync(cancellationToken) == 0 ? NotFound() : TypedResults.NoContent();

    private static ProblemHttpResult NotFound() => Problems.NotFound("canned_reply_not_found", "There is no such canned reply.");

    /// <summary>Null when it is stored.</summary>
    private static async Task<ProblemHttpResult?> SaveAsync(AppDbContext db, CannedReply reply, CancellationToken cancellationToken)
    {
        try
        {
            await db.SaveChangesAsync(cancellationToken);
            return null;
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            return Problems.Conflict("shortcut_taken", $"Another canned reply is called /{reply.Shortcut}.");
        }
    }
}
