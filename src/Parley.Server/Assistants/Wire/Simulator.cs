using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Parley.Server.Assistants.Replies;

namespace Parley.Server.Assistants.Wire;

/// <summary>What the simulator is to do wrong.</summary>
internal enum SimulatorFault
{
    None,
    Refuse,
    RateLimit,
    ServerError,
    Stall,
    Cut,
    Malformed,
}

/// <param name="FaultAfterTokens">Default 0 for what fails before an answer (refuse, rate_limit, server_error), else 12.</param>
internal sealed record SimulatorSettings(
    int FirstTokenMs = 300, double TokensPerSecond = 40, int ReplyTokens = 80, SimulatorFault Fault = SimulatorFault.None, int? FaultAfterTokens = null)
{
    private static readonly Dictionary<string, SimulatorFault> _faults =
        Enum.GetValues<SimulatorFault>().ToDictionary(fault => JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.ToString()));

    public static string FaultNames => string.Join(", ", _faults.Keys);

    public int FaultAt => FaultAfterTokens ?? (Fault is SimulatorFault.Refuse or SimulatorFault.RateLimit or SimulatorFault.ServerError ? 0 : 12);

    public static bool TryParse(string name, out SimulatorFault fault) => _faults.TryGetValue(name, out fault);

    public static SimulatorSettings Read(JsonElement settings)
    {
        JsonElement? s = settings;
        var defaults = new SimulatorSettings();
        return new SimulatorSettings(
            s.Number("first_token_ms") ?? defaults.FirstTokenMs,
            settings.Get("tokens_per_second") is { ValueKind: JsonValueKind.Number } rate ? rate.GetDouble() : defaults.TokensPerSecond,
            s.Number("reply_tokens") ?? defaults.ReplyTokens,
            TryParse(settings.Text("fault") ?? "none", out var fault) ? fault : defaults.Fault,
            s.Number("fault_after_tokens"));
    }
}

/// <summary>
/// A model server without a model: for demonstrations without a key, and for tests. What it answers follows from the prompt alone, in the language of the last
/// question, and says that it is a simulator; how fast, and what goes wrong, follows from its settings.
/// </summary>
internal sealed class Simulator(SimulatorSettings settings, TimeProvider time) : IModelClient
{
    public async IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var question = request.Messages.LastOrDefault(m => m.Role is ModelRole.User).Content ?? "";
        var mayHandOff = request.Messages.Any(m => m.Role is ModelRole.System && m.Content.Contains(HandoffMarker.Mark, StringComparison.Ordinal));
        var asked = request.Messages.Sum(m => TokenEstimate.Of(m.Content));
        var begun = time.GetTimestamp();
        var said = 0;
        foreach (var token in Tokens(SimulatedAnswer.To(question, Math.Min(settings.ReplyTokens, request.MaxTokens ?? int.MaxValue), mayHandOff)))
        {
            var due = TimeSpan.FromMilliseconds(settings.FirstTokenMs) + TimeSpan.FromSeconds(said / settings.TokensPerSecond);
            var wait = due - time.GetElapsedTime(begun);
            if (wait >= TimeSpan.FromMilliseconds(1))
                await Task.Delay(wait, time, cancellationToken);
            if (settings.Fault is not SimulatorFault.None && said >= settings.FaultAt)
                break;
            said++;
            yield return ModelEvent.OfText(token);
        }

        var usage = new ModelUsage(asked, said);
        if (settings.Fault is SimulatorFault.Stall)
            await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken);
        yield return settings.Fault switch
        {
            SimulatorFault.None => ModelEvent.OfFinish(FinishReason.Stop, usage),
            SimulatorFault.Refuse => Failure(FailureClass.Network, "The simulator refuses the connection, as it was told."),
            SimulatorFault.RateLimit => ModelEvent.OfFailure(
                new ModelFailure(FailureClass.RateLimited, "The simulator is over its limit, as it was told.", 429, TimeSpan.FromSeconds(30)), usage),
            SimulatorFault.ServerError => Failure(FailureClass.Server, "The simulator fails, as it was told."),
            SimulatorFault.Malformed => Failure(FailureClass.Protocol, "The simulator sends nonsense, as it was told."),
            _ => Failure(FailureClass.Truncated, "The simulator breaks off, as it was told."),
        };

        ModelEvent Failure(FailureClass failure, string detail) => ModelEvent.OfFailure(new ModelFailure(failure, detail), usage);
    }

    /// <summary>A word with the space after it, or one character of a script without spaces.</summary>
    private static IEnumerable<string> Tokens(string text)
    {
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var isEnd = i + 1 == text.Length || (char.IsWhiteSpace(text[i]) && !char.IsWhiteSpace(text[i + 1])) || (TokenEstimate.IsDense(text[i]) && !char.IsWhiteSpace(text[i + 1]));
            if (!isEnd)
                continue;
            yield return text[start..(i + 1)];
            start = i + 1;
        }
    }
}

