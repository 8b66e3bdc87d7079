using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Live;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Desk;

/// <summary>A customer: whoever a conversation with a visitor is with.</summary>
internal sealed class Contact : ITenantOwned
{
    public Guid Id { get; init; } = Guid.CreateVersion7();
    public required Guid TenantId { get; init; }

    /// <summary>The customer's id in the tenant's own systems; unique within the tenant.</summary>
    public string? ExternalId { get; set; }

    public string Name { get; set => field = value.Trim(); } = "";
    public string? Email { get; set; }
    public string? Phone { get; set; }
    public string? Locale { get; set; }
    public string Note { get; set; } = "";

    /// <summary>A JSON object with whatever the tenant keeps about its customers.</summary>
    public string Attributes { get; set; } = "{}";

    /// <summary>The tenant's site vouched for <see cref="ExternalId"/> with a signature.</summary>
    public bool Verified { get; set; }

    /// <summary>Into whom this one was merged; it is deleted then.</summary>
    public Guid? MergedInto { get; init; }

    public DateTimeOffset? LastSeenAt { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset UpdatedAt { get; set; }
    public DateTimeOffset? DeletedAt { get; set; }

    public ContactResponse ToResponse(int conversations) => new(
        Id, ExternalId, Name, Email, Phone, Locale, JsonElement.Parse(Attributes), Note, Verified, LastSeenAt, CreatedAt, conversations);
}

internal sealed class ContactConfiguration : IEntityTypeConfiguration<Contact>
{
    public void Configure(EntityTypeBuilder<Contact> contact)
    {
        contact.ToTable("contacts");
        contact.Property(c => c.Attributes).HasColumnType("jsonb");
    }
}

/// <param name="ExternalId">The customer's id in the tenant's own systems; unique within the tenant.</param>
/// <param name="Attributes">A JSON object of up to 16 kB with whatever is worth keeping.</param>
public sealed record ContactRequest(
    [StringLength(200, MinimumLength = 1)] string? ExternalId = null,
    [StringLength(200)] string? Name = null,
    [StringLength(254)] string? Email = null,
    [StringLength(50)] string? Phone = null,
    [StringLength(35)] string? Locale = null,
    [StringLength(10_000)] string? Note = null,
    JsonElement? Attributes = null);

/// <param name="Attributes">Takes the place of those that are there.</param>
public sealed record ContactPatch(
    Optional<string?> ExternalId = default,
    Optional<string?> Name = default,
    Optional<string?> Email = default,
    Optional<string?> Phone = default,
    Optional<string?> Locale = default,
    Optional<string?> Note = default,
    JsonElement? Attributes = null);

/// <param name="Into">The contact that stays.</param>
public sealed record MergeRequest(Guid Into);

internal sealed record ContactResponse(
    Guid Id, string? ExternalId, string Name, string? Email, string? Phone, string? Locale, JsonElement Attributes, string Note, bool Verified,
    DateTimeOffset? LastSeenAt, DateTimeOffset CreatedAt, int Conversations);

internal static class Contacts
{
    private const int MaxAttributesLength = 16_000;

    public static void MapContacts(this IEndpointRouteBuilder api)
    {
        var contacts = api.MapGroup("/contacts").WithTags("Contacts").Allow(Role.Agent, Scopes.Conversations);
        contacts.MapGet("/", ListAsync).WithName("ListContacts");
        contacts.MapPost("/", CreateAsync).WithName("CreateContact");
        contacts.MapGet("/{id:guid}", GetAsync).WithName("GetContact");
        contacts.MapPatch("/{id:guid}", UpdateAsync).WithName("UpdateContact");
        contacts.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteContact");
        contacts.MapPost("/{id:guid}/merge", MergeAsync).WithName("MergeContact");
    }

    /// <summary>Customers, the newest first.</summary>
    /// <param name="q">Part of a name, an email, a phone number or an external id.</param>
    internal static async Task<Results<Ok<Page<ContactResponse>>, ProblemHttpResult>> ListAsync(
        AppDbContext db, CancellationToken cancellationToken, string? q = null, string? external_id = null, int? limit = null, Cursor? cursor = null)
    {
        var contacts = db.Contacts.AsNoTracking().Where(c => c.DeletedAt == null);
        if (!string.IsNullOrWhiteSpace(q))
        {
            var pattern = Like.Containing(q.Trim());
            contacts = contacts.Where(c => EF.Functions.ILike(c.Name, pattern) || EF.Functions.ILike(c.Email!, pattern)
                || EF.Functions.ILike(c.Phone!, pattern) || EF.Functions.ILike(c.ExternalId!, pattern));
        }
        if (external_id is not null)
            contacts = contacts.Where(c => c.ExternalId == external_id);
        if (cursor is { } after)
            contacts = contacts.Where(c => c.Id < after.Id);
        var size = Paging.Limit(limit);
        var all = db.Conversations;
        var rows = await contacts.OrderByDescending(c => c.Id).Take(size + 1)
            .Select(c => new { Contact = c, Conversations = all.Count(conversation => conversation.ContactId == c.Id && conversation.DeletedAt == null) })
            .ToListAsync(cancellationToken);
        return TypedResults.Ok(Page<ContactResponse>.Of([.. rows.Select(row => row.Contact.ToResponse(row.Conversations))], size, contact => new Cursor(contact.Id)));
    }

