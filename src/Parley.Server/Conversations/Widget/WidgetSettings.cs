using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;
using Parley.Server.Accounts;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Widget;

/// <summary>How a tenant's widget looks and where it may be. Each tenant has one, made when it is first asked for.</summary>
internal sealed class WidgetSettings : ITenantOwned
{
    public required Guid TenantId { get; init; }

    /// <summary>What stands in the page's script tag; it is no secret.</summary>
    public required string WidgetKey { get; set; }

    /// <summary>Sites it may be on, such as <c>https://shop.example</c>; empty for any.</summary>
    public List<string> AllowedOrigins { get; set; } = [];

    public string Title { get; set; } = "Chat with us";
    public string Greeting { get; set; } = "Hello! How can we help?";
    public string Color { get; set; } = "#2f6fed";

    /// <summary><c>auto</c> for the visitor's own.</summary>
    public string Locale { get; set; } = "auto";

    public bool Calls { get; set; }

    /// <summary>Whether an assistant answers first; else visitors wait for a person from the start.</summary>
    public bool Assistant { get; set; } = true;

    /// <summary>Whether who waits is given to an agent who is online.</summary>
    public bool AutoAssign { get; set; } = true;

    public long MaxFileBytes { get; set; } = 10 * 1024 * 1024;

    /// <summary>Sealed (<see cref="SecretContext"/>). With it the tenant's site signs who a visitor is.</summary>
    public required string IdentitySecret { get; set; }

    public required DateTimeOffset UpdatedAt { get; set; }

    public static string SecretContext(Guid tenantId) => $"widget:{tenantId}";

    public static string NewKey() => $"wk_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(18))}";

    public static string NewSecret(Guid tenantId, Secrets secrets) =>
        secrets.Protect($"ws_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32))}", SecretContext(tenantId));

    public WidgetConfig ToConfig() => new(Title, Greeting, Color, Locale, Calls, Assistant, MaxFileBytes);
}

internal sealed class WidgetSettingsConfiguration : IEntityTypeConfiguration<WidgetSettings>
{
    public void Configure(EntityTypeBuilder<WidgetSettings> widget)
    {
        widget.ToTable("widgets");
        widget.HasKey(w => w.TenantId);
    }
}

/// <summary>What is left out stays as it is.</summary>
/// <param name="AllowedOrigins">Sites it may be on, such as `https://shop.example`; none for any.</param>
/// <param name="Color">As `#2f6fed`.</param>
/// <param name="Locale">Such as `en` or `zh-CN`; `auto` for the visitor's own.</param>
/// <param name="Assistant">Whether an assistant answers first.</param>
/// <param name="AutoAssign">Whether who waits is given to the least busy agent who is online.</param>
public sealed record WidgetSettingsPatch(
    [MaxLength(100)] string[]? AllowedOrigins = null,
    [StringLength(100)] string? Title = null,
    [StringLength(1_000)] string? Greeting = null,
    [RegularExpression("#[0-9a-fA-F]{6}", ErrorMessage = "must be a colour such as #2f6fed")] string? Color = null,
    [RegularExpression("auto|[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*", ErrorMessage = "must be a language such as en or zh-CN, or auto")] string? Locale = null,
    bool? Calls = null,
    bool? Assistant = null,
    bool? AutoAssign = null,
    [Range(1, 1024L * 1024 * 1024)] long? MaxFileBytes = null);

internal sealed record WidgetConfig(string Title, string Greeting, string Color, string Locale, bool Calls, bool Assistant, long MaxFileBytes);

/// <param name="IdentitySecret">For administrators: the key of the HMAC-SHA256 of a visitor's `external_id`, in hex, that the site sends as `signature`.</param>
/// <param name="Snippet">What to paste into a page.</param>
internal sealed record WidgetSettingsResponse(
    string WidgetKey, IReadOnlyList<string> AllowedOrigins, string Title, string Greeting, string Color, string Locale, bool Calls, bool Assistant, bool AutoAssign,
    long MaxFileBytes, string? IdentitySecret, string Snippet);

internal sealed record DemoConfig(string WidgetKey);

