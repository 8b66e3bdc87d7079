using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

/// <summary>
/// Guards the first account, which administers a new installation: it is made with the token of the set-up link that is printed at the start.
/// With <c>ADMIN_EMAIL</c> and <c>ADMIN_PASSWORD</c> the account is made at the first start, and no link is needed.
/// </summary>
internal sealed partial class FirstAccount(
    NpgsqlDataSource database, Secrets secrets, People people, Passwords passwords, IConfiguration configuration, IHostApplicationLifetime lifetime,
    ILogger<FirstAccount> logger)
{
    private volatile bool _made;

    /// <summary>Whether no account exists yet.</summary>
    public async ValueTask<bool> IsOwedAsync(CancellationToken cancellationToken)
    {
        if (_made)
            return false;
        await using var command = database.CreateCommand("select exists (select 1 from users)");
        _made = (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
        return !_made;
    }

    /// <summary>
    /// Returns whether <paramref name="token"/> is that of the set-up link. It is always needed: an address or a <c>Host</c> proves nothing behind a proxy,
    /// in a container, or to a page that reaches this machine by a name of its own (DNS rebinding).
    /// </summary>
    public bool Accepts(string? token) =>
        token is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(SetupToken));

    /// <summary>The same on every node and after every restart, and of no use once there is an account.</summary>
    public string SetupToken => Base64Url.EncodeToString(secrets.DeriveKey("parley setup link").AsSpan(0, 24));

    /// <summary>Makes it from the environment at the first start, or has the setup link printed once the server listens.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (!await IsOwedAsync(cancellationToken))
            return;
        if (configuration["ADMIN_EMAIL"] is { Length: > 0 } email)
            await MakeAsync(email, cancellationToken);
        else
            lifetime.ApplicationStarted.Register(() => LogSetupLink($"{configuration.PublicUrl()}/setup?token={SetupToken}"));
    }

    private async Task MakeAsync(string email, CancellationToken cancellationToken)
    {
        var password = configuration["ADMIN_PASSWORD"];
        if (!new EmailAddressAttribute().IsValid(email))
            throw new StartupException($"ADMIN_EMAIL must be an email address, not '{email}'.");
        if (string.IsNullOrEmpty(password) || !new NewPasswordAttribute().IsValid(password))
            throw new StartupException($"ADMIN_PASSWORD must have from {NewPasswordAttribute.MinLength} to {NewPasswordAttribute.MaxLength} characters when ADMIN_EMAIL is set.");

        var hash = await passwords.HashAsync(password, cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var (user, _) = await people.RegisterAsync(connection, new RegisterRequest("admin", email, password), hash, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        if (user is not null)
            LogAdministratorMade();
    }

    [LoggerMessage(LogLevel.Information, "No account exists yet. Make the administrator's here, once: {Link}")]
    private partial void LogSetupLink(string link);

    [LoggerMessage(LogLevel.Information, "Made the administrator's account from ADMIN_EMAIL")]
    private partial void LogAdministratorMade();
}
