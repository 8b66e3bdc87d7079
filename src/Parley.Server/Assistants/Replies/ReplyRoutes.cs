using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Parley.Server.Accounts;
using Parley.Server.Conversations;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Replies;

/// <param name="Text">What it has said so far, or all that it said.</param>
/// <param name="Index">Of the last delta in `text`.</param>
/// <param name="Attempts">Who was asked, in order.</param>
/// <param name="Code">Why it did not end well.</param>
/// <param name="Message">The entry that it became.</param>
internal sealed record ReplyResponse(
    Guid Id, Guid ConversationId, string Status, string? Model, string Text, int Index, IReadOnlyList<Attempt> Attempts, string? Code, Entry? Message,
    DateTimeOffset CreatedAt, DateTimeOffset? EndedAt);

internal static class ReplyRoutes
{
    public static void MapReplies(this IEndpointRouteBuilder api)
    {
        var reply = api.MapGroup("/replies/{id:guid}").WithTags("Assistants").Allow(Role.Member, Scopes.Ai);
        reply.MapGet("", GetAsync).WithName("GetReply");
        reply.MapGet("/stream", StreamAsync).WithName("StreamReply").Produces(StatusCodes.Status200OK, contentType: "text/event-stream");
        reply.MapPost("/cancel", CancelAsync).WithName("CancelReply");
    }

    /// <summary>A reply as it stands now, running or ended.</summary>
    internal static async Task<Results<Ok<ReplyResponse>, ProblemHttpResult>> GetAsync(
        Guid id, ReplyStore replies, ReplyEngine engine, ConversationRights rights, EntryLog log, ClaimsPrincipal caller, CancellationToken cancellationToken) =>
        await OpenAsync(id, replies, rights, caller, cancellationToken) is { } reply
            ? TypedResults.Ok(await ToResponseAsync(reply, engine, log, caller, cancellationToken))
            : NotFound();

    /// <summary>
    /// Joins a reply as server-sent events: `delta` events with what comes after `after_index` (or `Last-Event-ID`), or `start` with the whole text so far when that
    /// index is not of this run of it, and last `reply` or `error`.
    /// </summary>
    internal static async Task<IResult> StreamAsync(
        Guid id, int? after_index, HttpRequest request, ReplyStore replies, ReplyFollower follower, ConversationRights rights, ClaimsPrincipal caller,
        CancellationToken cancellationToken)
    {
        if (await OpenAsync(id, replies, rights, caller, cancellationToken) is not { } reply)
            return NotFound();
        var last = int.TryParse(request.Headers["Last-Event-ID"], NumberStyles.Integer, CultureInfo.InvariantCulture, out var index) ? index : after_index ?? -1;
        return new ReplyEventStream(follower.FollowAsync(reply.TenantId, id, last, cancellationToken), asked: null);
    }

    /// <summary>Stops a running reply; what it said so far is kept. One that has ended stays as it is.</summary>
    internal static async Task<Results<Accepted<ReplyResponse>, Ok<ReplyResponse>, ProblemHttpResult>> CancelAsync(
        Guid id, ReplyStore replies, ReplyEngine engine, ConversationRights rights, EntryLog log, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        if (await OpenAsync(id, replies, rights, caller, cancellationToken) is not { } reply)
            return NotFound();
        if (reply.Status is not ReplyStatus.Running)
            return TypedResults.Ok(await ToResponseAsync(reply, engine, log, caller, cancellationToken));
        if (engine.FindById(id) is { } live)
            live.Cancel();
        else
            await replies.RequestCancelAsync(reply.ConversationId, cancellationToken);
        return TypedResults.Accepted($"/api/v1/replies/{id}", await ToResponseAsync(reply, engine, log, caller, cancellationToken));
    }

    /// <summary>The entry that the reply became; null when it became none.</summary>
    public static async Task<Entry?> MessageAsync(this StoredReply reply, EntryLog log, CancellationToken cancellationToken)
    {
        if (reply.MessageSeq is not { } seq)
            return null;
        var found = await log.ReadAfterAsync(reply.ConversationId, seq - 1, EntryView.WithoutNotes, limit: 1, cancellationToken);
        return found is [{ Kind: not EntryKind.Event } message] && message.Seq == seq ? message : null;
    }

    /// <summary>A key for assistants alone opens the conversations that it began; other callers those that they may see.</summary>
    public static bool MayUse(this ConversationAccess access, ClaimsPrincipal caller) =>
        caller is not Caller { Kind: CallerKind.ApiKey } key || key.AtLeast(Role.Agent) || access.CreatedBy == key.Id;

    private static async Task<StoredReply?> OpenAsync(Guid id, ReplyStore replies, ConversationRights rights, ClaimsPrincipal caller, CancellationToken cancellationToken) =>
        await replies.FindAsync(caller.TenantId, id, cancellationToken) is { } reply
        && await rights.OpenAsync(caller, reply.ConversationId, cancellationToken) is { } access && access.MayUse(caller)
            ? reply
            : null;

    private static async Task<ReplyResponse> ToResponseAsync(
        StoredReply reply, ReplyEngine engine, EntryLog log, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var (text, index) = reply.Status is ReplyStatus.Running && engine.FindById(reply.Id)?.Snapshot() is { } now ? (now.Text, now.Index) : (reply.Text, reply.LastIndex);
        // What a provider's server said in failing may name accounts, limits and addresses: that is for the operator.
        IReadOnlyList<Attempt> attempts = caller.AtLeast(Role.Admin) ? reply.Attempts : [.. reply.Attempts.Select(attempt => attempt with { Detail = null })];
        return new ReplyResponse(
            reply.Id, reply.ConversationId, reply.Status.Name(), reply.Model, text, index, attempts, reply.Code,
            await reply.MessageAsync(log, cancellationToken), reply.CreatedAt, reply.EndedAt);
    }

    private static ProblemHttpResult NotFound() => Problems.NotFound("reply_not_found", "There is no such reply.");
}
