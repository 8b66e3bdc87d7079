using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

public enum UserStatus
{
    Active,
    Suspended,
}

/// <summary>What people say of themselves; whether they are there, their sockets tell.</summary>
public enum Availability
{
    Online,
    Away,
}

/// <summary>A person who works here, or uses what works here.</summary>
internal sealed class User : ITenantOwned
{
    public Guid Id { get; init; } = Guid.CreateVersion7();
    public required Guid TenantId { get; init; }
    public required string Username { get; set => field = value.Trim(); }
    public required string Email { get; set => field = value.Trim(); }
    public string FullName { get; set => field = value.Trim(); } = "";
    public required string PasswordHash { get; set; }
    public Role Role { get; set; }
    public UserStatus Status { get; set; }
    public Availability Availability { get; set; }
    public string Locale { get; set; } = "en";
    public string? Theme { get; set; }

    /// <summary>May found and suspend tenants.</summary>
    public bool Operator { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? LastSeenAt { get; set; }
    public DateTimeOffset? DeletedAt { get; private set; }

    public string DisplayName => FullName.Length > 0 ? FullName : Username;

    /// <summary>Leaves the row for what the timeline says about this person; the names are free again and no password opens it.</summary>
    public void Delete(DateTimeOffset at) => (DeletedAt, PasswordHash, Status) = (at, "", UserStatus.Suspended);

    public UserResponse ToResponse() =>
        new(Id, TenantId, Username, Email, FullName, Role, Status, Availability, Locale, Theme, Operator, CreatedAt, LastSeenAt);
}

/// <param name="Operator">May found and suspend tenants.</param>
internal sealed record UserResponse(
    Guid Id, Guid TenantId, string Username, string Email, string FullName, Role Role, UserStatus Status, Availability Availability,
    string Locale, string? Theme, bool Operator, DateTimeOffset CreatedAt, DateTimeOffset? LastSeenAt);

internal sealed class UserConfiguration : IEntityTypeConfiguration<User>
{
    public void Configure(EntityTypeBuilder<User> user)
    {
        user.ToTable("users");
        user.Property(u => u.Role).HasConversion(EnumName.Of<Role>());
        user.Property(u => u.Status).HasConversion(EnumName.Of<UserStatus>());
        user.Property(u => u.Availability).HasConversion(EnumName.Of<Availability>());
        user.Ignore(u => u.DisplayName);
        user.HasQueryFilter("Deleted", u => u.DeletedAt == null);
    }
}
