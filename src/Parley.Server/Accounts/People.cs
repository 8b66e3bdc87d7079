using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Parley.Server.Operations;
using Parley.Server.Realtime;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

public sealed record CreateUserRequest(
    [Username] string Username, [EmailAddress, StringLength(254)] string Email, [NewPassword] string Password,
    [StringLength(100)] string? FullName = null, Role Role = Role.Member);

/// <summary>What is left out stays as it is.</summary>
/// <param name="Password">Sets a new one and ends the user's sessions.</param>
public sealed record UpdateUserRequest(
    [Username] string? Username = null, [EmailAddress, StringLength(254)] string? Email = null, [StringLength(100)] string? FullName = null,
    Role? Role = null, UserStatus? Status = null, [NewPassword] string? Password = null);

/// <param name="Presence">Whether a socket of theirs is open: `online`, `away` or `offline`.</param>
internal sealed record PersonResponse(Guid Id, string Username, string FullName, Role Role, PresenceState Presence);

/// <summary>The people of a tenant, as their administrators keep them.</summary>
internal sealed class People(NpgsqlDataSource database, IConfiguration configuration, TimeProvider time)
{
    public static void Map(IEndpointRouteBuilder api)
    {
        var users = api.MapGroup("/users").WithTags("People").Allow(Role.Admin, Scopes.Admin);
        users.MapGet("/", ListAsync).WithName("ListUsers");
        users.MapPost("/", CreateAsync).WithName("CreateUser").ProducesProblem(StatusCodes.Status409Conflict);
        users.MapGet("/{id:guid}", GetAsync).WithName("GetUser").ProducesProblem(StatusCodes.Status404NotFound);
        users.MapPatch("/{id:guid}", UpdateAsync).WithName("UpdateUser").ProducesProblem(StatusCodes.Status409Conflict);
        users.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteUser").ProducesProblem(StatusCodes.Status409Conflict);
        api.MapGet("/directory", DirectoryAsync).WithName("GetDirectory").WithTags("People").Allow(Role.Member, Scopes.Conversations);
    }