/// <summary>What the simulator says.</summary>
internal static class SimulatedAnswer
{
    /// <param name="tokens">The answer ends with the sentence that reaches so many.</param>
    public static string To(string question, int tokens, bool mayHandOff)
    {
        var phrases = PhrasesFor(question);
        var answer = new StringBuilder(phrases.Opening).Append("\n\n").AppendFormat(null, phrases.About, Topic(question));
        if (mayHandOff && phrases.Person.Any(word => question.Contains(word, StringComparison.OrdinalIgnoreCase)))
            return answer.Append("\n\n").Append(phrases.HandingOver).Append(' ').Append(HandoffMarker.Mark).ToString();

        answer.Append("\n\n");
        var next = (int)(Hash(question) % (uint)phrases.Steps.Length);
        for (var step = 1; step <= 3 && TokenEstimate.Of(answer) < tokens; step++, next = (next + 1) % phrases.Steps.Length)
            answer.Append(step).Append(". ").Append(phrases.Steps[next]).Append('\n');
        answer.Append('\n');
        for (var more = next; TokenEstimate.Of(answer) < tokens; more = (more + 1) % phrases.Steps.Length)
            answer.Append(phrases.Steps[more].Replace("**", "", StringComparison.Ordinal)).Append(phrases.Gap);
        return answer.Append(phrases.Closing).ToString();
    }