internal static class WidgetSettingsRoutes
{
    public static void MapWidgetSettings(this IEndpointRouteBuilder api)
    {
        var settings = api.MapGroup("/widget/settings").WithTags("Widget").Allow(Role.Admin, Scopes.Admin);
        settings.MapGet("/", GetAsync).WithName("GetWidgetSettings");
        settings.MapPatch("/", UpdateAsync).WithName("UpdateWidgetSettings");
        settings.MapPost("/rotate-key", RotateKeyAsync).WithName("RotateWidgetKey");
        api.MapGet("/widget/config", GetConfigAsync).WithName("GetWidgetConfig").WithTags("Widget").AllowAnonymous().RequireCors(OperationsModule.AnyOrigin);
    }

    /// <summary>The sample page's own: the widget of the installation's first tenant.</summary>
    public static void MapDemo(this WebApplication app) => app.MapGet("/demo/config", GetDemoConfigAsync).AllowAnonymous().ExcludeFromDescription();

    /// <summary>The widget's settings, with the snippet to paste.</summary>
    internal static async Task<Ok<WidgetSettingsResponse>> GetAsync(
        HttpContext context, ClaimsPrincipal caller, AppDbContext db, Secrets secrets, IConfiguration configuration, TimeProvider time, CancellationToken cancellationToken) =>
        TypedResults.Ok(ToResponse(await FindOrMakeAsync(db, caller.TenantId, secrets, time, cancellationToken), context.Request, secrets, configuration));

    /// <summary>Changes what is given.</summary>
    internal static async Task<Results<Ok<WidgetSettingsResponse>, ProblemHttpResult>> UpdateAsync(
        WidgetSettingsPatch patch, HttpContext context, ClaimsPrincipal caller, AppDbContext db, Secrets secrets, IConfiguration configuration, WidgetOrigins origins,
        TimeProvider time, CancellationToken cancellationToken)
    {
        var allowed = new List<string>();
        foreach (var origin in patch.AllowedOrigins ?? [])
        {
            if (!WidgetOrigins.TryNormalize(origin, out var normal))
                return Problems.BadRequest("invalid_origin", $"'{origin}' is not an origin such as https://shop.example.", "allowed_origins");
            allowed.Add(normal);
        }
        var widget = await FindOrMakeAsync(db, caller.TenantId, secrets, time, cancellationToken);
        widget.AllowedOrigins = patch.AllowedOrigins is null ? widget.AllowedOrigins : [.. allowed.Distinct()];
        widget.Title = patch.Title?.Trim() ?? widget.Title;
        widget.Greeting = patch.Greeting?.Trim() ?? widget.Greeting;
        widget.Color = patch.Color ?? widget.Color;
        widget.Locale = patch.Locale ?? widget.Locale;
        widget.Calls = patch.Calls ?? widget.Calls;
        widget.Assistant = patch.Assistant ?? widget.Assistant;
        widget.AutoAssign = patch.AutoAssign ?? widget.AutoAssign;
        widget.MaxFileBytes = patch.MaxFileBytes ?? widget.MaxFileBytes;
        widget.UpdatedAt = time.Now;
        db.Record(caller, "widget.updated", "widget", widget.WidgetKey, time, new JsonObject { ["allowed_origins"] = string.Join(' ', widget.AllowedOrigins) });
        await db.SaveChangesAsync(cancellationToken);
        origins.Forget();
        return TypedResults.Ok(ToResponse(widget, context.Request, secrets, configuration));
    }

    /// <summary>Makes a new key: pages with the old snippet lose their widget.</summary>
    internal static async Task<Ok<WidgetSettingsResponse>> RotateKeyAsync(
        HttpContext context, ClaimsPrincipal caller, AppDbContext db, Secrets secrets, IConfiguration configuration, TimeProvider time, CancellationToken cancellationToken)
    {
        var widget = await FindOrMakeAsync(db, caller.TenantId, secrets, time, cancellationToken);
        widget.WidgetKey = WidgetSettings.NewKey();
        widget.UpdatedAt = time.Now;
        db.Record(caller, "widget.key_rotated", "widget", widget.WidgetKey, time);
        await db.SaveChangesAsync(cancellationToken);
        return TypedResults.Ok(ToResponse(widget, context.Request, secrets, configuration));
    }

