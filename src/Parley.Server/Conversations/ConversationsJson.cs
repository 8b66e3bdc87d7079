using System.Text.Json.Serialization;
using Parley.Server.Conversations.Desk;
using Parley.Server.Conversations.Files;
using Parley.Server.Conversations.Search;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Conversations.Widget;
using Parley.Server.Operations;

namespace Parley.Server.Conversations;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(TimeConverter)])]
[JsonSerializable(typeof(ConversationRequest))]
[JsonSerializable(typeof(ConversationPatch))]
[JsonSerializable(typeof(ConversationResponse))]
[JsonSerializable(typeof(VisitorConversationResponse))]
[JsonSerializable(typeof(Page<ConversationResponse>))]
[JsonSerializable(typeof(InboxCounts))]
[JsonSerializable(typeof(HandoffRequest))]
[JsonSerializable(typeof(AssignRequest))]
[JsonSerializable(typeof(MembersRequest))]
[JsonSerializable(typeof(MembersResponse))]
[JsonSerializable(typeof(MessageRequest))]
[JsonSerializable(typeof(ReadRequest))]
[JsonSerializable(typeof(RatingRequest))]
[JsonSerializable(typeof(Entry))]
[JsonSerializable(typeof(Page<Entry>))]
[JsonSerializable(typeof(ContactRequest))]
[JsonSerializable(typeof(ContactPatch))]
[JsonSerializable(typeof(MergeRequest))]
[JsonSerializable(typeof(ContactResponse))]
[JsonSerializable(typeof(Page<ContactResponse>))]
[JsonSerializable(typeof(CannedReplyRequest))]
[JsonSerializable(typeof(CannedReplyPatch))]
[JsonSerializable(typeof(CannedReplyResponse))]
[JsonSerializable(typeof(Page<CannedReplyResponse>))]
[JsonSerializable(typeof(FileResponse))]
[JsonSerializable(typeof(FileLink))]
[JsonSerializable(typeof(Page<SearchHit>))]
[JsonSerializable(typeof(Overview))]
[JsonSerializable(typeof(WidgetSettingsPatch))]
[JsonSerializable(typeof(WidgetSettingsResponse))]
[JsonSerializable(typeof(WidgetConfig))]
[JsonSerializable(typeof(DemoConfig))]
[JsonSerializable(typeof(WidgetSessionRequest))]
[JsonSerializable(typeof(WidgetSessionResponse))]
[JsonSerializable(typeof(BriefingJob))]
internal sealed partial class ConversationsJson : JsonSerializerContext;