    /// <summary>The beginning of the question, so that one sees what it answers.</summary>
    private static string Topic(string question)
    {
        var line = string.Join(' ', question.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Replace("*", "", StringComparison.Ordinal);
        return line.Length <= 60 ? line : string.Concat(line.AsSpan(0, char.IsHighSurrogate(line[56]) ? 56 : 57), "…");
    }

    private static uint Hash(string text)
    {
        var hash = 2166136261u; // FNV-1a: string.GetHashCode differs in each process
        foreach (var c in text)
            hash = (hash ^ c) * 16777619u;
        return hash;
    }

    private static Phrases PhrasesFor(string question)
    {
        var byScript = question.Any(c => c is >= '\u3040' and <= '\u30FF') ? Phrases.Japanese
            : question.Any(c => c is >= '\uAC00' and <= '\uD7A3') ? Phrases.Korean
            : question.Any(c => c is >= '\u3400' and <= '\u9FFF') ? Phrases.Chinese
            : null;
        if (byScript is not null)
            return byScript;
        var words = question.ToLowerInvariant().Split([' ', ',', '.', '?', '!', '\n', '¿', '¡', '\''], StringSplitOptions.RemoveEmptyEntries);
        return Phrases.Latin.MaxBy(phrases => words.Count(phrases.CommonWords.Contains))!;
    }
}

/// <param name="About">With <c>{0}</c> for the question.</param>
/// <param name="Steps">Sentences that fit any question.</param>
/// <param name="Gap">Between two sentences.</param>
/// <param name="Person">What one says who wants a person.</param>
/// <param name="CommonWords">By which the language is told from others in the same script.</param>
internal sealed record Phrases(
    string Opening, string About, string[] Steps, string Closing, string Gap, string[] Person, string HandingOver, HashSet<string> CommonWords)
{
    // English first: it wins when nothing speaks for another language.
    private static readonly Phrases English = new(
        "I am Parley's built-in **simulator**, not a real assistant: I show how an answer arrives.",
        "You wrote: *{0}*",
        [
            "Open **Settings** and check that everything there is as you expect.",
            "Note the **order number** or the exact wording of the message you see.",
            "Try once more; a second attempt often shows where it goes wrong.",
            "If a file is involved, keep it **under 10 MB** and send it here.",
            "Write down when it happened, so that we can find it in our records.",
        ],
        "If that does not help, I can bring in a person.", " ",
        ["human", "a person", "real person", "an agent", "someone real", "representative"], "I am bringing in a colleague now.",
        ["the", "is", "my", "how", "what", "do", "i", "you", "can", "where", "not"]);

    private static readonly Phrases German = new(
        "Ich bin der eingebaute **Simulator** von Parley, kein echter Assistent: Ich zeige, wie eine Antwort ankommt.",
        "Sie schrieben: *{0}*",
        [
            "Öffnen Sie die **Einstellungen** und prüfen Sie, ob dort alles stimmt.",
            "Notieren Sie die **Bestellnummer** oder den genauen Wortlaut der Meldung.",
            "Versuchen Sie es noch einmal; oft zeigt sich dabei, wo es hakt.",
            "Schreiben Sie auf, wann es geschah, damit wir es finden.",
        ],
        "Wenn das nicht hilft, hole ich gern einen Menschen dazu.", " ",
        ["mensch", "mitarbeiter", "echte person"], "Ich hole jetzt jemanden aus dem Team dazu.",
        ["der", "die", "das", "ist", "nicht", "ich", "wie", "mein", "meine", "und", "kann", "wo"]);

    private static readonly Phrases French = new(
        "Je suis le **simulateur** intégré de Parley, pas un vrai assistant : je montre comment une réponse arrive.",
        "Vous avez écrit : *{0}*",
        [
            "Ouvrez les **réglages** et vérifiez que tout y est comme prévu.",
            "Notez le **numéro de commande** ou le texte exact du message.",
            "Essayez encore une fois ; on voit souvent alors où cela bloque.",
            "Notez l'heure, afin que nous puissions le retrouver.",
        ],
        "Si cela n'aide pas, je peux faire venir une personne.", " ",
        ["humain", "une personne", "conseiller", "un agent"], "Je fais venir un collègue.",
        ["le", "la", "les", "est", "je", "mon", "ma", "comment", "où", "pas", "vous", "une"]);

    private static readonly Phrases Spanish = new(
        "Soy el **simulador** integrado de Parley, no un asistente real: muestro cómo llega una respuesta.",
        "Usted escribió: *{0}*",
        [
            "Abra los **ajustes** y compruebe que todo esté como espera.",
            "Anote el **número de pedido** o el texto exacto del mensaje.",
            "Inténtelo otra vez; a menudo así se ve dónde falla.",
            "Anote cuándo ocurrió, para que podamos encontrarlo.",
        ],
        "Si eso no ayuda, puedo llamar a una persona.", " ",
        ["humano", "una persona", "un agente"], "Ahora llamo a un compañero.",
        ["el", "los", "es", "mi", "cómo", "qué", "no", "yo", "puedo", "dónde", "una", "por"]);

    public static readonly Phrases Chinese = new(
        "我是 Parley 内置的**模拟器**，不是真正的助手：我只演示回答是怎样到达的。",
        "您写道：*{0}*",
        ["请打开**设置**，看看各项是否符合您的预期。", "请记下**订单号**，或提示信息的原文。", "请再试一次，往往能看出问题出在哪里。", "请记下发生的时间，方便我们查找记录。"],
        "如果仍未解决，我可以请一位同事来帮您。", "",
        ["人工", "真人", "客服", "转接"], "我现在就请一位同事过来。", []);

    public static readonly Phrases Japanese = new(
        "私は Parley に内蔵された**シミュレーター**で、本物のアシスタントではありません。回答がどのように届くかをお見せします。",
        "ご質問：*{0}*",
        ["**設定**を開いて、内容が正しいかご確認ください。", "**注文番号**、または表示されたメッセージの文面をお控えください。", "もう一度お試しください。原因が見えることがよくあります。", "発生した時刻をお控えいただくと、記録を探しやすくなります。"],
        "解決しない場合は、担当者におつなぎします。", "",
        ["オペレーター", "担当者", "人と話"], "ただいま担当者におつなぎします。", []);

    public static readonly Phrases Korean = new(
        "저는 Parley에 내장된 **시뮬레이터**이며 실제 상담원이 아닙니다. 답변이 도착하는 모습을 보여 드립니다.",
        "문의하신 내용: *{0}*",
        ["**설정**을 열어 내용이 맞는지 확인해 주세요.", "**주문 번호**나 표시된 메시지를 적어 두세요.", "다시 한 번 시도해 보세요. 원인이 보이는 경우가 많습니다.", "발생한 시간을 적어 두시면 기록을 찾기 쉽습니다."],
        "해결되지 않으면 상담원을 연결해 드리겠습니다.", " ",
        ["상담원", "사람과"], "지금 상담원을 연결해 드리겠습니다.", []);

    public static readonly Phrases[] Latin = [English, German, French, Spanish];
}
