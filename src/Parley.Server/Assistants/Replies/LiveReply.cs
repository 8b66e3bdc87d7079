using System.Diagnostics.CodeAnalysis;
using System.Text;
using Parley.Server.Conversations;
using Parley.Server.Conversations.Timelines;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Parley.Server.Storage;

namespace Parley.Server.Assistants.Replies;

/// <summary>A piece of a reply for one who follows it.</summary>
/// <param name="Replaces">The text stands for everything that was said so far, not only for what is new.</param>
internal readonly record struct ReplyPiece(bool Replaces, int Index, string Text, string? Model);

/// <summary>How a reply ended.</summary>
internal sealed record ReplyEnd(ReplyStatus Status, string? Code, string? Detail, Entry? Message);

/// <summary>
/// A reply while it is given: its text as it grows, numbered piece by piece, and all who follow it. Everything that is said of it is said under one lock, so a
/// follower that joins under it misses nothing and hears nothing twice.
/// </summary>
internal sealed class LiveReply : IDisposable
{
    /// <summary>Words that come faster than this go out together.</summary>
    private static readonly TimeSpan _pace = TimeSpan.FromMilliseconds(25);

    /// <summary>A reply given anew counts on from here, so that nobody takes its pieces for those of the one that was lost.</summary>
    private const int IndexesBetweenLives = 1_000;

    private readonly Lock _gate;
    private readonly Topics _topics;
    private readonly TimeProvider _time;
    private readonly ITimer _paceTimer;
    private readonly CancellationTokenSource _cancel = new();
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _pending = new();
    private readonly List<int> _ends = [];
    private readonly HandoffMarker _marker = new();
    private readonly int _firstIndex;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _publishedAt;
    private bool _isWaiting;
    private bool _isSealed;

