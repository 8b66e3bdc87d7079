using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

/// <summary>
/// A new installation belongs to whoever makes its first account: with the token of the setup link that is printed at the start, or from the
/// machine itself. With <c>ADMIN_EMAIL</c> and <c>ADMIN_PASSWORD</c> the account is made at the first start, and no link is needed.
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

    /// <summary>Whether this request may make it. A proxy on this machine makes strangers look local, so what was forwarded needs the token.</summary>
    public bool MayBeMade(HttpContext context, string? setupToken) =>
        setupToken is not null ? CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(setupToken), Encoding.UTF8.GetBytes(SetupToken()))
        : RequestEnvelope.Of(context).IsFromThisMachine && IsLocalName(context.Request.Host.Host);

    /// <summary>Makes it from the environment at the first start, or has the setup link printed once the server listens.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (!await IsOwedAsync(cancellationToken))
            return;
        if (configuration["ADMIN_EMAIL"] is { Length: > 0 } email)
            await MakeAsync(email, cancellationToken);
        else
            lifetime.ApplicationStarted.Register(() => LogSetupLink($"{configuration.PublicUrl()}/setup?token={SetupToken()}"));
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

    // The same on every node and after every restart, and of no use once there is an account.
    private string SetupToken() => Base64Url.EncodeToString(secrets.DeriveKey("parley setup link").AsSpan(0, 24));

    // A page of another site that reaches this machine by a name of its own (DNS rebinding) is not this machine.
    private static bool IsLocalName(string host) => host is "localhost" || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    [LoggerMessage(LogLevel.Information, "No account exists yet. Make the administrator's here, once: {Link}")]
    private partial void LogSetupLink(string link);

    [LoggerMessage(LogLevel.Information, "Made the administrator's account from ADMIN_EMAIL")]
    private partial void LogAdministratorMade();
}
