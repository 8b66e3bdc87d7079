using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

public enum TenantStatus
{
    Active,
    Suspended,
}

/// <summary>Whether people may make themselves an account.</summary>
public enum Registration
{
    Closed,
    Open,
}

/// <summary>A company in this installation; nothing of it is seen by another.</summary>
internal sealed class Tenant
{
    public Guid Id { get; init; } = Guid.CreateVersion7();
    public required string Name { get; set => field = value.Trim(); }
    public TenantStatus Status { get; set; }

    /// <summary>Null: as the installation is configured (<c>REGISTRATION</c>).</summary>
    public Registration? Registration { get; set; }

    public long MaxFileBytes { get; set; } = 25 * 1024 * 1024;

    /// <summary>Content types, <c>image/*</c> for a whole family; empty: the server's own list.</summary>
    public List<string> AllowedFileTypes { get; set; } = [];

    public required DateTimeOffset CreatedAt { get; init; }
}

internal sealed class TenantConfiguration : IEntityTypeConfiguration<Tenant>
{
    public void Configure(EntityTypeBuilder<Tenant> tenant)
    {
        tenant.ToTable("tenants");
        tenant.Property(t => t.Status).HasConversion(EnumName.Of<TenantStatus>());
        tenant.Property(t => t.Registration).HasConversion(EnumName.Of<Registration>());
    }
}
