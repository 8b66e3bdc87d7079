using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Parley.Server.Assistants.Providers;
using Parley.Server.Assistants.Wire;
using Parley.Server.Conversations;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Replies;

/// <summary>A message waits for an answer; written by the timeline with the message.</summary>
internal sealed record ReplyOwed(Guid ConversationId, long Seq);

/// <summary>The job <c>reply</c>: it ends when what is owed in the conversation has been answered, so that a reply which was cut off by a crash is found by its job.</summary>
internal sealed class ReplyJob(ReplyEngine engine) : IJobHandler<ReplyOwed>
{
    public const string Kind = "reply";

    public Task RunAsync(ReplyOwed payload, JobContext job, CancellationToken cancellationToken) =>
        engine.AnswerAsync(payload, job.TenantId.GetValueOrDefault(), job.Id, cancellationToken);
}

/// <summary>
/// Gives replies. One at a time in a conversation: what is said meanwhile is answered after it, together. A reply has one owner, the call of
/// <see cref="GiveAsync"/> that gives it, and that alone ends it; everybody else can only ask it to stop.
/// </summary>
internal sealed partial class ReplyEngine : IRunningReplies
{
    private const int Gates = 64;
    private const int LongestReply = 200_000;
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _saveEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _signOfLife = TimeSpan.FromSeconds(1);
    private const int SaveAfterCharacters = 1_000;

    /// <summary>A wait worth it when there is nobody else to ask.</summary>
    private static readonly TimeSpan _shortWait = TimeSpan.FromSeconds(5);

    private readonly ReplyStore _replies;
    private readonly Routing _routing;
    private readonly ProviderHealth _health;
    private readonly Timeline _timeline;
    private readonly EntryLog _log;
    private readonly ConversationViews _views;
    private readonly Topics _topics;
    private readonly Jobs _jobs;
    private readonly TimeProvider _time;
    private readonly AssistantsMetrics _metrics;
    private readonly AssistantsOptions _options;
    private readonly ILogger<ReplyEngine> _logger;

    private readonly Lock[] _gates = [.. Enumerable.Range(0, Gates).Select(_ => new Lock())];
    private readonly ConcurrentDictionary<Guid, LiveReply> _byConversation = new();
    private readonly ConcurrentDictionary<Guid, LiveReply> _byId = new();
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _awaited = new();
    private readonly ConcurrentDictionary<Guid, int> _perTenant = new();

    public ReplyEngine(
        ReplyStore replies, Routing routing, ProviderHealth health, Timeline timeline, EntryLog log, ConversationViews views, Topics topics, Jobs jobs, TimeProvider time,
        AssistantsMetrics metrics, IOptions<AssistantsOptions> options, ILogger<ReplyEngine> logger)
    {
        (_replies, _routing, _health, _timeline, _log, _views, _topics, _jobs) = (replies, routing, health, timeline, log, views, topics, jobs);
        (_time, _metrics, _options, _logger) = (time, metrics, options.Value, logger);
        timeline.Appended += OnAppended;
    }

    public void Join(Guid conversationId, EntryView view, Action<Frame?> goLive)
    {
        lock (GateOf(conversationId))
            goLive(_byConversation.GetValueOrDefault(conversationId)?.StartFrame(view));
    }

    public RunningReply? Find(Guid conversationId) => _byConversation.GetValueOrDefault(conversationId)?.Snapshot();

    public async ValueTask<bool> CancelAsync(Guid conversationId, CancellationToken cancellationToken)
    {
        if (_byConversation.TryGetValue(conversationId, out var live))
        {
            live.Cancel();
            return true;
        }
        return await _replies.RequestCancelAsync(conversationId, cancellationToken); // another node may give it
    }

    /// <summary>The reply with this id, if this process gives it now.</summary>
    public LiveReply? FindById(Guid replyId) => _byId.GetValueOrDefault(replyId);

    /// <summary>The reply that runs here in the conversation and answers <paramref name="seq"/>.</summary>
    public LiveReply? FindAnswer(Guid conversationId, long seq) =>
        _byConversation.TryGetValue(conversationId, out var live) && live.AnswersSeq >= seq ? live : null;

