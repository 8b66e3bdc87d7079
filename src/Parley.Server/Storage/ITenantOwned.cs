namespace Parley.Server.Storage;

/// <summary>A row of one tenant; the named filter <c>Tenant</c> hides those of the others.</summary>
internal interface ITenantOwned
{
    Guid TenantId { get; }
}

/// <summary>The tenant on whose behalf this request or job runs; set once, by the one who authenticated it.</summary>
internal sealed class CurrentTenant
{
    public Guid Id { get; set; }
}