    /// <summary>Adds a customer.</summary>
    /// <response code="409">Another contact has this external id (`external_id_taken`).</response>
    internal static async Task<Results<Created<ContactResponse>, ProblemHttpResult>> CreateAsync(
        ContactRequest request, ClaimsPrincipal caller, AppDbContext db, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!TryReadAttributes(request.Attributes, out var attributes, out var problem) || !IsEmail(request.Email, out problem))
            return problem;
        var now = time.Now;
        var contact = new Contact
        {
            TenantId = caller.TenantId,
            ExternalId = request.ExternalId,
            Name = request.Name ?? "",
            Email = request.Email,
            Phone = request.Phone,
            Locale = request.Locale,
            Note = request.Note ?? "",
            Attributes = attributes ?? "{}",
            CreatedAt = now,
            UpdatedAt = now,
        };
        db.Add(contact);
        return await IsTakenAsync(db, cancellationToken)
            ? Taken()
            : TypedResults.Created($"/api/v1/contacts/{contact.Id}", contact.ToResponse(conversations: 0));
    }

    /// <summary>One customer.</summary>
    internal static async Task<Results<Ok<ContactResponse>, ProblemHttpResult>> GetAsync(Guid id, AppDbContext db, CancellationToken cancellationToken) =>
        await FindAsync(db, id, cancellationToken) is { } contact
            ? TypedResults.Ok(contact.ToResponse(await CountAsync(db, id, cancellationToken)))
            : NotFound();

