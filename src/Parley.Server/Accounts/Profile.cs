using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

/// <summary>What is left out stays as it is.</summary>
/// <param name="Locale">A language tag such as `en` or `zh-CN`.</param>
/// <param name="Theme">How the console looks, such as `light`, `dark` or `auto`.</param>
/// <param name="Availability">Who is away is not given conversations.</param>
public sealed record UpdateProfileRequest(
    [StringLength(100)] string? FullName = null,
    [RegularExpression("[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*"), StringLength(35)] string? Locale = null,
    [RegularExpression("[a-z]{1,20}")] string? Theme = null,
    Availability? Availability = null);

/// <param name="NewPassword">8 to 128 characters.</param>
public sealed record ChangePasswordRequest([StringLength(NewPasswordAttribute.MaxLength)] string CurrentPassword, [NewPassword] string NewPassword);

/// <param name="Current">The one that asks.</param>
internal sealed record DeviceResponse(Guid Id, string Ip, string UserAgent, DateTimeOffset CreatedAt, DateTimeOffset LastSeenAt, bool Current);

/// <summary>What people keep of themselves: profile, password, devices.</summary>
internal static class Profile
{
    public static void Map(IEndpointRouteBuilder api)
    {
        var auth = api.MapGroup("/auth").WithTags("Profile").Allow(Role.Member);
        auth.MapGet("/me", GetAsync).WithName("GetProfile");
        auth.MapPatch("/me", UpdateAsync).WithName("UpdateProfile");
        auth.MapPost("/password", ChangePasswordAsync).WithName("ChangePassword")
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status429TooManyRequests);
        auth.MapGet("/sessions", ListSessionsAsync).WithName("ListSessions");
        auth.MapDelete("/sessions/{id:guid}", EndSessionAsync).WithName("EndSession");
    }

    internal static async Task<Results<Ok<UserResponse>, ProblemHttpResult>> GetAsync(
        NpgsqlDataSource database, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"select {UserRow.Columns} from users u where u.tenant_id = $1 and u.id = $2 and u.deleted_at is null");
        command.Parameters.AddWithValue(caller.TenantId);
        command.Parameters.AddWithValue(caller.CallerId);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? TypedResults.Ok(UserRow.Read(row)) : Gone();
    }

    internal static async Task<Results<Ok<UserResponse>, ProblemHttpResult>> UpdateAsync(
        UpdateProfileRequest request, AppDbContext db, Sessions sessions, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        var id = caller.CallerId;
        if (await db.Users.FirstOrDefaultAsync(u => u.Id == id, cancellationToken) is not { } user)
            return Gone();
        user.FullName = request.FullName ?? user.FullName;
        user.Locale = request.Locale ?? user.Locale;
        user.Theme = request.Theme ?? user.Theme;
        user.Availability = request.Availability ?? user.Availability;
        await db.SaveChangesAsync(cancellationToken);
        sessions.ForgetUser(user.Id);
        return TypedResults.Ok(user.ToResponse());
    }

    /// <summary>Changes the password and ends all other sessions.</summary>
    /// <response code="400">`wrong_password`: the current one.</response>
    /// <response code="429">`too_many_attempts`: wait as long as `Retry-After` says.</response>
    internal static async Task<Results<NoContent, ProblemHttpResult>> ChangePasswordAsync(
        ChangePasswordRequest request, AppDbContext db, Passwords passwords, Sessions sessions, SignInThrottle throttle, TimeProvider time,
        ClaimsPrincipal caller, HttpContext context, CancellationToken cancellationToken)
    {
        var id = caller.CallerId;
        if (await db.Users.FirstOrDefaultAsync(u => u.Id == id, cancellationToken) is not { } user)
            return Gone();
        if (!throttle.TryBegin(user.Email, Device.AddressOf(context), out var wait))
            return SignIn.TooManyAttempts(context, wait);
        if (!await passwords.IsRightAsync(user.PasswordHash, request.CurrentPassword, cancellationToken))
            return Problems.BadRequest("wrong_password", "This is not the current password.", "current_password");
        throttle.Succeeded(user.Email, Device.AddressOf(context));

        user.PasswordHash = await passwords.HashAsync(request.NewPassword, cancellationToken);
        db.Record(caller, "user.password_changed", "user", user.Id.ToString(), time);
        await db.SaveChangesAsync(cancellationToken);
        await sessions.EndAllAsync(user.TenantId, user.Id, except: caller.SessionId, cancellationToken);
        return TypedResults.NoContent();
    }

    /// <summary>Where this account is signed in, the latest first.</summary>
    internal static async Task<Ok<Page<DeviceResponse>>> ListSessionsAsync(
        NpgsqlDataSource database, TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select id, ip, user_agent, created_at, last_seen_at from sessions
            where tenant_id = $1 and user_id = $2 and revoked_at is null and expires_at > $3 order by last_seen_at desc, id desc limit 200
            """);
        command.Parameters.AddWithValue(caller.TenantId);
        command.Parameters.AddWithValue(caller.CallerId);
        command.Parameters.AddWithValue(time.Now);
        var devices = new List<DeviceResponse>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
            devices.Add(new(row.GetGuid(0), row.GetString(1), row.GetString(2), new(row.GetDateTime(3)), new(row.GetDateTime(4)), row.GetGuid(0) == caller.SessionId));
        return TypedResults.Ok(new Page<DeviceResponse>(devices, NextCursor: null));
    }

    /// <summary>Signs a device out: its tokens open nothing any more and its sockets are closed.</summary>
    internal static async Task<Results<NoContent, ProblemHttpResult>> EndSessionAsync(
        Guid id, Sessions sessions, ClaimsPrincipal caller, CancellationToken cancellationToken) =>
        await sessions.EndAsync(caller.TenantId, caller.CallerId, id, cancellationToken)
            ? TypedResults.NoContent()
            : Problems.NotFound("session_not_found", "There is no such session.");

    private static ProblemHttpResult Gone() => Problems.NotFound("user_not_found", "This account does not exist any more.");
}
