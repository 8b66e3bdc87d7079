using System.Text;
using Parley.Server.Assistants.Providers;
using Parley.Server.Assistants.Wire;
using Parley.Server.Conversations.Desk;
using Parley.Server.Conversations.Timelines;

namespace Parley.Server.Assistants.Replies;

/// <summary>Has a model brief the agent who takes over, where the route for <c>summary</c> names one. Else, or when none answers, the conversations' own extract does.</summary>
internal sealed partial class Summariser(Routing routing, ProviderHealth health, TimeProvider time, ILogger<Summariser> logger) : ISummariser
{
    private const int LongestSummary = 4_000;
    private const int SummaryTokens = 400;

    public async Task<string?> SummariseAsync(Guid tenantId, Guid conversationId, IReadOnlyList<Entry> entries, CancellationToken cancellationToken)
    {
        foreach (var candidate in await routing.CandidatesAsync(tenantId, Use.Summary, provider: null, model: null, cancellationToken))
        {
            if (health.IsCooling(candidate.Provider.Id, candidate.Model))
                continue;
            var settings = candidate.Settings;
            var transcript = Transcript(entries, settings.ContextTokens - settings.AnswerTokens);
            if (transcript.Length == 0)
                return null;
            ModelRequest request = new(
                candidate.Model, [new ModelMessage(ModelRole.System, ReplyContext.SummaryPrompt), new ModelMessage(ModelRole.User, transcript)],
                settings.MaxTokens ?? SummaryTokens, settings.Temperature);
            var summary = new StringBuilder();
            var end = await new ModelAttempt(routing.ClientFor(candidate), settings, time).RunAsync(
                request, (text, _) => summary.Append(text).Length < LongestSummary, cancellationToken);
            if (end.Failure is null)
            {
                health.Succeeded(candidate.Provider.Id, candidate.Model);
                return summary.Replace("\0", "").ToString().Trim();
            }
            health.Failed(candidate.Provider.Id, candidate.Provider.Models, candidate.Model, end.Failure);
            LogFailed(candidate.Provider.Name, candidate.Model, conversationId, end.Failure.Code, end.Failure.Detail);
        }
        return null;
    }

    /// <summary>Who said what, as one text that the model reads and does not go on with; the end of it when it is too long.</summary>
    private static string Transcript(IReadOnlyList<Entry> entries, int tokens)
    {
        var lines = new List<string>();
        var left = tokens - TokenEstimate.Of(ReplyContext.SummaryPrompt);
        for (var i = entries.Count - 1; i >= 0; i--)
        {
            if (ReplyContext.ToMessage(entries[i]) is null)
                continue;
            var line = $"{entries[i].Sender.Type}: {entries[i].Body}";
            left -= TokenEstimate.Of(line) + 1;
            if (left < 0 && lines.Count > 0)
                break;
            lines.Add(line);
        }
        lines.Reverse();
        return string.Join('\n', lines);
    }

    [LoggerMessage(LogLevel.Warning, "{Provider} {Model} could not brief the agent of conversation {ConversationId}: {Code}: {Detail}")]
    private partial void LogFailed(string provider, string model, Guid conversationId, string code, string detail);
}