    /// <summary>Changes what is given; null clears it.</summary>
    /// <response code="409">Another contact has this external id (`external_id_taken`).</response>
    internal static async Task<Results<Ok<ContactResponse>, ProblemHttpResult>> UpdateAsync(
        Guid id, ContactPatch patch, AppDbContext db, ConversationFeed feed, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!TryReadAttributes(patch.Attributes, out var attributes, out var problem)
            || !IsEmail(patch.Email.Value, out problem)
            || !Fits(patch.ExternalId, 200, "external_id", out problem)
            || !Fits(patch.Name, 200, "name", out problem)
            || !Fits(patch.Phone, 50, "phone", out problem)
            || !Fits(patch.Locale, 35, "locale", out problem)
            || !Fits(patch.Note, 10_000, "note", out problem))
            return problem;
        if (await FindAsync(db, id, cancellationToken) is not { } contact)
            return NotFound();
        if (patch.ExternalId.IsGiven && patch.ExternalId.Value != contact.ExternalId)
            contact.Verified = false; // nobody vouched for the new one
        contact.ExternalId = patch.ExternalId.Or(contact.ExternalId);
        contact.Name = patch.Name.Or(contact.Name) ?? "";
        contact.Email = patch.Email.Or(contact.Email);
        contact.Phone = patch.Phone.Or(contact.Phone);
        contact.Locale = patch.Locale.Or(contact.Locale);
        contact.Note = patch.Note.Or(contact.Note) ?? "";
        contact.Attributes = attributes ?? contact.Attributes;
        contact.UpdatedAt = time.Now;
        if (await IsTakenAsync(db, cancellationToken))
            return Taken();
        var conversations = await db.Conversations.Where(c => c.ContactId == id && c.DeletedAt == null).Select(c => c.Id).ToListAsync(cancellationToken);
        foreach (var conversationId in conversations)
            feed.Changed(conversationId);
        return TypedResults.Ok(contact.ToResponse(conversations.Count));
    }

    /// <summary>Removes a customer from the lists; conversations stay and name them still.</summary>
    internal static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        Guid id, ClaimsPrincipal caller, AppDbContext db, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await FindAsync(db, id, cancellationToken) is not { } contact)
            return NotFound();
        contact.DeletedAt = contact.UpdatedAt = time.Now;
        db.Record(caller, "contact.deleted", "contact", id.ToString(), time);
        await db.SaveChangesAsync(cancellationToken);
        return TypedResults.NoContent();
    }

    /// <summary>Makes two contacts one: what the second lacks it takes from the first, with all conversations and sessions.</summary>
    internal static async Task<Results<Ok<ContactResponse>, ProblemHttpResult>> MergeAsync(
        Guid id, MergeRequest request, ClaimsPrincipal caller, AppDbContext db, ContactMerge merge, TimeProvider time, CancellationToken cancellationToken)
    {
        if (id == request.Into)
            return Problems.BadRequest("same_contact", "A contact cannot be merged into itself.", "into");
        if (await FindAsync(db, request.Into, cancellationToken) is null)
            return Problems.BadRequest("contact_not_found", "There is no such contact.", "into");
        if (!await merge.MergeAsync(caller.TenantId, id, request.Into, cancellationToken))
            return NotFound();
        db.ChangeTracker.Clear(); // it was changed behind the context's back
        db.Record(caller, "contact.merged", "contact", id.ToString(), time, new JsonObject { ["into"] = request.Into.ToString() });
        await db.SaveChangesAsync(cancellationToken);
        var contact = await FindAsync(db, request.Into, cancellationToken);
        return contact is null ? NotFound() : TypedResults.Ok(contact.ToResponse(await CountAsync(db, contact.Id, cancellationToken)));
    }

    private static Task<Contact?> FindAsync(AppDbContext db, Guid id, CancellationToken cancellationToken) =>
        db.Contacts.SingleOrDefaultAsync(c => c.Id == id && c.DeletedAt == null, cancellationToken);

    private static Task<int> CountAsync(AppDbContext db, Guid id, CancellationToken cancellationToken) =>
        db.Conversations.CountAsync(c => c.ContactId == id && c.DeletedAt == null, cancellationToken);

    private static ProblemHttpResult NotFound() => Problems.NotFound("contact_not_found", "There is no such contact.");

    private static ProblemHttpResult Taken() => Problems.Conflict("external_id_taken", "Another contact has this external id. Merge them instead.");

    private static async Task<bool> IsTakenAsync(AppDbContext db, CancellationToken cancellationToken)
    {
        try
        {
            await db.SaveChangesAsync(cancellationToken);
            return false;
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            return true;
        }
    }

    /// <param name="text">The object's JSON; null when none is given.</param>
    private static bool TryReadAttributes(JsonElement? attributes, out string? text, [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out ProblemHttpResult? problem)
    {
        text = attributes?.GetRawText();
        problem = attributes is { ValueKind: not JsonValueKind.Object } ? Problems.BadRequest("invalid_type", "must be an object", "attributes")
            : text?.Length > MaxAttributesLength ? Problems.BadRequest("too_long", $"At most {MaxAttributesLength} characters of JSON.", "attributes")
            : attributes is { } given && !IsStorable(given) ? Problems.BadRequest("invalid_text", "contains a NUL character or half a surrogate pair", "attributes")
            : null;
        return problem is null;
    }

    /// <summary>Whether all text in it is what PostgreSQL keeps.</summary>
    private static bool IsStorable(JsonElement json)
    {
        try
        {
            return json.ValueKind switch
            {
                JsonValueKind.String => !json.GetString()!.Contains('\0', StringComparison.Ordinal),
                JsonValueKind.Array => json.EnumerateArray().All(IsStorable),
                JsonValueKind.Object => json.EnumerateObject().All(member => !member.Name.Contains('\0', StringComparison.Ordinal) && IsStorable(member.Value)),
                _ => true,
            };
        }
        catch (InvalidOperationException)
        {
            return false; // JsonElement's answer to half a surrogate pair
        }
    }

    /// <summary>Something before an @ and something behind it: only a letter that arrives proves more.</summary>
    internal static bool IsEmail(string? email, [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out ProblemHttpResult? problem)
    {
        var at = email?.IndexOf('@', StringComparison.Ordinal) ?? 1;
        problem = email is null || (at > 0 && at < email.Length - 1 && email.Length <= 254 && !email.Any(char.IsWhiteSpace))
            ? null
            : Problems.BadRequest("invalid_email", "is not an email address", "email");
        return problem is null;
    }

    private static bool Fits(Optional<string?> text, int maxLength, string field, [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out ProblemHttpResult? problem)
    {
        problem = text.Value?.Length > maxLength ? Problems.BadRequest("too_long", $"At most {maxLength} characters.", field) : null;
        return problem is null;
    }
}
