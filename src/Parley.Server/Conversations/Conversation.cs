using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Parley.Server.Conversations.Desk;
using Parley.Server.Conversations.Files;
using Parley.Server.Conversations.Widget;
using Parley.Server.Storage;

namespace Parley.Server.Conversations;

/// <summary>Who talks with whom: a member with an assistant, a visitor with an assistant and agents, members among themselves.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ConversationKind>))]
public enum ConversationKind
{
    [JsonStringEnumMemberName("assistant")] Assistant,
    [JsonStringEnumMemberName("support")] Support,
    [JsonStringEnumMemberName("group")] Group,
}

[JsonConverter(typeof(JsonStringEnumConverter<ConversationStatus>))]
public enum ConversationStatus
{
    [JsonStringEnumMemberName("open")] Open,
    [JsonStringEnumMemberName("pending")] Pending,
    [JsonStringEnumMemberName("resolved")] Resolved,
    [JsonStringEnumMemberName("archived")] Archived,
}

/// <summary>Who answers: the assistant, nobody yet (waiting for a person), or a person.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Handler>))]
public enum Handler
{
    [JsonStringEnumMemberName("ai")] Ai,
    [JsonStringEnumMemberName("queue")] Queue,
    [JsonStringEnumMemberName("agent")] Agent,
}

[JsonConverter(typeof(JsonStringEnumConverter<Priority>))]
public enum Priority
{
    [JsonStringEnumMemberName("low")] Low,
    [JsonStringEnumMemberName("normal")] Normal,
    [JsonStringEnumMemberName("high")] High,
    [JsonStringEnumMemberName("urgent")] Urgent,
}

/// <summary>
/// A thread with one timeline. What the timeline decides (<see cref="Handler"/>, <see cref="OwnerEpoch"/>, <see cref="Status"/>,
/// <see cref="LastSeq"/> and what is dated by them) is changed by <see cref="Timelines.Timeline"/> alone, with the entry that says so.
/// </summary>
internal sealed class Conversation : ITenantOwned
{
    public Guid Id { get; init; } = Guid.CreateVersion7();
    public required Guid TenantId { get; init; }
    public required ConversationKind Kind { get; init; }
    public string Title { get; set => field = value.Trim(); } = "";
    public ConversationStatus Status { get; init; }
    public required Handler Handler { get; init; }

    /// <summary>Grows with each change of handler; a reply begun under an older one is refused.</summary>
    public long OwnerEpoch { get; init; }

    public Priority Priority { get; init; } = Priority.Normal;
    public Guid? AssigneeId { get; init; }
    public Guid? ContactId { get; set; }

    /// <summary>The member who began it; null when a visitor did.</summary>
    public Guid? CreatedBy { get; init; }

    public string? Provider { get; set; }
    public string? Model { get; set; }
    public string? SystemPrompt { get; set; }
    public List<string> Tags { get; init; } = [];
    public long LastSeq { get; init; }
    public long IndexedSeq { get; init; }
    public required DateTimeOffset LastActivityAt { get; init; }
    public DateTimeOffset? WaitingSince { get; init; }
    public DateTimeOffset? FirstResponseAt { get; init; }
    public DateTimeOffset? ResolvedAt { get; init; }
    public short? RatingScore { get; init; }
    public string? RatingComment { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset UpdatedAt { get; set; }
    public DateTimeOffset? DeletedAt { get; set; }
}

internal sealed class ConversationConfiguration : IEntityTypeConfiguration<Conversation>
{
    public void Configure(EntityTypeBuilder<Conversation> conversation)
    {
        conversation.ToTable("conversations");
        conversation.Property(c => c.Kind).HasConversion(EnumName.Of<ConversationKind>());
        conversation.Property(c => c.Status).HasConversion(EnumName.Of<ConversationStatus>());
        conversation.Property(c => c.Handler).HasConversion(EnumName.Of<Handler>());
        conversation.Property(c => c.Priority).HasConversion(EnumName.Of<Priority>());
    }
}

/// <summary>A member of a group conversation.</summary>
internal sealed class ConversationMember : ITenantOwned
{
    public required Guid TenantId { get; init; }
    public required Guid ConversationId { get; init; }
    public required Guid UserId { get; init; }
    public required DateTimeOffset JoinedAt { get; init; }
}

internal sealed class ConversationMemberConfiguration : IEntityTypeConfiguration<ConversationMember>
{
    public void Configure(EntityTypeBuilder<ConversationMember> member)
    {
        member.ToTable("conversation_members");
        member.HasKey(m => new { m.ConversationId, m.UserId });
        member.HasOne<Conversation>().WithMany().HasForeignKey(m => m.ConversationId); // a group is inserted before its members
    }
}

internal static class ConversationTables
{
    extension(AppDbContext db)
    {
        public DbSet<Conversation> Conversations => db.Set<Conversation>();
        public DbSet<ConversationMember> ConversationMembers => db.Set<ConversationMember>();
        public DbSet<ConversationFile> Files => db.Set<ConversationFile>();
        public DbSet<Contact> Contacts => db.Set<Contact>();
        public DbSet<CannedReply> CannedReplies => db.Set<CannedReply>();
        public DbSet<WidgetSettings> Widgets => db.Set<WidgetSettings>();
    }
}
