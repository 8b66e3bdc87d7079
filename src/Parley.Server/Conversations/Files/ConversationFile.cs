using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Parley.Server.Storage;

namespace Parley.Server.Conversations.Files;

/// <summary>A file that was given to a conversation. Its bytes are in the file store under its id.</summary>
internal sealed class ConversationFile : ITenantOwned
{
    public Guid Id { get; init; } = Guid.CreateVersion7();
    public required Guid TenantId { get; init; }
    public required Guid ConversationId { get; init; }
    public required string Name { get; init; }

    /// <summary>As its first bytes say; what they do not say, as the sender did.</summary>
    public required string ContentType { get; init; }

    public required long Size { get; init; }

    /// <summary>SHA-256 of the bytes, in hex.</summary>
    public required string StorageKey { get; init; }

    public required string UploadedByType { get; init; }
    public required Guid UploadedBy { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    public FileResponse ToResponse() => new(Id, Name, ContentType, Size, Attachments.UrlOf(Id), CreatedAt);
}

internal sealed class ConversationFileConfiguration : IEntityTypeConfiguration<ConversationFile>
{
    public void Configure(EntityTypeBuilder<ConversationFile> file) => file.ToTable("files");
}
