using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

public sealed record FirstAdminRequest(
    [Username] string Username, [EmailAddress, StringLength(254)] string Email, [NewPassword] string Password, [StringLength(100)] string? FullName = null);

/// <param name="Admin">Who administers it.</param>
public sealed record CreateTenantRequest([StringLength(100, MinimumLength = 1)] string Name, FirstAdminRequest Admin);

/// <summary>What is left out stays as it is.</summary>
public sealed record UpdateTenantRequest(
    [StringLength(100, MinimumLength = 1)] string? Name = null, TenantStatus? Status = null, Registration? Registration = null);

/// <summary>What is left out stays as it is.</summary>
/// <param name="MaxFileBytes">The largest attachment.</param>
/// <param name="AllowedFileTypes">Content types, `image/*` for a whole family; an empty list: the server's own.</param>
public sealed record UpdateTenantSettingsRequest(
    [StringLength(100, MinimumLength = 1)] string? Name = null, Registration? Registration = null,
    [Range(1, 1024L * 1024 * 1024)] long? MaxFileBytes = null, [MaxLength(100)] IReadOnlyList<string>? AllowedFileTypes = null);

internal sealed record TenantResponse(Guid Id, string Name, TenantStatus Status, Registration Registration, DateTimeOffset CreatedAt);

internal sealed record TenantSettingsResponse(
    Guid Id, string Name, TenantStatus Status, Registration Registration, DateTimeOffset CreatedAt, long MaxFileBytes, IReadOnlyList<string> AllowedFileTypes);

/// <summary>The installation's tenants, for its operator; and each one's own settings, for its administrators.</summary>
internal static class TenantRoutes
{
    public static void Map(IEndpointRouteBuilder api)
    {
        var tenants = api.MapGroup("/tenants").WithTags("Tenants").AllowOperator();
        tenants.MapGet("/", ListAsync).WithName("ListTenants");
        tenants.MapPost("/", CreateAsync).WithName("CreateTenant").ProducesProblem(StatusCodes.Status409Conflict);
        tenants.MapPatch("/{id:guid}", UpdateAsync).WithName("UpdateTenant").ProducesProblem(StatusCodes.Status409Conflict);
        var own = api.MapGroup("/tenant").WithTags("Tenants").Allow(Role.Admin, Scopes.Admin);
        own.MapGet("", GetOwnAsync).WithName("GetTenantSettings");
        own.MapPatch("", UpdateOwnAsync).WithName("UpdateTenantSettings");
    }

