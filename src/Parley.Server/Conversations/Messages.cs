using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Files;
using Parley.Server.Conversations.Live;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Conversations.Widget;
using Parley.Server.Operations;

namespace Parley.Server.Conversations;

/// <param name="Body">Up to 32,000 characters; may be empty when there are attachments.</param>
/// <param name="ClientId">The sender's own name for the message: sent again in the same conversation it changes nothing.</param>
/// <param name="Kind">`text`, `image` or `file`; by default what the attachments are.</param>
/// <param name="Attachments">Ids of files that were uploaded to this conversation.</param>
/// <param name="Private">A note for the tenant's people; visitors never see it.</param>
/// <param name="Reply">Whether the assistant is to answer; by default when a visitor, or a member in a conversation with the assistant, writes.</param>
public sealed record MessageRequest(
    [StringLength(ClientFrame.MaxBodyLength)] string? Body = null,
    [StringLength(ClientFrame.MaxClientIdLength, MinimumLength = 1)] string? ClientId = null,
    EntryKind? Kind = null,
    [MaxLength(ClientFrame.MaxAttachments)] Guid[]? Attachments = null,
    bool Private = false,
    bool? Reply = null);

/// <param name="Seq">The last entry that was seen.</param>
public sealed record ReadRequest([Range(0, long.MaxValue)] long Seq);

/// <param name="Score">From 1, bad, to 5, very good.</param>
public sealed record RatingRequest([Range(1, 5)] int Score, [StringLength(2_000)] string? Comment = null);

internal static class Messages
{
    public static void MapMessages(this IEndpointRouteBuilder api)
    {
        var conversation = api.MapGroup("/conversations/{id:guid}").WithTags("Messages").Allow(Role.Member, Scopes.Conversations, visitors: true).RequireCors(WidgetCors.Policy);
        conversation.MapGet("/messages", ListAsync).WithName("ListMessages");
        conversation.MapPost("/messages", SendAsync).WithName("SendMessage");
        conversation.MapPost("/read", MarkReadAsync).WithName("MarkRead");
        conversation.MapPost("/rating", RateAsync).WithName("RateConversation");
    }

    /// <summary>
    /// Entries of the timeline, oldest first: those after `after_seq`, or the last ones before `before_seq`, or the newest. While there are
    /// more, `next_cursor` is the seq to give as the same parameter for the next page.
    /// </summary>
    internal static async Task<Results<Ok<Page<Entry>>, ProblemHttpResult>> ListAsync(
        Guid id, ClaimsPrincipal caller, ConversationRights rights, EntryLog log, CancellationToken cancellationToken,
        long? after_seq = null, long? before_seq = null, int? limit = null)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (access.IsRefused(out var problem))
            return problem;
        if (after_seq is not null && before_seq is not null)
            return Problems.BadRequest("one_direction", "Give after_seq or before_seq, not both.", "before_seq");
        var size = Paging.Limit(limit);
        if (after_seq is { } after)
        {
            var later = await log.ReadAfterAsync(access.ConversationId, after, access.View, size + 1, cancellationToken);
            var hasMore = later.Count > size;
            if (hasMore)
                later.RemoveAt(size);
            return TypedResults.Ok(new Page<Entry>(later, hasMore ? later[^1].Seq.ToString(CultureInfo.InvariantCulture) : null));
        }
        var earlier = await log.ReadBeforeAsync(access.ConversationId, before_seq ?? long.MaxValue, access.View, size + 1, cancellationToken);
        var hasEarlier = earlier.Count > size;
        if (hasEarlier)
            earlier.RemoveAt(0);
        return TypedResults.Ok(new Page<Entry>(earlier, hasEarlier ? earlier[0].Seq.ToString(CultureInfo.InvariantCulture) : null));
    }

    /// <summary>Writes a message. It is stored when this answers.</summary>
    /// <response code="200">A message with this `client_id` is there already; this is it.</response>
    internal static async Task<Results<Created<Entry>, Ok<Entry>, ProblemHttpResult>> SendAsync(
        Guid id, MessageRequest request, ClaimsPrincipal caller, ConversationRights rights, Attachments files, Timeline timeline, EntryLog log,
        CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (access.IsRefused(out var problem))
            return problem;
        if (request.Kind is EntryKind.Event)
            return Problems.BadRequest("invalid_value", "must be one of: text, image, file", "kind");
        if (request.Private && !access.IsStaff)
            return ConversationProblems.Forbidden("Only agents write notes.");
        if (string.IsNullOrWhiteSpace(request.Body) && request.Attachments is not { Length: > 0 })
            return Problems.BadRequest("body_required", "A message has a body or attachments.", "body");
        if (!access.MayWrite)
            return ConversationProblems.Archived();
        if (await files.FindAsync(access.ConversationId, request.Attachments ?? [], cancellationToken) is not { } attachments)
            return Problems.BadRequest("file_not_found", "One of the attachments is not a file of this conversation.", "attachments");

        var draft = access.Message(request.Body ?? "", request.Kind, attachments, request.Private, request.ClientId, request.Reply);
        var result = await timeline.AppendAsync(draft, cancellationToken);
        if (result.Outcome.IsRefused(out problem))
            return problem;
        var stored = await log.ReadAfterAsync(access.ConversationId, result.Seq - 1, access.View, limit: 1, cancellationToken);
        if (stored is not [var entry] || entry.Seq != result.Seq)
            return Problems.Conflict("client_id_taken", "Another message of this conversation has this client_id.");
        return result.Outcome is AppendOutcome.Duplicate
            ? TypedResults.Ok(entry)
            : TypedResults.Created($"/api/v1/conversations/{access.ConversationId}/messages?after_seq={result.Seq - 1}&limit=1", entry);
    }

    /// <summary>Notes how far the caller has read.</summary>
    internal static async Task<Results<NoContent, ProblemHttpResult>> MarkReadAsync(
        Guid id, ReadRequest request, ClaimsPrincipal caller, ConversationRights rights, ReadMarks marks, CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (access.IsRefused(out var problem))
            return problem;
        await marks.MarkAsync(access, request.Seq, cancellationToken);
        return TypedResults.NoContent();
    }

    /// <summary>The visitor says how it was; the last word counts.</summary>
    /// <response code="403">Only the visitor rates.</response>
    internal static async Task<Results<NoContent, ProblemHttpResult>> RateAsync(
        Guid id, RatingRequest request, ClaimsPrincipal caller, ConversationRights rights, Timeline timeline, CancellationToken cancellationToken)
    {
        var access = await rights.OpenAsync(caller, id, cancellationToken);
        if (access.IsRefused(out var problem))
            return problem;
        if (!access.IsVisitor && !caller.IsApiKey)
            return ConversationProblems.Forbidden("Only the visitor rates a conversation.");
        var comment = string.IsNullOrWhiteSpace(request.Comment) ? null : request.Comment.Trim();
        var change = new ConversationChange { RatingScore = (short)request.Score, RatingComment = comment };
        var result = await timeline.AppendAsync(access.Event(TimelineEvents.Rating(request.Score, comment), change), cancellationToken);
        return result.Outcome.IsRefused(out problem) ? problem : TypedResults.NoContent();
    }
}
