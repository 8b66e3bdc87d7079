using System.Text.Json.Serialization;

namespace Parley.Server.Operations;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(HealthResponse))]
[JsonSerializable(typeof(LiveResponse))]
[JsonSerializable(typeof(KeptAnswer))]
internal sealed partial class OperationsJson : JsonSerializerContext;
