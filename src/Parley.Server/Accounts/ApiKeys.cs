using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Accounts;

/// <param name="Scopes">What it is for: `rooms`, `conversations`, `ai`; `admin` opens whatever a key may call at all.</param>
public sealed record CreateApiKeyRequest([StringLength(100, MinimumLength = 1)] string Name, [MinLength(1)] IReadOnlyList<string> Scopes);

internal sealed record ApiKeyResponse(Guid Id, string Name, string Prefix, IReadOnlyList<string> Scopes, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt);

/// <param name="Key">Shown this once.</param>
internal sealed record CreatedApiKeyResponse(
    Guid Id, string Name, string Prefix, IReadOnlyList<string> Scopes, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt, string Key);

/// <summary>Keys with which machines call. A key is shown once; the database has its SHA-256.</summary>
internal sealed class ApiKeys(NpgsqlDataSource database, TimeProvider time)
{
    public const string Prefix = "pk_";

    private const int ShownLength = 8;
    private const int SecretLength = 40;
    private const int MaxRemembered = 10_000;
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private static readonly TimeSpan _memory = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<string, (Caller Caller, long At)> _remembered = new(StringComparer.Ordinal);

    public static void Map(IEndpointRouteBuilder api)
    {
        var keys = api.MapGroup("/api-keys").WithTags("API keys").Allow(Role.Admin);
        keys.MapGet("/", ListAsync).WithName("ListApiKeys");
        keys.MapPost("/", CreateAsync).WithName("CreateApiKey");
        keys.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteApiKey");
    }

    internal static async Task<Ok<Page<ApiKeyResponse>>> ListAsync(int? limit, Cursor? cursor, AppDbContext db, CancellationToken cancellationToken)
    {
        var keys = db.ApiKeyRows.AsNoTracking();
        if (cursor is { } beyond)
            keys = keys.Where(k => k.Id > beyond.Id);
        var count = Paging.Limit(limit);
        var rows = await keys.OrderBy(k => k.Id).Take(count + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(Page<ApiKeyResponse>.Of([.. rows.Select(row => row.ToResponse())], count, row => new Cursor(row.Id)));
    }

    /// <summary>Makes a key for a machine. The key itself is in this answer and nowhere else.</summary>
    internal static async Task<Results<Created<CreatedApiKeyResponse>, ProblemHttpResult>> CreateAsync(
        CreateApiKeyRequest request, AppDbContext db, TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        if (request.Scopes.Except(Scopes.All).Any())
            return Problems.BadRequest("invalid_value", $"must be some of: {string.Join(", ", Scopes.All)}", "scopes");
        var key = Prefix + RandomNumberGenerator.GetString(Alphabet, SecretLength);
        var row = new ApiKey
        {
            TenantId = caller.TenantId,
            Name = request.Name.Trim(),
            Prefix = key[..ShownLength],
            Hash = Hash(key),
            Scopes = [.. request.Scopes.Distinct()],
            CreatedBy = caller.CallerId,
            CreatedAt = time.Now,
        };
        db.Add(row);
        db.Record(caller, "api_key.created", "api_key", row.Id.ToString(), time, new JsonObject { ["name"] = row.Name, ["scopes"] = string.Join(' ', row.Scopes) });
        await db.SaveChangesAsync(cancellationToken);
        return TypedResults.Created(
            $"/api/v1/api-keys/{row.Id}", new CreatedApiKeyResponse(row.Id, row.Name, row.Prefix, row.Scopes, row.CreatedAt, row.LastUsedAt, key));
    }

    /// <summary>Deletes a key: it opens nothing from now on.</summary>
    internal static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        Guid id, AppDbContext db, ApiKeys keys, TimeProvider time, ClaimsPrincipal caller, CancellationToken cancellationToken)
    {
        if (await db.ApiKeyRows.FirstOrDefaultAsync(k => k.Id == id, cancellationToken) is not { } row)
            return Problems.NotFound("api_key_not_found", "There is no such API key.");
        db.Remove(row);
        db.Record(caller, "api_key.deleted", "api_key", id.ToString(), time, new JsonObject { ["name"] = row.Name });
        await db.SaveChangesAsync(cancellationToken);
        keys.Forget(id);
        return TypedResults.NoContent();
    }

    /// <summary>The caller that <paramref name="key"/> stands for; null when there is no such key.</summary>
    public async ValueTask<Caller?> FindAsync(string key, CancellationToken cancellationToken)
    {
        if (key.Length > 128)
            return null;
        var now = time.GetTimestamp();
        var hash = Hash(key);
        var remembered = Convert.ToHexString(hash);
        if (_remembered.TryGetValue(remembered, out var known) && time.GetElapsedTime(known.At, now) < _memory)
            return known.Caller;

        var caller = await ReadAsync(hash, cancellationToken);
        if (caller is null)
        {
            _remembered.TryRemove(remembered, out _);
            return null;
        }
        if (_remembered.Count >= MaxRemembered)
            _remembered.Clear();
        _remembered[remembered] = (caller, now);
        return caller;
    }

    private void Forget(Guid keyId)
    {
        foreach (var (hash, known) in _remembered)
        {
            if (known.Caller.Id == keyId)
                _remembered.TryRemove(hash, out _);
        }
    }

    private async Task<Caller?> ReadAsync(byte[] hash, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with used as (
                update api_keys set last_used_at = $2
                where hash = $1 and (last_used_at is null or last_used_at < $2 - interval '1 minute')
            )
            select k.tenant_id, k.id, k.name, k.scopes
            from api_keys k join tenants t on t.id = k.tenant_id
            where k.hash = $1 and t.status = 'active'
            """);
        command.Parameters.AddWithValue(hash);
        command.Parameters.AddWithValue(time.Now);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken)
            ? Caller.ApiKey(row.GetGuid(0), row.GetGuid(1), row.GetString(2), await row.GetFieldValueAsync<string[]>(3, cancellationToken))
            : null;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}

internal sealed class ApiKey : ITenantOwned
{
    public Guid Id { get; init; } = Guid.CreateVersion7();
    public required Guid TenantId { get; init; }
    public required string Name { get; init; }

    /// <summary>The key's first characters, by which people tell keys apart.</summary>
    public required string Prefix { get; init; }

    public required byte[] Hash { get; init; }
    public required List<string> Scopes { get; init; }
    public Guid? CreatedBy { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? LastUsedAt { get; init; }

    public ApiKeyResponse ToResponse() => new(Id, Name, Prefix, Scopes, CreatedAt, LastUsedAt);
}

internal sealed class ApiKeyConfiguration : IEntityTypeConfiguration<ApiKey>
{
    public void Configure(EntityTypeBuilder<ApiKey> key) => key.ToTable("api_keys");
}
