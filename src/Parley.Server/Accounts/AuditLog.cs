using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;
using NpgsqlTypes;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

/// <summary>Who did what, to what, from where. Written in the transaction of what it tells, read by administrators.</summary>
internal static class AuditLog
{
    /// <summary>Tells what <paramref name="caller"/> does; saved with the other changes of <paramref name="db"/>.</summary>
    /// <param name="action">A noun and a verb, such as <c>user.created</c>.</param>
    /// <param name="targetId">What it was done to, by the id or name that the API has for it.</param>
    public static void Record(
        this AppDbContext db, ClaimsPrincipal caller, string action, string targetType, string? targetId, TimeProvider time, JsonObject? detail = null) =>
        db.Add(Of((Caller)caller, action, targetType, targetId, time, detail));

    /// <summary>The same on a connection, in its open transaction if there is one.</summary>
    public static async Task RecordAsync(NpgsqlConnection connection, AuditEntry entry, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            insert into audit_entries (tenant_id, id, at, actor_type, actor_id, actor_name, action, target_type, target_id, ip, detail)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """, connection);
        command.Parameters.AddWithValue(entry.TenantId);
        command.Parameters.AddWithValue(entry.Id);
        command.Parameters.AddWithValue(entry.At);
        command.Parameters.AddWithValue(entry.ActorType);
        command.Parameters.AddWithValue((object?)entry.ActorId ?? DBNull.Value);
        command.Parameters.AddWithValue(entry.ActorName);
        command.Parameters.AddWithValue(entry.Action);
        command.Parameters.AddWithValue(entry.TargetType);
        command.Parameters.AddWithValue((object?)entry.TargetId ?? DBNull.Value);
        command.Parameters.AddWithValue((object?)entry.Ip ?? DBNull.Value);
        command.Parameters.AddWithValue(NpgsqlDbType.Jsonb, (object?)entry.Detail ?? DBNull.Value);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public static AuditEntry Of(Caller caller, string action, string targetType, string? targetId, TimeProvider time, JsonObject? detail = null) => new()
    {
        TenantId = caller.TenantId,
        At = time.Now,
        ActorType = caller.Kind switch { CallerKind.User => "user", CallerKind.Visitor => "visitor", _ => "api_key" },
        ActorId = caller.Id,
        ActorName = caller.Name,
        Action = action,
        TargetType = targetType,
        TargetId = targetId,
        Ip = caller.Address,
        Detail = detail?.ToJsonString(),
    };

    public static void MapAudit(this IEndpointRouteBuilder api) =>
        api.MapGet("/audit", ListAsync).WithName("ListAuditEntries").WithTags("Audit").Allow(Role.Supervisor, Scopes.Admin);

    /// <summary>Who did what, to what, from where; the newest first.</summary>
    /// <param name="action">The whole name, `user.created`, or its beginning with a dot, `user.`.</param>
    /// <param name="from">Not before this time.</param>
    /// <param name="to">Before this time.</param>
    internal static async Task<Ok<Page<AuditResponse>>> ListAsync(
        Guid? actor_id, string? action, string? target_id, DateTimeOffset? from, DateTimeOffset? to, int? limit, Cursor? cursor,
        AppDbContext db, CancellationToken cancellationToken)
    {
        var entries = db.Set<AuditEntry>().AsNoTracking();
        if (actor_id is not null)
            entries = entries.Where(e => e.ActorId == actor_id);
        if (action is not null)
            entries = action.EndsWith('.') ? entries.Where(e => e.Action.StartsWith(action)) : entries.Where(e => e.Action == action);
        if (target_id is not null)
            entries = entries.Where(e => e.TargetId == target_id);
        if (from is { } first)
            entries = entries.Where(e => e.At >= first.ToUniversalTime());
        if (to is { } last)
            entries = entries.Where(e => e.At < last.ToUniversalTime());
        if (cursor is { } beyond)
            entries = entries.Where(e => e.Id < beyond.Id);
        var count = Paging.Limit(limit);
        var rows = await entries.OrderByDescending(e => e.Id).Take(count + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(Page<AuditResponse>.Of([.. rows.Select(row => row.ToResponse())], count, row => new Cursor(row.Id)));
    }
}

internal sealed class AuditEntry : ITenantOwned
{
    public Guid Id { get; init; } = Guid.CreateVersion7();
    public required Guid TenantId { get; init; }
    public required DateTimeOffset At { get; init; }
    public required string ActorType { get; init; }
    public Guid? ActorId { get; init; }
    public required string ActorName { get; init; }
    public required string Action { get; init; }
    public required string TargetType { get; init; }
    public string? TargetId { get; init; }
    public string? Ip { get; init; }
    public string? Detail { get; init; }

    public AuditResponse ToResponse() =>
        new(Id, At, new(ActorType, ActorId, ActorName), Action, TargetType, TargetId, Ip, Detail is null ? null : JsonElement.Parse(Detail));
}

internal sealed record AuditResponse(
    Guid Id, DateTimeOffset At, ActorResponse Actor, string Action, string TargetType, string? TargetId, string? Ip, JsonElement? Detail);

/// <param name="Type">`user`, `visitor`, `api_key` or `system`.</param>
internal sealed record ActorResponse(string Type, Guid? Id, string Name);

internal sealed class AuditEntryConfiguration : IEntityTypeConfiguration<AuditEntry>
{
    public void Configure(EntityTypeBuilder<AuditEntry> entry)
    {
        entry.ToTable("audit_entries");
        entry.Property(e => e.Detail).HasColumnType("jsonb");
    }
}
