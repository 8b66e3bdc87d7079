using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

/// <param name="Username">2 to 40 letters, digits, dots, hyphens and underscores; unique in the installation, whatever the case.</param>
/// <param name="Password">8 to 128 characters.</param>
/// <param name="SetupToken">From the link that the server prints at its first start; for the first account only.</param>
public sealed record RegisterRequest(
    [Username] string Username, [EmailAddress, StringLength(254)] string Email, [NewPassword] string Password,
    [StringLength(100)] string? FullName = null, [StringLength(100)] string? SetupToken = null);

/// <param name="Email">Or give `username`.</param>
public sealed record LoginRequest(
    [StringLength(NewPasswordAttribute.MaxLength)] string Password, [StringLength(254)] string? Email = null, [StringLength(254)] string? Username = null);

public sealed record RefreshRequest([StringLength(100)] string RefreshToken);

/// <param name="SetupRequired">No account exists yet: the first one becomes the administrator.</param>
internal sealed record AuthStateResponse(bool SetupRequired, Registration Registration, string Version);

/// <summary>The way in and out: registering, signing in, renewing a session, signing out.</summary>
internal sealed class SignIn(
    NpgsqlDataSource database, Passwords passwords, Sessions sessions, SignInThrottle throttle, FirstAccount firstAccount, People people, TimeProvider time)
{
    public static void Map(IEndpointRouteBuilder api)
    {
        var auth = api.MapGroup("/auth").WithTags("Sign-in");
        auth.MapGet("/state", StateAsync).WithName("GetAuthState").AllowAnonymous();
        auth.MapPost("/register", RegisterAsync).WithName("Register").AllowAnonymous()
            .ProducesProblem(StatusCodes.Status403Forbidden).ProducesProblem(StatusCodes.Status409Conflict);
        auth.MapPost("/login", LoginAsync).WithName("Login").AllowAnonymous()
            .ProducesProblem(StatusCodes.Status401Unauthorized).ProducesProblem(StatusCodes.Status403Forbidden).ProducesProblem(StatusCodes.Status429TooManyRequests);
        auth.MapPost("/refresh", RefreshAsync).WithName("RefreshSession").AllowAnonymous().ProducesProblem(StatusCodes.Status401Unauthorized);
        auth.MapPost("/logout", LogoutAsync).WithName("Logout").Allow(Role.Member);
    }

    /// <summary>What a sign-in page must know before anybody has signed in.</summary>
    internal static async Task<Ok<AuthStateResponse>> StateAsync(FirstAccount firstAccount, People people, CancellationToken cancellationToken) =>
        TypedResults.Ok(new AuthStateResponse(
            await firstAccount.IsOwedAsync(cancellationToken), await people.RegistrationAsync(cancellationToken), Health.Version));

    /// <summary>Makes an account and signs it in. The first account of an installation is its administrator.</summary>
    /// <response code="403">`setup_token_required`: the first account needs the token of the setup link. `registration_closed`: ask an administrator.</response>
    /// <response code="409">`username_taken` or `email_taken`.</response>
    internal static Task<Results<Created<SessionResponse>, ProblemHttpResult>> RegisterAsync(
        RegisterRequest request, SignIn signIn, HttpContext context, CancellationToken cancellationToken) =>
        signIn.MakeAccountAsync(request, context, cancellationToken);

    /// <summary>Signs in with email or username, in any case, and password.</summary>
    /// <response code="401">`invalid_credentials`: the account, the password or both.</response>
    /// <response code="403">`account_suspended`.</response>
    /// <response code="429">`too_many_attempts`: wait as long as `Retry-After` says.</response>
    internal static Task<Results<Ok<SessionResponse>, ProblemHttpResult>> LoginAsync(
        LoginRequest request, SignIn signIn, HttpContext context, CancellationToken cancellationToken) =>
        signIn.OpenSessionAsync(request, Device.Of(context), context, cancellationToken);

    /// <summary>Spends the refresh token for a new session answer. A spent one presented again ends the session.</summary>
    /// <response code="401">`invalid_refresh_token`: sign in again.</response>
    internal static async Task<Results<Ok<SessionResponse>, ProblemHttpResult>> RefreshAsync(
        RefreshRequest request, Sessions sessions, CancellationToken cancellationToken) =>
        await sessions.RefreshAsync(request.RefreshToken, cancellationToken) is { } session
            ? TypedResults.Ok(session)
            : Problems.Unauthorized("invalid_refresh_token", "The refresh token is spent, expired or revoked. Sign in again.");

    /// <summary>Ends this session: its tokens open nothing any more and its sockets are closed.</summary>
    internal static async Task<NoContent> LogoutAsync(System.Security.Claims.ClaimsPrincipal caller, Sessions sessions, CancellationToken cancellationToken)
    {
        await sessions.EndAsync(caller.TenantId, caller.CallerId, caller.SessionId, cancellationToken);
        return TypedResults.NoContent();
    }

    private async Task<Results<Created<SessionResponse>, ProblemHttpResult>> MakeAccountAsync(
        RegisterRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        var device = Device.Of(context);
        if (!throttle.TryBegin($"register:{device.Address}", device.Address, out var wait))
            return TooManyAttempts(context, wait);
        if (await firstAccount.IsOwedAsync(cancellationToken))
        {
            if (!firstAccount.Accepts(request.SetupToken))
                return Problems.Forbidden("setup_token_required", "Open the setup link that the server printed when it started.");
        }
        else if (await people.RegistrationAsync(cancellationToken) is Registration.Closed)
        {
            return Problems.Forbidden("registration_closed", "Ask an administrator for an account.");
        }

        var hash = await passwords.HashAsync(request.Password, cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var (user, refusal) = await people.RegisterAsync(connection, request, hash, cancellationToken);
        if (user is null)
            return refusal!;
        var session = await sessions.OpenAsync(connection, user, device, cancellationToken);
        await AuditLog.RecordAsync(connection, EntryOf(user, "user.registered", device), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        throttle.Succeeded($"register:{device.Address}", device.Address);
        return TypedResults.Created($"/api/v1/users/{user.Id}", session);
    }

    private async Task<Results<Ok<SessionResponse>, ProblemHttpResult>> OpenSessionAsync(
        LoginRequest request, Device device, HttpContext context, CancellationToken cancellationToken)
    {
        var login = (request.Email ?? request.Username)?.Trim();
        if (string.IsNullOrEmpty(login))
            return Problems.BadRequest("validation_failed", "Give an email or a username.", "email");
        if (!throttle.TryBegin(login, device.Address, out var wait))
            return TooManyAttempts(context, wait);

        var (user, hash) = await FindAsync(login, cancellationToken);
        var right = await passwords.IsRightAsync(hash, request.Password, cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (!right)
        {
            if (user is not null)
                await AuditLog.RecordAsync(connection, EntryOf(user, "session.refused", device), cancellationToken);
            return Problems.Unauthorized("invalid_credentials", "No account has this name and password.");
        }
        throttle.Succeeded(login, device.Address);
        if (user!.Status is UserStatus.Suspended)
            return Problems.Forbidden("account_suspended", "This account is suspended. Ask an administrator.");

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var session = await sessions.OpenAsync(connection, user, device, cancellationToken);
        await AuditLog.RecordAsync(connection, EntryOf(user, "session.opened", device), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return TypedResults.Ok(session);
    }

    /// <summary>The account and the hash of its password. One whose tenant is suspended counts as suspended itself.</summary>
    private async Task<(UserResponse? User, string? Hash)> FindAsync(string login, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            select {UserRow.Columns}, u.password_hash, t.status = 'suspended' from users u join tenants t on t.id = u.tenant_id
            where lower({(login.Contains('@', StringComparison.Ordinal) ? "u.email" : "u.username")}) = lower($1) and u.deleted_at is null
            """);
        command.Parameters.AddWithValue(login);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken))
            return default;
        var user = UserRow.Read(row);
        return (row.GetBoolean(14) ? user with { Status = UserStatus.Suspended } : user, row.GetString(13));
    }

    private AuditEntry EntryOf(UserResponse user, string action, Device device) => new()
    {
        TenantId = user.TenantId,
        At = time.Now,
        ActorType = "user",
        ActorId = user.Id,
        ActorName = user.FullName.Length > 0 ? user.FullName : user.Username,
        Action = action,
        TargetType = "user",
        TargetId = user.Id.ToString(),
        Ip = device.Address,
        Detail = new JsonObject { ["user_agent"] = device.UserAgent }.ToJsonString(),
    };

    internal static ProblemHttpResult TooManyAttempts(HttpContext context, TimeSpan wait)
    {
        context.Response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        return Problems.Of(StatusCodes.Status429TooManyRequests, "too_many_attempts", "Too many attempts. Wait as long as Retry-After says.");
    }
}
