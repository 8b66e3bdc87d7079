using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Assistants.Providers;
using Parley.Server.Conversations;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Replies;

/// <param name="Message">What is asked; up to 32,000 characters.</param>
/// <param name="ConversationId">Left out to begin a new conversation.</param>
/// <param name="Provider">Who is asked first, by name; from then on in this conversation.</param>
/// <param name="Stream">Answer with server-sent events, as does `Accept: text/event-stream`.</param>
/// <param name="ClientId">The caller's own name for the message: sent again it changes nothing and gives the same reply. `Idempotency-Key` does as well.</param>
public sealed record ChatRequest(
    [StringLength(32_000, MinimumLength = 1)] string Message,
    Guid? ConversationId = null,
    [StringLength(60)] string? Provider = null,
    [StringLength(200)] string? Model = null,
    bool Stream = false,
    [StringLength(128, MinimumLength = 1)] string? ClientId = null,
    [StringLength(16_000)] string? SystemPrompt = null);

/// <param name="Message">What was asked.</param>
/// <param name="Reply">What was answered; `metadata.truncated` says that it is not whole.</param>
/// <param name="Usage">Tokens in and out.</param>
internal sealed record ChatResponse(Guid ConversationId, Guid ReplyId, Entry Message, Entry Reply, JsonElement? Usage);

internal static class Chat
{
    private const int LongestTitle = 60;