    /// <param name="gate">The conversation's; whoever joins holds it too.</param>
    /// <param name="lastIndex">Of the life that was lost; -1 for a new reply.</param>
    public LiveReply(Guid id, Guid tenantId, Guid conversationId, long answersSeq, int lastIndex, Lock gate, Topics topics, TimeProvider time)
    {
        (Id, TenantId, ConversationId, AnswersSeq, _gate, _topics, _time) = (id, tenantId, conversationId, answersSeq, gate, topics, time);
        _firstIndex = lastIndex < 0 ? 0 : lastIndex + IndexesBetweenLives;
        Index = _firstIndex - 1;
        _paceTimer = time.CreateTimer(static reply => ((LiveReply)reply!).PublishWaiting(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public Guid Id { get; }
    public Guid TenantId { get; }
    public Guid ConversationId { get; }

    /// <summary>It answers everything up to this entry.</summary>
    public long AnswersSeq { get; }

    public string? Model { get; private set; }

    /// <summary>Of the last piece that went out.</summary>
    public int Index { get; private set; }

    /// <summary>Characters said so far, those on their way out included.</summary>
    public int Length
    {
        get
        {
            lock (_gate)
                return _text.Length + _pending.Length;
        }
    }

    /// <summary>The model asked for a person.</summary>
    public bool AsksForPerson => _marker.WasSeen;

    public CancellationToken Cancelled => _cancel.Token;

    /// <summary>A person has taken over, or the conversation is not the AI's for another reason: nothing more is to be shown.</summary>
    public bool IsSilenced { get; private set; }

    public ReplyEnd? End { get; private set; }

    private Topic Topic => new(TopicKind.Reply, ConversationId);

    /// <summary>Tells that it begins, or that another model takes over before the first word.</summary>
    public void Begin(string model)
    {
        lock (_gate)
        {
            if (_isSealed)
                return;
            Model = model;
            Publish(StartFrame);
        }
    }

    /// <summary>Adds what the model said.</summary>
    public void Say(string said)
    {
        lock (_gate)
        {
            if (_isSealed)
                return;
            _pending.Append(_marker.Pass(said.Replace("\0", "", StringComparison.Ordinal)));
            if (_pending.Length == 0 || _isWaiting)
                return;
            var sinceLast = _time.GetElapsedTime(_publishedAt);
            if (_publishedAt == 0 || sinceLast >= _pace)
                Publish();
            else
                _isWaiting = _paceTimer.Change(_pace - sinceLast, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Has it stop soon; what it said is kept.</summary>
    public void Cancel() => _cancel.Cancel();

    /// <summary>Has it stop soon, and from this moment nobody hears more of it.</summary>
    public void Silence()
    {
        lock (_gate)
        {
            (IsSilenced, _isSealed) = (true, true);
            _pending.Clear();
        }
        // Not here: who waits for the token goes on in the thread that cancels.
        ThreadPool.UnsafeQueueUserWorkItem(static reply => reply.Cancel(), this, preferLocal: false);
    }

    /// <summary>Takes nothing more and tells the rest of what it took.</summary>
    /// <returns>All that was said.</returns>
    public string Seal()
    {
        lock (_gate)
        {
            if (!_isSealed)
            {
                _pending.Append(_marker.Rest());
                Publish();
                _isSealed = true;
            }
            return _text.ToString();
        }
    }

    /// <summary>Tells how it ended. Once.</summary>
    public void Finish(ReplyEnd end)
    {
        lock (_gate)
        {
            (End, _isSealed) = (end, true);
            Publish(view => EndFrame(end, view));
            SignalChange();
        }
    }

    /// <summary>What it has said so far. Call it under the conversation's lock to join without gap.</summary>
    public Frame StartFrame(EntryView view) => Frame.Text((Reply: this, view), static (json, start) =>
    {
        var (reply, view) = start;
        json.WriteStartObject();
        json.WriteString("type"u8, "reply.start"u8);
        json.WriteString("reply_id"u8, reply.Id);
        if (!view.IsVisitor)
            json.WriteString("model"u8, reply.Model);
        json.WriteString("text"u8, reply._text.ToString());
        json.WriteNumber("index"u8, reply.Index);
        json.WriteEndObject();
    });

    public RunningReply Snapshot()
    {
        lock (_gate)
            return new RunningReply(Id, Model, Index, _text.ToString());
    }

    /// <summary>What came after <paramref name="index"/>, together; the whole text when that is not a piece of this life.</summary>
    /// <param name="changed">Completes when there is more, or the end.</param>
    public bool TryRead(int index, out ReplyPiece piece, [NotNullWhen(false)] out Task? changed, out ReplyEnd? end)
    {
        lock (_gate)
        {
            (changed, end, piece) = (null, null, default);
            var isKnown = index >= _firstIndex - 1 && index <= Index;
            if (isKnown && index < Index)
            {
                var from = index < _firstIndex ? 0 : _ends[index - _firstIndex];
                piece = new ReplyPiece(Replaces: false, Index, _text.ToString(from, _text.Length - from), Model);
                return true;
            }
            if (!isKnown)
            {
                piece = new ReplyPiece(Replaces: true, Index, _text.ToString(), Model);
                return true;
            }
            changed = _changed.Task;
            end = End;
            return false;
        }
    }

    public void Dispose()
    {
        // The source of cancellation has nothing to dispose, and somebody may just be about to cancel.
        _paceTimer.Dispose();
    }

    private void PublishWaiting()
    {
        lock (_gate)
        {
            _isWaiting = false;
            if (!_isSealed)
                Publish();
        }
    }

    private void Publish()
    {
        if (_pending.Length == 0)
            return;
        var text = _pending.ToString();
        _pending.Clear();
        _text.Append(text);
        _ends.Add(_text.Length);
        Index++;
        _publishedAt = _time.GetTimestamp();
        _topics.Publish(Topic, DeltaFrame(text));
        SignalChange();
    }

    /// <summary>Publishes a frame of which the tenant's people and the visitor see different parts.</summary>
    private void Publish(Func<EntryView, Frame> frame)
    {
        _topics.Publish(Topic, frame(EntryView.Full), Audience.Staff);
        _topics.Publish(Topic, frame(EntryView.Visitor), Audience.Visitors);
    }

    private void SignalChange()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.SetResult();
    }

    private Frame DeltaFrame(string text) => Frame.Text((Reply: this, text), static (json, delta) =>
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "reply.delta"u8);
        json.WriteString("reply_id"u8, delta.Reply.Id);
        json.WriteNumber("index"u8, delta.Reply.Index);
        json.WriteString("text"u8, delta.text);
        json.WriteEndObject();
    });

    private Frame EndFrame(ReplyEnd end, EntryView view) => Frame.Text((Reply: this, end, view), static (json, ended) =>
    {
        var (reply, end, view) = ended;
        json.WriteStartObject();
        json.WriteString("type"u8, end.Message is null ? "reply.error"u8 : "reply.done"u8);
        json.WriteString("reply_id"u8, reply.Id);
        json.WriteString("status"u8, end.Status.Name());
        if (end.Message is { } stored && view.Of(stored) is { } message)
        {
            json.WritePropertyName("message"u8);
            EntryJson.Write(json, message);
        }
        else
        {
            // Why a model failed is no concern of a visitor; that a person has taken over or somebody stopped it is.
            var isInternal = view.IsVisitor && end.Status is ReplyStatus.Failed;
            json.WriteString("code"u8, isInternal ? end.Status.Name() : end.Code ?? end.Status.Name());
            json.WriteString("detail"u8, isInternal ? "The assistant could not answer." : end.Detail ?? "");
        }
        json.WriteEndObject();
    });
}

/// <summary>
/// The mark <c>[[handoff]]</c> in a model's answer asks for a person; it is never shown, nor is its beginning while it comes in pieces.
/// </summary>
internal sealed class HandoffMarker
{
    public const string Mark = "[[handoff]]";

    private string _held = "";

    public bool WasSeen { get; private set; }

    /// <summary>What of <paramref name="text"/>, and of what was held before, can be shown.</summary>
    public string Pass(string text)
    {
        if (_held.Length == 0 && !text.Contains('[', StringComparison.Ordinal))
            return text;
        text = _held + text;
        while (text.IndexOf(Mark, StringComparison.Ordinal) is var at and >= 0)
        {
            WasSeen = true;
            text = text.Remove(at, Mark.Length);
        }
        var held = Math.Min(text.Length, Mark.Length - 1);
        while (held > 0 && !Mark.StartsWith(text[^held..], StringComparison.Ordinal))
            held--;
        _held = text[^held..];
        return text[..^held];
    }

    /// <summary>What was held, now that nothing more comes.</summary>
    public string Rest()
    {
        var rest = _held;
        _held = "";
        return rest;
    }
}