    /// <summary>The tenant's people, in the order in which they came.</summary>
    /// <param name="q">A part of the username, the full name or the email.</param>
    internal static async Task<Ok<Page<UserResponse>>> ListAsync(
        string? q, Choice<Role>? role, Choice<UserStatus>? status, int? limit, Cursor? cursor, AppDbContext db, CancellationToken cancellationToken)
    {
        var users = db.Users.AsNoTracking();
        if (!string.IsNullOrWhiteSpace(q))
        {
            var pattern = $"%{q.Trim().Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";
            users = users.Where(u => EF.Functions.ILike(u.Username, pattern, "\\") || EF.Functions.ILike(u.FullName, pattern, "\\") || EF.Functions.ILike(u.Email, pattern, "\\"));
        }
        if (role is { Value: var wanted })
            users = users.Where(u => u.Role == wanted);
        if (status is { Value: var state })
            users = users.Where(u => u.Status == state);
        if (cursor is { } beyond)
            users = users.Where(u => u.Id > beyond.Id);
        var count = Paging.Limit(limit);
        var rows = await users.OrderBy(u => u.Id).Take(count + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(Page<UserResponse>.Of([.. rows.Select(row => row.ToResponse())], count, row => new Cursor(row.Id)));
    }

    /// <summary>Makes an account for somebody.</summary>
    /// <response code="409">`username_taken` or `email_taken`.</response>
    internal static async Task<Results<Created<UserResponse>, ProblemHttpResult>> CreateAsync(
        CreateUserRequest request, AppDbContext db, Passwords passwords, TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var user = new User
        {
            TenantId = caller.TenantId,
            Username = request.Username,
            Email = request.Email,
            FullName = request.FullName ?? "",
            Role = request.Role,
            PasswordHash = await passwords.HashAsync(request.Password, cancellationToken),
            CreatedAt = time.Now,
        };
        db.Add(user);
        db.Record(caller, "user.created", "user", user.Id.ToString(), time, new JsonObject { ["username"] = user.Username, ["role"] = user.Role.Name() });
        if (await TrySaveAsync(db, cancellationToken) is { } conflict)
            return conflict;
        return TypedResults.Created($"/api/v1/users/{user.Id}", user.ToResponse());
    }

    internal static async Task<Results<Ok<UserResponse>, ProblemHttpResult>> GetAsync(Guid id, AppDbContext db, CancellationToken cancellationToken) =>
        await db.Users.AsNoTracking().FirstOrDefaultAsync(u => u.Id == id, cancellationToken) is { } user ? TypedResults.Ok(user.ToResponse()) : NoSuchUser();

    /// <summary>Changes an account. Who is suspended or gets another password is signed out everywhere.</summary>
    /// <response code="409">`username_taken`, `email_taken`, `last_admin` (a tenant keeps one) or `operator` (the installation's operator stays administrator).</response>
    internal static async Task<Results<Ok<UserResponse>, ProblemHttpResult>> UpdateAsync(
        Guid id, UpdateUserRequest request, AppDbContext db, Passwords passwords, Sessions sessions, TimeProvider time, ClaimsPrincipal caller,
        CancellationToken cancellationToken)
    {
        var hash = request.Password is { } password ? await passwords.HashAsync(password, cancellationToken) : null;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await LockAdministratorsAsync(db, caller.TenantId, cancellationToken);
        if (await db.Users.FirstOrDefaultAsync(u => u.Id == id, cancellationToken) is not { } user)
            return NoSuchUser();

        var changes = new JsonObject();
        if (request.Username is { } username && username.Trim() != user.Username)
            (changes["username"], user.Username) = (username.Trim(), username);
        if (request.Email is { } email && email.Trim() != user.Email)
            (changes["email"], user.Email) = (email.Trim(), email);
        if (request.FullName is { } fullName && fullName.Trim() != user.FullName)
            (changes["full_name"], user.FullName) = (fullName.Trim(), fullName);
        if (request.Role is { } role && role != user.Role)
            (changes["role"], user.Role) = (role.Name(), role);
        if (request.Status is { } status && status != user.Status)
            (changes["status"], user.Status) = (status.Name(), status);
        if (hash is not null)
            (changes["password"], user.PasswordHash) = (true, hash);
        if (user.Operator && (user.Role is not Role.Admin || user.Status is not UserStatus.Active))
            return OperatorStays();

        db.Record(caller, "user.updated", "user", id.ToString(), time, changes);
        if (await TrySaveAsync(db, cancellationToken) is { } conflict)
            return conflict;
        if (!await HasAdministratorAsync(db, cancellationToken))
            return LastAdministrator(); // the transaction goes with it
        await transaction.CommitAsync(cancellationToken);

        if (user.Status is UserStatus.Suspended || hash is not null)
            await sessions.EndAllAsync(user.TenantId, user.Id, except: caller.SessionId, cancellationToken);
        sessions.ForgetUser(user.Id);
        return TypedResults.Ok(user.ToResponse());
    }

    /// <summary>Deletes an account. What its owner wrote stays, and its username and email are free again.</summary>
    /// <response code="409">`last_admin` (a tenant keeps one) or `operator` (the installation's operator stays).</response>
    internal static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        Guid id, AppDbContext db, Sessions sessions, TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await LockAdministratorsAsync(db, caller.TenantId, cancellationToken);
        if (await db.Users.FirstOrDefaultAsync(u => u.Id == id, cancellationToken) is not { } user)
            return NoSuchUser();
        if (user.Operator)
            return OperatorStays();
        user.Delete(time.Now);
        db.Record(caller, "user.deleted", "user", id.ToString(), time, new JsonObject { ["username"] = user.Username });
        await db.SaveChangesAsync(cancellationToken);
        if (!await HasAdministratorAsync(db, cancellationToken))
            return LastAdministrator();
        await transaction.CommitAsync(cancellationToken);

        await sessions.EndAllAsync(user.TenantId, user.Id, except: null, cancellationToken);
        return TypedResults.NoContent();
    }

    /// <summary>Who can be called or given a conversation: the tenant's people with their presence.</summary>
    internal static async Task<Ok<Page<PersonResponse>>> DirectoryAsync(People people, Presence presence, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var states = presence.InTenant(caller.TenantId);
        var persons = await people.ListPersonsAsync(caller.TenantId, id => states.GetValueOrDefault(id), cancellationToken);
        return TypedResults.Ok(new Page<PersonResponse>(persons, NextCursor: null));
    }

