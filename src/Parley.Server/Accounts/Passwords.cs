using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Identity;

namespace Parley.Server.Accounts;

/// <summary>
/// Hashes and checks passwords. A hash costs a core some 50 ms, so only half of the cores work on them at once and the others go on serving.
/// </summary>
internal sealed class Passwords : IDisposable
{
    private readonly PasswordHasher<User> _hasher = new();
    private readonly SemaphoreSlim _cores = new(Math.Max(1, Environment.ProcessorCount / 2));
    private readonly Lazy<string> _nobodys;

    public Passwords() => _nobodys = new(() => _hasher.HashPassword(null!, Guid.CreateVersion7().ToString()));

    public Task<string> HashAsync(string password, CancellationToken cancellationToken) =>
        OffRequestThreadsAsync(() => _hasher.HashPassword(null!, password), cancellationToken);

    /// <summary>Whether it is the password; against a null hash, of an account that does not exist, it takes as long to say no.</summary>
    public async Task<bool> IsRightAsync(string? hash, string password, CancellationToken cancellationToken)
    {
        var result = await OffRequestThreadsAsync(() => _hasher.VerifyHashedPassword(null!, hash ?? _nobodys.Value, password), cancellationToken);
        return hash is not null && result is not PasswordVerificationResult.Failed;
    }

    public void Dispose() => _cores.Dispose();

    private async Task<T> OffRequestThreadsAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        await _cores.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(work, cancellationToken);
        }
        finally
        {
            _cores.Release();
        }
    }
}

/// <summary>A new password: long enough, not beyond what is worth hashing, and not one character over and over.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class NewPasswordAttribute : ValidationAttribute
{
    public const int MinLength = 8;
    public const int MaxLength = 128;

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) => value switch
    {
        null => ValidationResult.Success,
        string { Length: < MinLength or > MaxLength } => new($"The password must have from {MinLength} to {MaxLength} characters."),
        string password when password.AsSpan().IndexOfAnyExcept(password[0]) < 0 => new("The password must not be one character over and over."),
        _ => ValidationResult.Success,
    };
}

/// <summary>A user's name: letters, digits, dot, hyphen and underscore; no @, so that it cannot be taken for an address.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
public sealed class UsernameAttribute : ValidationAttribute
{
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext)
    {
        if (value is not string name)
            return ValidationResult.Success;
        var trimmed = name.AsSpan().Trim();
        if (trimmed.Length is < 2 or > 40)
            return new("The username must have from 2 to 40 characters.");
        foreach (var c in trimmed)
        {
            if (!char.IsLetterOrDigit(c) && c is not ('.' or '-' or '_'))
                return new("The username takes letters, digits, dots, hyphens and underscores.");
        }
        return ValidationResult.Success;
    }
}
