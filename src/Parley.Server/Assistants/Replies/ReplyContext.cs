using Parley.Server.Assistants.Wire;
using Parley.Server.Conversations.Timelines;

namespace Parley.Server.Assistants.Replies;

/// <summary>What a model is told: who it is, and as much of the conversation as fits, the newest first.</summary>
internal static class ReplyContext
{
    private const int TokensPerMessage = 4;
    private const int SmallestCut = 64;
    private const string Gap = "\n[…]\n";

    /// <summary>How a visitor is answered unless the conversation says otherwise.</summary>
    public const string SupportPrompt =
        $"""
        You answer visitors of a website on behalf of its support team.
        Answer in the language of the visitor's last message, in a friendly and concise way: a few sentences, or a short list of steps.
        Say only what you know from this conversation or can be sure of; when you are not sure, say so and offer to bring in a person from the team.
        When the visitor asks for a person, or you cannot help, end your answer with the mark {HandoffMarker.Mark}: the conversation then goes to a person. Never explain the mark.
        """;

    public const string ChatPrompt = "You are a helpful assistant. Answer in the language of the question. Use Markdown where it helps.";

    public const string SummaryPrompt =
        """
        You brief a support agent who is about to take over a conversation with a visitor.
        Summarise it in at most five short lines, in the language that the visitor writes: what the visitor wants, what was tried or answered, what is still open, and the visitor's mood.
        Write only the summary.
        """;

    /// <param name="entries">Oldest first.</param>
    /// <param name="budget">Tokens for everything, the system prompt included.</param>
    public static IReadOnlyList<ModelMessage> Build(string systemPrompt, IReadOnlyList<Entry> entries, int budget)
    {
        var left = budget - Cost(systemPrompt);
        var chosen = new List<ModelMessage>();
        for (var i = entries.Count - 1; i >= 0; i--)
        {
            if (ToMessage(entries[i]) is not { } message)
                continue;
            var cost = Cost(message.Content);
            if (cost > left)
            {
                // What is to be answered is said in any case, if not whole.
                if (chosen.Count == 0)
                    chosen.Add(message with { Content = CutMiddle(message.Content, Math.Max(left - TokensPerMessage, SmallestCut)) });
                break;
            }
            left -= cost;
            chosen.Add(message);
        }
        chosen.Add(new ModelMessage(ModelRole.System, systemPrompt));
        chosen.Reverse();
        return chosen;
    }

    /// <summary>Null for what a model need not know: events, notes, empty entries.</summary>
    public static ModelMessage? ToMessage(Entry entry)
    {
        if (entry.Private || entry.Kind is EntryKind.Event || entry.Sender.Type is SenderType.System)
            return null;
        var content = entry.Body;
        foreach (var attachment in entry.Attachments)
            content += $"\n[file: {attachment.Name}]";
        if (string.IsNullOrWhiteSpace(content))
            return null;
        return entry.Sender.Type switch
        {
            SenderType.Assistant => new ModelMessage(ModelRole.Assistant, content),
            SenderType.Agent => new ModelMessage(ModelRole.Assistant, $"({entry.Sender.Name}, a person from the team:) {content}"),
            _ => new ModelMessage(ModelRole.User, content),
        };
    }

    /// <summary>The beginning and the end of <paramref name="text"/>, about <paramref name="tokens"/> together.</summary>
    private static string CutMiddle(string text, int tokens)
    {
        var head = TokenEstimate.Fit(text, tokens / 2);
        var tail = text.Length - TokenEstimate.FitFromEnd(text.AsSpan(head), tokens / 2);
        return $"{text.AsSpan(0, head)}{Gap}{text.AsSpan(tail)}";
    }

    private static int Cost(string content) => TokenEstimate.Of(content) + TokensPerMessage;
}