    internal static async Task<Ok<Page<TenantResponse>>> ListAsync(int? limit, Cursor? cursor, AppDbContext db, People people, CancellationToken cancellationToken)
    {
        var tenants = db.Tenants.AsNoTracking();
        if (cursor is { } beyond)
            tenants = tenants.Where(t => t.Id > beyond.Id);
        var count = Paging.Limit(limit);
        var rows = await tenants.OrderBy(t => t.Id).Take(count + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(Page<TenantResponse>.Of([.. rows.Select(row => ToResponse(row, people))], count, row => new Cursor(row.Id)));
    }

    /// <summary>Founds a tenant with its first administrator.</summary>
    /// <response code="409">`username_taken` or `email_taken`: both are unique in the installation.</response>
    internal static async Task<Results<Created<TenantResponse>, ProblemHttpResult>> CreateAsync(
        CreateTenantRequest request, NpgsqlDataSource database, People people, Passwords passwords, TimeProvider time, ClaimsPrincipal caller,
        CancellationToken cancellationToken)
    {
        var tenant = new Tenant { Name = request.Name, CreatedAt = time.Now };
        var admin = new RegisterRequest(request.Admin.Username, request.Admin.Email, request.Admin.Password, request.Admin.FullName);
        var hash = await passwords.HashAsync(admin.Password, cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await People.FoundAsync(connection, tenant, cancellationToken);
        var (user, conflict) = await people.InsertAsync(connection, tenant.Id, admin, hash, Role.Admin, isOperator: false, cancellationToken);
        if (user is null)
            return conflict!;
        await AuditLog.RecordAsync(
            connection, AuditLog.Of((Caller)caller, "tenant.created", "tenant", tenant.Id.ToString(), time, new JsonObject { ["name"] = tenant.Name }), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return TypedResults.Created($"/api/v1/tenants/{tenant.Id}", ToResponse(tenant, people));
    }

    /// <summary>Renames, suspends or resumes a tenant. The people of a suspended one are signed out and cannot come in.</summary>
    /// <response code="409">`own_tenant`: the operator's own is not suspended.</response>
    internal static async Task<Results<Ok<TenantResponse>, ProblemHttpResult>> UpdateAsync(
        Guid id, UpdateTenantRequest request, AppDbContext db, People people, Sessions sessions, TimeProvider time, ClaimsPrincipal caller,
        CancellationToken cancellationToken)
    {
        if (await db.Tenants.FirstOrDefaultAsync(t => t.Id == id, cancellationToken) is not { } tenant)
            return Problems.NotFound("tenant_not_found", "There is no such tenant.");
        if (id == caller.TenantId && request.Status is TenantStatus.Suspended)
            return Problems.Conflict("own_tenant", "The operator's own tenant cannot be suspended.");
        tenant.Name = request.Name ?? tenant.Name;
        tenant.Status = request.Status ?? tenant.Status;
        tenant.Registration = request.Registration ?? tenant.Registration;
        db.Record(caller, "tenant.updated", "tenant", id.ToString(), time, new JsonObject { ["name"] = tenant.Name, ["status"] = tenant.Status.Name() });
        await db.SaveChangesAsync(cancellationToken);
        if (tenant.Status is TenantStatus.Suspended)
            await sessions.EndAllAsync(id, cancellationToken);
        return TypedResults.Ok(ToResponse(tenant, people));
    }

    /// <summary>The caller's own tenant.</summary>
    internal static async Task<Ok<TenantSettingsResponse>> GetOwnAsync(AppDbContext db, People people, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var id = caller.TenantId;
        return TypedResults.Ok(ToSettings(await db.Tenants.AsNoTracking().SingleAsync(t => t.Id == id, cancellationToken), people));
    }

    internal static async Task<Ok<TenantSettingsResponse>> UpdateOwnAsync(
        UpdateTenantSettingsRequest request, AppDbContext db, People people, TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var id = caller.TenantId;
        var tenant = await db.Tenants.SingleAsync(t => t.Id == id, cancellationToken);
        tenant.Name = request.Name ?? tenant.Name;
        tenant.Registration = request.Registration ?? tenant.Registration;
        tenant.MaxFileBytes = request.MaxFileBytes ?? tenant.MaxFileBytes;
        tenant.AllowedFileTypes = request.AllowedFileTypes is { } types ? [.. types.Select(type => type.Trim().ToLowerInvariant()).Distinct()] : tenant.AllowedFileTypes;
        var settings = ToSettings(tenant, people);
        db.Record(caller, "tenant.settings_updated", "tenant", tenant.Id.ToString(), time, new JsonObject
        {
            ["name"] = settings.Name,
            ["registration"] = settings.Registration.Name(),
            ["max_file_bytes"] = settings.MaxFileBytes,
        });
        await db.SaveChangesAsync(cancellationToken);
        return TypedResults.Ok(settings);
    }

    private static TenantResponse ToResponse(Tenant tenant, People people) =>
        new(tenant.Id, tenant.Name, tenant.Status, people.RegistrationOf(tenant.Registration?.Name()), tenant.CreatedAt);

    private static TenantSettingsResponse ToSettings(Tenant tenant, People people) => new(
        tenant.Id, tenant.Name, tenant.Status, people.RegistrationOf(tenant.Registration?.Name()), tenant.CreatedAt, tenant.MaxFileBytes, tenant.AllowedFileTypes);
}
