using System.Reflection;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Parley.Server.Storage;

/// <summary>
/// The unit of work. Each module brings the configuration of its own tables; none is named here. Every column is snake_case, every enum is kept as its
/// name in snake_case, and rows of other tenants are neither read nor written.
/// </summary>
internal sealed class AppDbContext(DbContextOptions<AppDbContext> options, CurrentTenant tenant) : DbContext(options)
{
    private static readonly MethodInfo _setTenantFilter =
        typeof(AppDbContext).GetMethod(nameof(SetTenantFilter), BindingFlags.Instance | BindingFlags.NonPublic)!;

    private static readonly MethodInfo _enumName = typeof(EnumName).GetMethod(nameof(EnumName.Of))!;

    public override Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        CheckTenants();
        return base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
    }

    public override int SaveChanges(bool acceptAllChangesOnSuccess)
    {
        CheckTenants();
        return base.SaveChanges(acceptAllChangesOnSuccess);
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(AppDbContext).Assembly);
        foreach (var entity in modelBuilder.Model.GetEntityTypes())
        {
            if (entity.GetTableName() == entity.ShortName())
                entity.SetTableName(SnakeCase(entity.ShortName()));
            foreach (var property in entity.GetProperties())
                Map(property);
            if (entity.ClrType.IsAssignableTo(typeof(ITenantOwned)))
                _setTenantFilter.MakeGenericMethod(entity.ClrType).Invoke(this, [modelBuilder]);
        }
    }

    private static void Map(IMutableProperty property)
    {
        if (property.GetColumnName() == property.Name)
            property.SetColumnName(SnakeCase(property.Name));
        var type = Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType;
        if (type.IsEnum)
            property.SetValueConverter((ValueConverter)_enumName.MakeGenericMethod(type).Invoke(null, [])!);
    }

    private void SetTenantFilter<TEntity>(ModelBuilder modelBuilder) where TEntity : class, ITenantOwned =>
        modelBuilder.Entity<TEntity>().HasQueryFilter("Tenant", row => row.TenantId == tenant.Id);

    /// <summary>Holds writes to the tenant on whose behalf this runs; whoever runs for nobody (a sweep, a sign-in) may write for any.</summary>
    private void CheckTenants()
    {
        if (tenant.Id == Guid.Empty)
            return;
        foreach (var entry in ChangeTracker.Entries<ITenantOwned>())
        {
            if (entry.State is EntityState.Added or EntityState.Modified or EntityState.Deleted && entry.Entity.TenantId != tenant.Id)
                throw new InvalidOperationException($"A {entry.Metadata.ShortName()} of another tenant would be written.");
        }
    }

    private static string SnakeCase(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