    /// <summary>How the widget is to look, before anybody has written.</summary>
    /// <response code="404">No widget has this key (`widget_not_found`).</response>
    internal static async Task<Results<Ok<WidgetConfig>, ProblemHttpResult>> GetConfigAsync(
        string widget_key, HttpContext context, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        if (await Widget.FindAsync(database, widget_key, cancellationToken) is not { } widget)
            return Widget.NotFound();
        context.Response.Headers.CacheControl = "public, max-age=60";
        return TypedResults.Ok(widget.Config);
    }

    internal static async Task<Results<JsonHttpResult<DemoConfig>, ProblemHttpResult>> GetDemoConfigAsync(
        NpgsqlDataSource database, IServiceProvider services, CancellationToken cancellationToken)
    {
        Guid? first;
        await using (var command = database.CreateCommand("select id from tenants where status = 'active' order by id limit 1"))
            first = await command.ExecuteScalarAsync(cancellationToken) as Guid?;
        if (first is not { } tenantId)
            return Problems.NotFound("not_set_up", "This server has no tenant yet. Set it up first.");
        services.GetRequiredService<CurrentTenant>().Id = tenantId;
        var widget = await FindOrMakeAsync(
            services.GetRequiredService<AppDbContext>(), tenantId, services.GetRequiredService<Secrets>(), services.GetRequiredService<TimeProvider>(), cancellationToken);
        return TypedResults.Json(new DemoConfig(widget.WidgetKey), ConversationsJson.Default.DemoConfig);
    }

    /// <summary>The tenant's settings; the first who asks makes them.</summary>
    private static async Task<WidgetSettings> FindOrMakeAsync(AppDbContext db, Guid tenantId, Secrets secrets, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await db.Widgets.SingleOrDefaultAsync(cancellationToken) is { } known)
            return known;
        var made = new WidgetSettings
        {
            TenantId = tenantId,
            WidgetKey = WidgetSettings.NewKey(),
            IdentitySecret = WidgetSettings.NewSecret(tenantId, secrets),
            UpdatedAt = time.Now,
        };
        db.Add(made);
        try
        {
            await db.SaveChangesAsync(cancellationToken);
            return made;
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            db.Entry(made).State = EntityState.Detached; // two asked first at once
            return await db.Widgets.SingleAsync(cancellationToken);
        }
    }

    private static WidgetSettingsResponse ToResponse(WidgetSettings widget, HttpRequest request, Secrets secrets, IConfiguration configuration)
    {
        var address = configuration["PUBLIC_URL"] is { Length: > 0 } configured ? configured.TrimEnd('/') : $"{request.Scheme}://{request.Host}";
        secrets.TryUnprotect(widget.IdentitySecret, WidgetSettings.SecretContext(widget.TenantId), out var secret);
        return new WidgetSettingsResponse(
            widget.WidgetKey, widget.AllowedOrigins, widget.Title, widget.Greeting, widget.Color, widget.Locale, widget.Calls, widget.Assistant, widget.AutoAssign,
            widget.MaxFileBytes, secret, $"<script src=\"{address}/widget.js\" data-key=\"{widget.WidgetKey}\" async></script>");
    }
}

/// <summary>A widget as its visitors' requests need it.</summary>
internal sealed record Widget(Guid TenantId, string SealedSecret, IReadOnlyList<string> AllowedOrigins, WidgetConfig Config)
{
    public static ProblemHttpResult NotFound() => Problems.NotFound("widget_not_found", "No widget has this key.");

    /// <summary>Null when no active tenant's widget has this key.</summary>
    public static async Task<Widget?> FindAsync(NpgsqlDataSource database, string key, CancellationToken cancellationToken)
    {
        if (key.Length > 100 || key.Contains('\0', StringComparison.Ordinal))
            return null;
        await using var command = database.CreateCommand(
            """
            select w.tenant_id, w.identity_secret, w.allowed_origins, w.title, w.greeting, w.color, w.locale, w.calls, w.assistant, w.max_file_bytes
            from widgets w join tenants t on t.id = w.tenant_id and t.status = 'active' where w.widget_key = $1
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = key });
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        if (!await row.ReadAsync(cancellationToken))
            return null;
        var config = new WidgetConfig(
            row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6), row.GetBoolean(7), row.GetBoolean(8), row.GetInt64(9));
        return new Widget(row.GetGuid(0), row.GetString(1), row.Get<string[]>(2), config);
    }
}
