using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Providers;

/// <summary>What a provider speaks. Two names of the API, <c>anthropic</c> and <c>knowledge</c>, are not here yet.</summary>
internal enum ProviderType
{
    Openai,
    Deepseek,
    Dashscope,
    OpenaiCompatible,
    Simulator,
}

/// <summary>A model server that a tenant may ask, as its administrator set it up.</summary>
internal sealed class Provider : ITenantOwned
{
    public Guid Id { get; init; } = Guid.CreateVersion7();
    public required Guid TenantId { get; init; }

    /// <summary>Unique within the tenant, whatever the case; stands in routes.</summary>
    public required string Name { get; set => field = value.Trim(); }

    public required ProviderType Type { get; init; }

    /// <summary>Null for the type's own address.</summary>
    public string? BaseUrl { get; set; }

    /// <summary>Sealed with <see cref="KeyContext"/>; null when there is none.</summary>
    public string? ApiKey { get; set; }

    /// <summary>The first one is asked when a route names none; never empty.</summary>
    public required List<string> Models { get; set; }

    /// <summary>A JSON object.</summary>
    public required string Settings { get; set; }

    public bool Enabled { get; set; } = true;
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset UpdatedAt { get; set; }

    public static string KeyContext(Guid id) => $"provider:{id}";
}

internal sealed class ProviderConfiguration : IEntityTypeConfiguration<Provider>
{
    public void Configure(EntityTypeBuilder<Provider> provider)
    {
        provider.ToTable("providers");
        provider.Property(p => p.Settings).HasColumnType("jsonb");
    }
}

internal static class ProviderTables
{
    extension(AppDbContext db)
    {
        public DbSet<Provider> Providers => db.Set<Provider>();
    }
}

/// <summary>What is known of each type without being told.</summary>
internal static class ProviderTypes
{
    private static readonly Dictionary<ProviderType, (string? BaseUrl, string[] Models)> _known = new()
    {
        [ProviderType.Openai] = ("https://api.openai.com/v1", ["gpt-4o-mini", "gpt-4o"]),
        [ProviderType.Deepseek] = ("https://api.deepseek.com", ["deepseek-chat"]),
        [ProviderType.Dashscope] = ("https://dashscope.aliyuncs.com/compatible-mode/v1", ["qwen-plus"]),
        [ProviderType.OpenaiCompatible] = (null, []),
        [ProviderType.Simulator] = (null, ["simulator"]),
    };

    private static readonly Dictionary<string, ProviderType> _byName = _known.Keys.ToDictionary(type => type.Name());

    public static IEnumerable<string> Names => _byName.Keys;

    public static bool TryParse(string name, out ProviderType type) => _byName.TryGetValue(name, out type);

    extension(ProviderType type)
    {
        public string? DefaultBaseUrl => _known[type].BaseUrl;

        /// <summary>Returns where a provider of this type is asked: at its own <paramref name="baseUrl"/>, or at the type's default when it has none.</summary>
        public string? AddressOf(string? baseUrl) => string.IsNullOrEmpty(baseUrl) ? type.DefaultBaseUrl : baseUrl;

        public IReadOnlyList<string> DefaultModels => _known[type].Models;
    }
}

/// <summary>A provider ready to be asked, from the tenant's table or from the environment.</summary>
/// <param name="FromEnvironment">Set by the operator, for every tenant; cannot be changed through the API, and may lead anywhere.</param>
internal sealed record KnownProvider(
    Guid Id,
    string Name,
    ProviderType Type,
    string? BaseUrl,
    string? ApiKey,
    IReadOnlyList<string> Models,
    JsonElement Settings,
    bool Enabled,
    bool FromEnvironment,
    DateTimeOffset? CreatedAt)
{
    private static readonly JsonElement _noSettings = JsonElement.Parse("{}");

    public static JsonElement NoSettings => _noSettings;

    public string DefaultModel => Models.Count > 0 ? Models[0] : Type.DefaultModels is [var first, ..] ? first : "default";
}

/// <summary>The providers that the operator set by <c>OPENAI_API_KEY</c>, <c>DEEPSEEK_API_KEY</c>, <c>DASHSCOPE_API_KEY</c> and their <c>…_BASE_URL</c> and <c>…_MODELS</c>.</summary>
internal sealed class EnvironmentProviders
{
    public EnvironmentProviders(IConfiguration configuration)
    {
        All = [.. Read(configuration)];
    }

    public IReadOnlyList<KnownProvider> All { get; }

    private static IEnumerable<KnownProvider> Read(IConfiguration configuration)
    {
        (ProviderType Type, string Prefix, Guid Id)[] known =
        [
            (ProviderType.Openai, "OPENAI", new Guid("00000000-0000-7000-8000-00000000a101")),
            (ProviderType.Deepseek, "DEEPSEEK", new Guid("00000000-0000-7000-8000-00000000a102")),
            (ProviderType.Dashscope, "DASHSCOPE", new Guid("00000000-0000-7000-8000-00000000a103")),
        ];
        foreach (var (type, prefix, id) in known)
        {
            if (configuration[$"{prefix}_API_KEY"] is not { Length: > 0 } key)
                continue;
            var baseUrl = configuration[$"{prefix}_BASE_URL"] is { Length: > 0 } url ? url : null;
            if (baseUrl is not null && !(Uri.TryCreate(baseUrl, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"))
                throw new StartupException($"{prefix}_BASE_URL must be an http or https address.");
            var models = configuration[$"{prefix}_MODELS"]?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
            yield return new KnownProvider(
                id, type.Name(), type, baseUrl, key, models.Length > 0 ? models : type.DefaultModels, KnownProvider.NoSettings, Enabled: true, FromEnvironment: true, CreatedAt: null);
        }
    }
}