    /// <summary>
    /// Finds what <paramref name="find"/> looks for: now, when a reply begins here in the conversation, or, for another node's, after <paramref name="look"/>
    /// again and again.
    /// </summary>
    public async Task<Guid> WaitForBeginAsync(Guid conversationId, Func<Task<Guid?>> find, TimeSpan look, CancellationToken cancellationToken)
    {
        while (true)
        {
            // Before the look: what begins after it completes this.
            var begun = _awaited.GetOrAdd(conversationId, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            try
            {
                if (await find() is { } replyId)
                    return replyId;
                await Task.WhenAny(begun.Task, Task.Delay(look, _time, cancellationToken));
                cancellationToken.ThrowIfCancellationRequested();
            }
            finally
            {
                _awaited.TryRemove(KeyValuePair.Create(conversationId, begun));
            }
        }
    }

    /// <summary>Answers what is owed in a conversation, until nothing is. When another job is about it already, that one is left word.</summary>
    public async Task AnswerAsync(ReplyOwed owed, Guid tenantId, long jobId, CancellationToken stopping)
    {
        if (!TryEnter(tenantId))
        {
            // Written anew before this one is done: it cannot get lost. A while later, and not all at once.
            var later = TimeSpan.FromMilliseconds(Random.Shared.Next(500, 1_500));
            await _jobs.EnqueueAsync(ReplyJob.Kind, owed, AssistantsJson.Default.ReplyOwed, tenantId, key: null, _time.Now + later, stopping);
            return;
        }
        try
        {
            while (await _views.GetAsync(tenantId, owed.ConversationId, readerId: null, stopping) is { } conversation)
            {
                if (conversation is not { Handler: Handler.Ai, DeletedAt: null, Status: not ConversationStatus.Archived })
                {
                    await _replies.CancelLeftAsync(owed.ConversationId, jobId, stopping);
                    return;
                }
                var claim = await _replies.ClaimAsync(
                    tenantId, owed.ConversationId, owed.Seq, jobId, conversation.LastSeq, conversation.OwnerEpoch, stopping);
                if (claim is null || claim.JobId != jobId)
                    return;
                await GiveAsync(claim, conversation, stopping);
            }
        }
        finally
        {
            Leave(tenantId);
        }
    }

    /// <summary>Gives one reply and ends it, or leaves it to the next start when <paramref name="stopping"/> says so.</summary>
    private async Task GiveAsync(Claim claim, ConversationResponse conversation, CancellationToken stopping)
    {
        using var live = new LiveReply(
            claim.ReplyId, claim.TenantId, claim.ConversationId, claim.AnswersSeq, claim.LastIndex, GateOf(claim.ConversationId), _topics, _time);
        var giving = new Giving(claim, conversation, live);
        var isEnded = false;
        _byId[live.Id] = live;
        lock (GateOf(claim.ConversationId))
            _byConversation[claim.ConversationId] = live;
        if (_awaited.TryRemove(claim.ConversationId, out var awaited))
            awaited.SetResult();
        _metrics.Began();
        try
        {
            var end = await EndOfAsync(giving, stopping);
            lock (GateOf(claim.ConversationId))
            {
                _byConversation.TryRemove(KeyValuePair.Create(claim.ConversationId, live));
                live.Finish(end);
            }
            isEnded = true;
            _metrics.Ended(end.Status.Name());
            LogEnded(live.Id, claim.ConversationId, end.Status, end.Code);
        }
        finally
        {
            lock (GateOf(claim.ConversationId))
                _byConversation.TryRemove(KeyValuePair.Create(claim.ConversationId, live));
            _byId.TryRemove(live.Id, out _);
            _metrics.Left();
            if (!isEnded)
                LogLeft(live.Id, claim.ConversationId);
        }
    }

    private async Task<ReplyEnd> EndOfAsync(Giving giving, CancellationToken stopping)
    {
        if (!giving.Claim.IsNew && await FindFinishedAsync(giving.Claim, stopping) is { } finished)
            return await EndFinishedAsync(giving, finished, stopping);

        giving.Candidates = await _routing.CandidatesAsync(
            giving.Claim.TenantId, giving.Use, giving.Conversation.Provider, giving.Conversation.Model, stopping);
        if (giving.Candidates.Count == 0)
            return await EndWithoutAssistantAsync(giving, stopping);

        using var ended = new CancellationTokenSource();
        var saving = SaveAsync(giving, ended.Token);
        AttemptEnd? last;
        try
        {
            last = await AskAsync(giving, stopping);
        }
        finally
        {
            await ended.CancelAsync();
            await saving;
        }
        return await ConcludeAsync(giving, last, stopping);
    }

    /// <summary>Asks one candidate after the other until one has spoken. Null when it was cancelled.</summary>
    private async Task<AttemptEnd?> AskAsync(Giving giving, CancellationToken stopping)
    {
        var live = giving.Live;
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(live.Cancelled, stopping);
        AttemptEnd? last = null;
        try
        {
            var entries = await ReadEntriesAsync(giving, cut.Token);
            foreach (var candidate in giving.Candidates)
            {
                if (_health.IsCooling(candidate.Provider.Id, candidate.Model))
                    continue;
                if (last?.Failure is { Class: FailureClass.BadRequest or FailureClass.ContentFilter })
                    break; // the same request fails everywhere
                live.Begin(candidate.Model);
                last = await AttemptAsync(giving, candidate, entries, cut.Token);
                if (last.Failure is { } failure && live.Length == 0 && giving.Candidates.Count == 1 && WaitFor(failure) is { } wait)
                {
                    await Task.Delay(wait, _time, cut.Token);
                    last = await AttemptAsync(giving, candidate, entries, cut.Token);
                }
                if (last.Failure is null || live.Length > 0)
                    return last;
            }
            return last ?? new AttemptEnd(default, new ModelFailure(FailureClass.Overloaded, "Every provider failed a moment ago and is left alone for a while."), null, null, TimeSpan.Zero);
        }
        catch (OperationCanceledException) when (cut.IsCancellationRequested)
        {
            if (!live.Cancelled.IsCancellationRequested)
            {
                await SaveInterruptedAsync(giving);
                stopping.ThrowIfCancellationRequested();
            }
            giving.EndAttempt("cancelled", null, null);
            return null;
        }
    }

    private async Task<AttemptEnd> AttemptAsync(Giving giving, Candidate candidate, IReadOnlyList<Entry> entries, CancellationToken cancellationToken)
    {
        var (live, settings) = (giving.Live, candidate.Settings);
        var messages = ReplyContext.Build(giving.SystemPrompt, entries, settings.ContextTokens - settings.AnswerTokens);
        giving.BeginAttempt(candidate);
        var attempt = new ModelAttempt(_routing.ClientFor(candidate), settings, _time);
        var end = await attempt.RunAsync(
            new ModelRequest(candidate.Model, messages, settings.MaxTokens, settings.Temperature),
            (text, firstToken) =>
            {
                giving.FirstToken = firstToken;
                live.Say(text);
                return live.Length < LongestReply;
            },
            cancellationToken);

        var usage = end.Usage ?? new ModelUsage(messages.Sum(message => TokenEstimate.Of(message.Content)), giving.EstimatedTokens);
        giving.Usage = usage;
        giving.UsageIsEstimated = end.Usage is null;
        giving.EndAttempt(end.Failure?.Code ?? "done", end.FirstToken is null ? null : usage.OutputTokens, end.Failure?.Detail);
        _metrics.Attempted(candidate.Provider.Type.Name(), end.Failure?.Code ?? "done", end.FirstToken, usage.InputTokens, usage.OutputTokens);
        if (end.Failure is null)
            _health.Succeeded(candidate.Provider.Id, candidate.Model);
        else
        {
            _health.Failed(candidate.Provider.Id, candidate.Provider.Models, candidate.Model, end.Failure);
            LogAttemptFailed(candidate.Provider.Name, candidate.Model, live.Id, end.Failure.Code, end.Failure.Detail);
        }
        return end;
    }

    /// <summary>When to ask the only candidate once more; null when that is no use.</summary>
    private static TimeSpan? WaitFor(ModelFailure failure) => failure.Class switch
    {
        FailureClass.RateLimited when failure.RetryAfter <= _shortWait => failure.RetryAfter,
        FailureClass.Overloaded or FailureClass.Server or FailureClass.Network => TimeSpan.FromMilliseconds(Random.Shared.Next(300, 900)),
        _ => null,
    };

    private async Task<IReadOnlyList<Entry>> ReadEntriesAsync(Giving giving, CancellationToken cancellationToken)
    {
        const int page = 50;
        var budget = giving.Candidates.Max(candidate => candidate.Settings.ContextTokens);
        var entries = new List<Entry>();
        var before = giving.Claim.AnswersSeq + 1;
        while (true)
        {
            var older = await _log.ReadBeforeAsync(giving.Claim.ConversationId, before, EntryView.WithoutNotes, page, cancellationToken);
            entries.InsertRange(0, older);
            budget -= older.Sum(entry => TokenEstimate.Of(entry.Body));
            if (older.Count < page || budget <= 0)
                return entries;
            before = older[0].Seq;
        }
    }

    private async Task<ReplyEnd> ConcludeAsync(Giving giving, AttemptEnd? last, CancellationToken stopping)
    {
        var text = giving.Live.Seal().TrimEnd();
        if (giving.Live.IsSilenced)
            return await EndAsync(giving, ReplyStatus.Cancelled, "taken_over", TakenOver, message: null, stopping);
        var (status, code) = last switch
        {
            null => (ReplyStatus.Cancelled, "cancelled"),
            { Failure: { } failure } => (text.Length > 0 ? ReplyStatus.Truncated : ReplyStatus.Failed, failure.Code),
            { Reason: FinishReason.Length } => (ReplyStatus.Truncated, "length"),
            { Reason: FinishReason.ContentFilter } => (ReplyStatus.Truncated, ModelFailure.NameOf(FailureClass.ContentFilter)),
            _ => (ReplyStatus.Done, (string?)null),
        };
        if (text.Length == 0 && status is not ReplyStatus.Failed)
        {
            // Nothing but the mark that asks for a person, or stopped before the first word.
            return await EndAsync(giving, status, code, "The reply was stopped.", message: null, stopping);
        }

        var draft = status is ReplyStatus.Failed ? FailedEvent(giving, code!) : MessageOf(giving, text, status, code);
        var result = await AppendAsync(draft, stopping);
        if (!result.IsStored)
            return await EndAsync(giving, ReplyStatus.Cancelled, "taken_over", TakenOver, message: null, stopping);
        var message = status is ReplyStatus.Failed ? null : await StoredAsync(draft, result, stopping);
        return await EndAsync(giving, status, code, status is ReplyStatus.Failed ? "The assistant could not answer." : null, message, stopping, result.Seq);
    }

    private const string TakenOver = "A person has taken over.";

    private async Task<ReplyEnd> EndAsync(
        Giving giving, ReplyStatus status, string? code, string? detail, Entry? message, CancellationToken stopping, long? seq = null)
    {
        await HandOffAsync(giving, status, code, stopping);
        var said = giving.Live.Snapshot();
        await UntilStoredAsync(
            () => _replies.EndAsync(
                giving.Claim, status, code, said.Model, message?.Body ?? said.Text, said.Index, giving.Attempts, message?.Seq ?? seq, CancellationToken.None),
            stopping);
        return new ReplyEnd(status, code, detail, message);
    }

    private async Task<ReplyEnd> EndWithoutAssistantAsync(Giving giving, CancellationToken stopping)
    {
        giving.Live.Seal();
        var draft = Event(giving, "no_assistant", giving.Conversation.Kind is ConversationKind.Support
            ? "No assistant is available now. You are in the queue for a person."
            : "No assistant is set up. An administrator can add a provider.");
        var result = await AppendAsync(draft, stopping);
        return result.IsStored
            ? await EndAsync(giving, ReplyStatus.Failed, "no_provider", "No assistant is available.", message: null, stopping, result.Seq)
            : await EndAsync(giving, ReplyStatus.Cancelled, "taken_over", TakenOver, message: null, stopping);
    }

    /// <summary>Ends a reply whose process died after it was stored and before that was noted.</summary>
    private Task<ReplyEnd> EndFinishedAsync(Giving giving, Entry finished, CancellationToken stopping)
    {
        giving.Live.Seal();
        if (finished.Kind is EntryKind.Event)
        {
            var code = finished.Metadata?.Text("event") is "no_assistant" ? "no_provider" : finished.Metadata?.Text("code") ?? "failed";
            return EndAsync(giving, ReplyStatus.Failed, code, finished.Body, message: null, stopping, finished.Seq);
        }
        var isWhole = finished.Metadata?.Get("truncated") is not { ValueKind: JsonValueKind.True };
        return EndAsync(giving, isWhole ? ReplyStatus.Done : ReplyStatus.Truncated, isWhole ? null : finished.Metadata?.Text("reason"), detail: null, finished, stopping);
    }

    /// <summary>
    /// A visitor whom no assistant answers, or for whom it asks, goes to the queue. Before the reply is noted as ended: a crash in between does this again, and
    /// it changes nothing the second time.
    /// </summary>
    private async Task HandOffAsync(Giving giving, ReplyStatus status, string? code, CancellationToken stopping)
    {
        var reason = status is ReplyStatus.Failed ? code is "no_provider" ? "no_assistant" : "assistant_failed"
            : giving.Live.AsksForPerson && status is not ReplyStatus.Cancelled ? "assistant_asked" : null;
        if (reason is null || giving.Conversation.Kind is not ConversationKind.Support)
            return;
        var handoff = new Draft
        {
            TenantId = giving.Claim.TenantId,
            ConversationId = giving.Claim.ConversationId,
            Kind = EntryKind.Event,
            Sender = Sender.System,
            ClientId = $"{giving.Claim.ReplyId}:handoff",
            IfEpoch = giving.Claim.OwnerEpoch,
            Metadata = TimelineEvents.Handoff(Handler.Ai, Handler.Queue, reason, Sender.System),
            Change = new ConversationChange { Handler = Handler.Queue, OnlyIfHandler = Handler.Ai, AssigneeId = Guid.Empty },
        };
        await AppendAsync(handoff, stopping);
    }

    /// <summary>The entry of a reply whose process died after it was stored and before that was noted.</summary>
    private async Task<Entry?> FindFinishedAsync(Claim claim, CancellationToken cancellationToken)
    {
        var clientId = claim.ReplyId.ToString();
        await foreach (var entry in _log.ReadAllAfterAsync(claim.ConversationId, claim.AnswersSeq, EntryView.WithoutNotes, cancellationToken))
        {
            if (entry.Sender.Type is SenderType.Assistant or SenderType.System && entry.ClientId == clientId)
                return entry;
        }
        return null;
    }

    private async Task<Entry> StoredAsync(Draft draft, AppendResult result, CancellationToken cancellationToken) =>
        result.Outcome is AppendOutcome.Duplicate
        && await _log.ReadAfterAsync(draft.ConversationId, result.Seq - 1, EntryView.Full, limit: 1, cancellationToken) is [var first]
            ? first
            : new Entry(
                result.Id, draft.ConversationId, result.Seq, draft.Kind, draft.Sender, draft.Body, draft.Attachments, draft.Private, draft.ClientId, draft.Metadata, draft.Model,
                draft.Usage, result.CreatedAt);

    private static Draft MessageOf(Giving giving, string text, ReplyStatus status, string? code) => new()
    {
        TenantId = giving.Claim.TenantId,
        ConversationId = giving.Claim.ConversationId,
        Sender = giving.Speaker,
        Body = text,
        ClientId = giving.Claim.ReplyId.ToString(),
        IfEpoch = giving.Claim.OwnerEpoch,
        Model = giving.Live.Model,
        Metadata = ReplyEvents.OfReply(giving.Claim.ReplyId, status, code),
        Usage = giving.Usage is { } usage ? ReplyEvents.OfUsage(usage, giving.UsageIsEstimated) : null,
    };

    private static Draft FailedEvent(Giving giving, string code) => Event(giving, "reply_failed", "The assistant could not answer.", code);

    private static Draft Event(Giving giving, string name, string words, string? code = null) => new()
    {
        TenantId = giving.Claim.TenantId,
        ConversationId = giving.Claim.ConversationId,
        Kind = EntryKind.Event,
        Sender = Sender.System,
        Body = words,
        ClientId = giving.Claim.ReplyId.ToString(),
        IfEpoch = giving.Claim.OwnerEpoch,
        Metadata = ReplyEvents.OfFailure(name, giving.Claim.ReplyId, code),
    };

    private async Task<AppendResult> AppendAsync(Draft draft, CancellationToken stopping)
    {
        AppendResult result = default;
        await UntilStoredAsync(async () => result = await _timeline.AppendAsync(draft, CancellationToken.None), stopping);
        return result;
    }

    /// <summary>What was said is not thrown away because the database is away for a moment; a resend is harmless.</summary>
    private async Task UntilStoredAsync(Func<Task> store, CancellationToken stopping)
    {
        for (var wait = TimeSpan.FromMilliseconds(100); ; wait = wait * 2 < _shortWait ? wait * 2 : _shortWait)
        {
            try
            {
                await store();
                return;
            }
            catch (Exception e) when (DatabaseFailure.IsUnavailable(e) && !stopping.IsCancellationRequested)
            {
                LogWaitsForDatabase(e.Message);
                await Task.Delay(wait, _time, stopping);
            }
        }
    }

    /// <summary>Saves the text as it grows and says that the reply lives; hears from other nodes that it should stop.</summary>
    private async Task SaveAsync(Giving giving, CancellationToken ended)
    {
        var live = giving.Live;
        var savedAt = _time.GetTimestamp();
        var savedLength = 0;
        using var timer = new PeriodicTimer(_look, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(ended))
            {
                var said = live.Snapshot();
                var unsaved = said.Text.Length - savedLength;
                var since = _time.GetElapsedTime(savedAt);
                if (!(unsaved >= SaveAfterCharacters || (unsaved > 0 && since >= _saveEvery) || since >= _signOfLife))
                    continue;
                (savedAt, savedLength) = (_time.GetTimestamp(), said.Text.Length);
                switch (await _replies.SaveAsync(giving.Claim, said.Model, said.Text, said.Index, giving.Attempts, CancellationToken.None))
                {
                    case SavedState.CancelRequested:
                        live.Cancel();
                        break;
                    case SavedState.Gone:
                        live.Silence();
                        return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It ended.
        }
        catch (Exception e) when (DatabaseFailure.IsUnavailable(e))
        {
            LogNotSaved(live.Id, e.Message);
        }
    }

    private async Task SaveInterruptedAsync(Giving giving)
    {
        giving.EndAttempt("interrupted", null, null);
        var said = giving.Live.Snapshot();
        try
        {
            await _replies.SaveAsync(giving.Claim, said.Model, said.Text, said.Index, giving.Attempts, CancellationToken.None);
        }
        catch (Exception e) when (DatabaseFailure.IsUnavailable(e))
        {
            LogNotSaved(giving.Live.Id, e.Message);
        }
    }

    /// <summary>On the timeline's delivery loop: a new handler silences the assistant at once.</summary>
    private void OnAppended(EntryAppended appended)
    {
        if (appended.Change?.Handler is not null && _byConversation.TryGetValue(appended.Entry.ConversationId, out var live))
            live.Silence();
    }

    private bool TryEnter(Guid tenantId)
    {
        if (_perTenant.AddOrUpdate(tenantId, 1, static (_, running) => running + 1) <= _options.RepliesPerTenant)
            return true;
        Leave(tenantId);
        return false;
    }

    private void Leave(Guid tenantId)
    {
        if (_perTenant.AddOrUpdate(tenantId, 0, static (_, running) => running - 1) == 0)
            _perTenant.TryRemove(KeyValuePair.Create(tenantId, 0));
    }

    private Lock GateOf(Guid conversationId) => _gates[(uint)conversationId.GetHashCode() % Gates];

    [LoggerMessage(LogLevel.Information, "Reply {ReplyId} in conversation {ConversationId} ended as {Status} {Code}")]
    private partial void LogEnded(Guid replyId, Guid conversationId, ReplyStatus status, string? code);

    [LoggerMessage(LogLevel.Information, "Reply {ReplyId} in conversation {ConversationId} is left to the next start")]
    private partial void LogLeft(Guid replyId, Guid conversationId);

    [LoggerMessage(LogLevel.Warning, "{Provider} {Model} failed for reply {ReplyId}: {Code}: {Detail}")]
    private partial void LogAttemptFailed(string provider, string model, Guid replyId, string code, string detail);

    [LoggerMessage(LogLevel.Warning, "The database is away, a reply waits to be stored: {Reason}")]
    private partial void LogWaitsForDatabase(string reason);

    [LoggerMessage(LogLevel.Warning, "The text of reply {ReplyId} could not be saved: {Reason}")]
    private partial void LogNotSaved(Guid replyId, string reason);

    /// <summary>One reply in the making, in the hands of its owner.</summary>
    private sealed class Giving
    {
        private readonly Lock _gate = new();
        private IReadOnlyList<Attempt> _attempts;

        public Giving(Claim claim, ConversationResponse conversation, LiveReply live)
        {
            (Claim, Conversation, Live) = (claim, conversation, live);
            // What was running when its process died.
            _attempts = [.. claim.Attempts.Select(attempt => attempt.Outcome is Running ? attempt with { Outcome = "interrupted" } : attempt)];
        }

        private const string Running = "running";

        public Claim Claim { get; }
        public ConversationResponse Conversation { get; }
        public LiveReply Live { get; }
        public IReadOnlyList<Candidate> Candidates { get; set; } = [];
        public ModelUsage? Usage { get; set; }
        public bool UsageIsEstimated { get; set; }
        public TimeSpan? FirstToken { get; set; }
        public Sender Speaker { get; private set; } = new(SenderType.Assistant, null, AssistantName);

        public Use Use => Conversation.Kind is ConversationKind.Support ? Use.Support : Use.Chat;

        public string SystemPrompt => Conversation.SystemPrompt is { Length: > 0 } prompt ? prompt : Use is Use.Support ? ReplyContext.SupportPrompt : ReplyContext.ChatPrompt;

        public int EstimatedTokens => TokenEstimate.Of(Live.Snapshot().Text);

        public IReadOnlyList<Attempt> Attempts
        {
            get
            {
                lock (_gate)
                    return _attempts;
            }
        }

        public void BeginAttempt(Candidate candidate)
        {
            FirstToken = null;
            Speaker = new Sender(SenderType.Assistant, candidate.Provider.Id, AssistantName);
            lock (_gate)
            {
                _attempts = [.. _attempts, new Attempt(candidate.Provider.Name, candidate.Model, Running, null, null)];
            }
        }

        public void EndAttempt(string outcome, int? tokens, string? detail)
        {
            lock (_gate)
            {
                if (_attempts.Count == 0 || _attempts[^1].Outcome is not Running)
                    return;
                var ended = _attempts[^1] with { Outcome = outcome, TtftMs = (int?)FirstToken?.TotalMilliseconds, Tokens = tokens, Detail = detail };
                _attempts = [.. _attempts.Take(_attempts.Count - 1), ended];
            }
        }
    }

    private const string AssistantName = "Assistant";
}

/// <summary>What the engine writes beside the text.</summary>
internal static class ReplyEvents
{
    public static JsonElement OfReply(Guid replyId, ReplyStatus status, string? code) => Write((replyId, status, code), static (json, reply) =>
    {
        json.WriteString("reply_id"u8, reply.replyId);
        if (reply.status is not ReplyStatus.Done)
        {
            json.WriteBoolean("truncated"u8, true);
            json.WriteString("reason"u8, reply.code);
        }
    });

    public static JsonElement OfFailure(string name, Guid replyId, string? code) => Write((name, replyId, code), static (json, failure) =>
    {
        json.WriteString("event"u8, failure.name);
        json.WriteString("reply_id"u8, failure.replyId);
        if (failure.code is not null)
            json.WriteString("code"u8, failure.code);
    });

    public static JsonElement OfUsage(ModelUsage usage, bool isEstimated) => Write((usage, isEstimated), static (json, of) =>
    {
        json.WriteNumber("input_tokens"u8, of.usage.InputTokens);
        json.WriteNumber("output_tokens"u8, of.usage.OutputTokens);
        if (of.usage.CachedTokens > 0)
            json.WriteNumber("cached_tokens"u8, of.usage.CachedTokens);
        if (of.isEstimated)
            json.WriteBoolean("estimated"u8, true);
    });

    private static JsonElement Write<TState>(TState state, Action<Utf8JsonWriter, TState> write)
    {
        var bytes = new System.Buffers.ArrayBufferWriter<byte>(128);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            write(json, state);
            json.WriteEndObject();
        }
        return JsonElement.Parse(bytes.WrittenSpan);
    }
}