    /// <summary>Whether people may register with the installation's own tenant.</summary>
    public async Task<Registration> RegistrationAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "select t.registration from tenants t join users u on u.tenant_id = t.id where u.operator order by u.id limit 1");
        return RegistrationOf(await command.ExecuteScalarAsync(cancellationToken) as string);
    }

    /// <summary>What stands when an administrator has not decided: <c>REGISTRATION</c>, else closed.</summary>
    public Registration RegistrationOf(string? decided) => decided is null ? ConfiguredRegistration(configuration) : EnumName.Parse<Registration>(decided);

    public static Registration ConfiguredRegistration(IConfiguration configuration) => EnumName.Parse<Registration>(configuration.Choice("REGISTRATION", "closed", "open"));

    /// <summary>
    /// Makes an account in the connection's transaction: the first one with its tenant, as administrator and operator; a later one as a member of that
    /// tenant, if its registration is open.
    /// </summary>
    public async Task<(UserResponse? User, ProblemHttpResult? Refusal)> RegisterAsync(
        NpgsqlConnection connection, RegisterRequest request, string passwordHash, CancellationToken cancellationToken)
    {
        var (tenantId, isFirst) = await FindOrFoundTenantAsync(connection, cancellationToken);
        if (!isFirst && await RegistrationAsync(cancellationToken) is Registration.Closed)
            return (null, Problems.Forbidden("registration_closed", "Ask an administrator for an account."));
        return await InsertAsync(connection, tenantId, request, passwordHash, isFirst ? Role.Admin : Role.Member, isOperator: isFirst, cancellationToken);
    }

    /// <summary>Writes a new tenant in the connection's transaction. The context writes for its own tenant alone.</summary>
    public static async Task FoundAsync(NpgsqlConnection connection, Tenant tenant, CancellationToken cancellationToken)
    {
        await using var found = new NpgsqlCommand("insert into tenants (id, name, created_at) values ($1, $2, $3)", connection);
        found.Parameters.AddWithValue(tenant.Id);
        found.Parameters.AddWithValue(tenant.Name);
        found.Parameters.AddWithValue(tenant.CreatedAt);
        await found.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Writes an account in the connection's transaction, which a conflict aborts.</summary>
    public async Task<(UserResponse? User, ProblemHttpResult? Refusal)> InsertAsync(
        NpgsqlConnection connection, Guid tenantId, RegisterRequest account, string passwordHash, Role role, bool isOperator, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            insert into users as u (tenant_id, id, username, email, full_name, password_hash, role, operator, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning {UserRow.Columns}
            """, connection);
        command.Parameters.AddWithValue(tenantId);
        command.Parameters.AddWithValue(Guid.CreateVersion7());
        command.Parameters.AddWithValue(account.Username.Trim());
        command.Parameters.AddWithValue(account.Email.Trim());
        command.Parameters.AddWithValue(account.FullName?.Trim() ?? "");
        command.Parameters.AddWithValue(passwordHash);
        command.Parameters.AddWithValue(role.Name());
        command.Parameters.AddWithValue(isOperator);
        command.Parameters.AddWithValue(time.Now);
        try
        {
            await using var row = await command.ExecuteReaderAsync(cancellationToken);
            await row.ReadAsync(cancellationToken);
            return (UserRow.Read(row), null);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UniqueViolation)
        {
            return (null, Taken(e));
        }
    }

    /// <summary>The conflict that a unique index has found.</summary>
    public static ProblemHttpResult Taken(PostgresException violation) =>
        violation.ConstraintName is "users_email"
            ? Problems.Conflict("email_taken", "Another account has this email.")
            : Problems.Conflict("username_taken", "Another account has this username.");

    private async Task<(Guid TenantId, bool IsFirst)> FindOrFoundTenantAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string Find = "select tenant_id from users where operator order by id limit 1";
        await using var find = new NpgsqlCommand(Find, connection);
        if (await find.ExecuteScalarAsync(cancellationToken) is Guid known)
            return (known, false);

        // Two at once: one founds, the other waits and joins.
        await using var wait = new NpgsqlCommand("select pg_advisory_xact_lock(hashtext('parley first account'))", connection);
        await wait.ExecuteNonQueryAsync(cancellationToken);
        if (await find.ExecuteScalarAsync(cancellationToken) is Guid founded)
            return (founded, false);
        var tenant = new Tenant { Name = "Parley", CreatedAt = time.Now };
        await FoundAsync(connection, tenant, cancellationToken);
        return (tenant.Id, true);
    }

    private async Task<List<PersonResponse>> ListPersonsAsync(Guid tenantId, Func<Guid, PresenceState> presenceOf, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select id, username, full_name, role from users where tenant_id = $1 and status = 'active' and deleted_at is null
            order by lower(coalesce(nullif(full_name, ''), username)), id limit 5000
            """);
        command.Parameters.AddWithValue(tenantId);
        var people = new List<PersonResponse>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            people.Add(new(row.GetGuid(0), row.GetString(1), row.GetString(2), EnumName.Parse<Role>(row.GetString(3)), presenceOf(row.GetGuid(0))));
        return people;
    }

    /// <summary>Two administrators who demote each other at once come one after the other.</summary>
    private static async Task LockAdministratorsAsync(AppDbContext db, Guid tenantId, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlAsync($"select 1 from tenants where id = {tenantId} for no key update", cancellationToken);

    private static Task<bool> HasAdministratorAsync(AppDbContext db, CancellationToken cancellationToken) =>
        db.Users.AnyAsync(u => u.Role == Role.Admin && u.Status == UserStatus.Active, cancellationToken);

    private static async Task<ProblemHttpResult?> TrySaveAsync(AppDbContext db, CancellationToken cancellationToken)
    {
        try
        {
            await db.SaveChangesAsync(cancellationToken);
            return null;
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation } violation)
        {
            return Taken(violation);
        }
    }

    private static ProblemHttpResult NoSuchUser() => Problems.NotFound("user_not_found", "There is no such user.");

    private static ProblemHttpResult LastAdministrator() => Problems.Conflict("last_admin", "A tenant keeps at least one active administrator.");

    private static ProblemHttpResult OperatorStays() => Problems.Conflict("operator", "The installation's operator stays an active administrator.");
}

internal static class AccountTables
{
    extension(AppDbContext db)
    {
        public DbSet<User> Users => db.Set<User>();
        public DbSet<Tenant> Tenants => db.Set<Tenant>();
        public DbSet<ApiKey> ApiKeyRows => db.Set<ApiKey>();
    }
}