    public static void MapChat(this IEndpointRouteBuilder api) =>
        api.MapPost("/chat", ChatAsync).WithName("Chat").WithTags("Assistants").Allow(Role.Member, Scopes.Ai)
            .Produces<ChatResponse>().Produces(StatusCodes.Status200OK, contentType: "text/event-stream")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status502BadGateway);

    /// <summary>Asks the assistant and waits for its answer, whole or as a stream. The answer belongs to the conversation: it comes there even if nobody waits.</summary>
    /// <response code="409">Nobody can be asked (`no_provider`), the reply was stopped (`reply_cancelled`), or it is not a conversation with the assistant (`not_an_assistant_conversation`).</response>
    /// <response code="502">Nobody answered; `code` says why.</response>
    internal static async Task<IResult> ChatAsync(
        ChatRequest request, HttpContext context, AppDbContext db, ConversationRights rights, Timeline timeline, EntryLog log, Routing routing, ReplyFollower follower,
        TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(request.Message))
            return Problems.BadRequest("message_required", "Say something.", "message");
        if (request.Provider is { } name && !await routing.HasAsync(caller.TenantId, name, cancellationToken))
            return Problems.BadRequest("provider_not_found", $"There is no provider called {name}.", "provider");

        var clientId = request.ClientId ?? context.Request.Headers[Idempotency.Header].FirstOrDefault();
        var conversationId = request.ConversationId ?? await BeginAsync(request, clientId, db, time, caller, cancellationToken);
        if (await rights.OpenAsync(caller, conversationId, cancellationToken) is not { } access || !access.MayUse(caller))
            return Problems.NotFound("conversation_not_found", "There is no such conversation.");
        if (access.Kind is not ConversationKind.Assistant)
            return Problems.Conflict("not_an_assistant_conversation", "This conversation is not one with the assistant.");
        if (!access.MayWrite)
            return Problems.Conflict("conversation_archived", "An archived conversation is read only. Open it again first.");
        if (request is { ConversationId: not null } and ({ Provider: not null } or { Model: not null } or { SystemPrompt: not null }))
            await ChooseAsync(request, db, time, cancellationToken);
        var conversation = await db.Set<Conversation>().AsNoTracking().FirstAsync(one => one.Id == conversationId, cancellationToken);
        if ((await routing.CandidatesAsync(caller.TenantId, Use.Chat, conversation.Provider, conversation.Model, cancellationToken)).Count == 0)
            return Problems.Conflict("no_provider", "No assistant is set up. An administrator can add a provider under Settings, or set OPENAI_API_KEY.");

        var draft = new Draft
        {
            TenantId = caller.TenantId,
            ConversationId = conversationId,
            Sender = access.Sender,
            Body = request.Message,
            ClientId = clientId,
            WantsReply = true,
        };
        var result = await timeline.AppendAsync(draft, cancellationToken);
        if (!result.IsStored)
            return Problems.NotFound("conversation_not_found", "There is no such conversation.");
        var asked = (await log.ReadAfterAsync(conversationId, result.Seq - 1, access.View, limit: 1, cancellationToken))[0];
        var pieces = follower.FollowAnswerAsync(caller.TenantId, conversationId, result.Seq, cancellationToken);
        var wantsStream = request.Stream || context.Request.GetTypedHeaders().Accept.Any(accepted => accepted.MediaType == "text/event-stream");
        return wantsStream ? new ReplyEventStream(pieces, asked) : await WholeAsync(pieces, asked, log, cancellationToken);
    }

    private static async Task<IResult> WholeAsync(IAsyncEnumerable<FollowedReply> pieces, Entry asked, EntryLog log, CancellationToken cancellationToken)
    {
        await foreach (var followed in pieces)
        {
            if (followed.Ended is not { } reply)
                continue;
            if (await reply.MessageAsync(log, cancellationToken) is { } message)
                return TypedResults.Ok(new ChatResponse(asked.ConversationId, reply.Id, asked, message, message.Usage));
            return reply.Status is ReplyStatus.Cancelled
                ? Problems.Conflict("reply_cancelled", "The reply was stopped before it said anything.")
                : Problems.Of(StatusCodes.Status502BadGateway, reply.Code ?? "assistant_failed", "The assistant could not answer.", ("reply_id", reply.Id));
        }
        return Problems.Of(StatusCodes.Status502BadGateway, "assistant_failed", "The assistant could not answer.");
    }

    /// <summary>Begins a conversation. With a client id it is the same one when the request comes again.</summary>
    private static async Task<Guid> BeginAsync(
        ChatRequest request, string? clientId, AppDbContext db, TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var now = time.Now;
        var conversation = new Conversation
        {
            Id = clientId is null ? Guid.CreateVersion7() : IdFor(caller, clientId),
            TenantId = caller.TenantId,
            Kind = ConversationKind.Assistant,
            Handler = Handler.Ai,
            Title = TitleOf(request.Message),
            CreatedBy = caller.CallerId,
            Provider = request.Provider,
            Model = request.Model,
            SystemPrompt = request.SystemPrompt,
            LastActivityAt = now,
            CreatedAt = now,
            UpdatedAt = now,
        };
        var entry = db.Add(conversation);
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException e) when (clientId is not null && e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            // The request came before: its conversation is there.
        }
        entry.State = EntityState.Detached;
        return conversation.Id;
    }

    private static async Task ChooseAsync(ChatRequest request, AppDbContext db, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await db.Set<Conversation>().FirstOrDefaultAsync(one => one.Id == request.ConversationId, cancellationToken) is not { } conversation)
            return;
        conversation.Provider = request.Provider ?? conversation.Provider;
        conversation.Model = request.Model ?? (request.Provider is null ? conversation.Model : null);
        conversation.SystemPrompt = request.SystemPrompt ?? conversation.SystemPrompt;
        conversation.UpdatedAt = time.Now;
        await db.SaveChangesAsync(cancellationToken);
    }

    /// <summary>An id (UUID version 8) that follows from who asks and the client id.</summary>
    private static Guid IdFor(ClaimsPrincipal caller, string clientId)
    {
        var id = SHA256.HashData(Encoding.UTF8.GetBytes($"chat\n{caller.TenantId}\n{caller.CallerId}\n{clientId}"));
        id[6] = (byte)(0x80 | (id[6] & 0x0F));
        id[8] = (byte)(0x80 | (id[8] & 0x3F));
        return new Guid(id.AsSpan(0, 16), bigEndian: true);
    }

    private static string TitleOf(string message)
    {
        var line = string.Join(' ', message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (line.Length <= LongestTitle)
            return line;
        return $"{line.AsSpan(0, char.IsHighSurrogate(line[LongestTitle - 1]) ? LongestTitle - 1 : LongestTitle).TrimEnd()}…";
    }
}
