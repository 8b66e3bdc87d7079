using System.Buffers;
using System.Buffers.Binary;
using Parley.Server.Realtime.Wire;

namespace Parley.Server.Realtime;

/// <summary>
/// One client's WebSocket over any duplex stream. Any thread queues frames; whoever flushes writes them itself, all that wait in one write, unless a write is
/// under way, which then goes on with them. Who reads too slowly is closed with 4008 and resumes with <c>after_seq</c>, so memory is bounded.
/// </summary>
internal sealed class Connection
{
    private const int MaxMalformedInARow = 10;

    private readonly Sockets _sockets;
    private readonly Stream _stream;
    private readonly Action _abort;
    private readonly ISocketHandler _handler;
    private readonly Lock _gate = new();

    // Inbound: the reading loop's alone
    private FrameReader _reader;
    private int _allowance;
    private int _allowanceAt;
    private int _malformed;

    // Outbound: under _gate
    private FrameQueue _queue;
    private bool _isWriting;
    private volatile State _state;
    private CloseCode _closeCode;
    private TaskCompletionSource? _idle;
    private Task _writing = Task.CompletedTask;
    private Subscription? _subscriptions;

    // Seconds of the heartbeat's clock
    private volatile int _heardAt;
    private volatile int _pingedAt;
    private volatile int _writingSince = -1;
    private volatile int _closingSince;

    /// <param name="stream">Both ways, after the handshake; one loop reads it, one writer at a time writes it.</param>
    /// <param name="abort">Ends the transport at once and from any thread, so that pending reads and writes fail.</param>
    public Connection(Sockets sockets, Stream stream, Action abort, ISocketHandler handler)
    {
        (_sockets, _stream, _abort, _handler) = (sockets, stream, abort, handler);
        _reader = new FrameReader(sockets.Options.MaxMessageBytes);
        _allowance = sockets.Options.InboundBurst;
        _heardAt = _pingedAt = _allowanceAt = sockets.Clock.Seconds;
    }

    private enum State
    {
        Open,

        /// <summary>A close is queued or sent; nothing comes behind it.</summary>
        Closing,
        Closed,
    }

    /// <summary>False once a close was sent or received, or the connection broke.</summary>
    public bool IsOpen => _state is State.Open;

    /// <summary>How it ended; meaningful once <see cref="RunAsync"/> has.</summary>
    internal CloseCode CloseCode => _closeCode;

    internal int QueueFrames => _sockets.Options.QueueFrames;

    /// <summary>Its place in <see cref="Sockets"/>, which alone reads and writes it.</summary>
    internal int Slot { get; set; }

    /// <summary>Queues a frame and writes it, here and now unless a write is under way; never waits.</summary>
    /// <returns>False when the client has left or has fallen too far behind.</returns>
    public bool TrySend(Frame frame) => TryQueue(frame, isFlushing: true, out _);

    /// <summary>Queues a frame for the caller's next <see cref="Flush"/>, so that several share one write.</summary>
    /// <returns>False when the client has left or has fallen too far behind.</returns>
    public bool Enqueue(Frame frame) => TryQueue(frame, isFlushing: false, out _);

    /// <summary>Writes what waits, unless a write is under way, which then goes on with it.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            if (_isWriting || _queue.Count == 0)
                return;
            _isWriting = true;
        }
        Write();
    }

    /// <summary>Writes what waits and returns when the queue is empty: for replays that are longer than it. True while the connection is open.</summary>
    public async ValueTask<bool> FlushAsync(CancellationToken cancellationToken)
    {
        Flush();
        await IdleAsync().WaitAsync(cancellationToken);
        return IsOpen;
    }

    /// <summary>Answers with <c>error {code, detail, client_id?}</c>.</summary>
    public bool SendError(string code, string detail, string? clientId = null) =>
        TrySend(Frame.Text((code, detail, clientId), static (json, error) =>
        {
            json.WriteStartObject();
            json.WriteString("type", "error");
            json.WriteString("code", error.code);
            json.WriteString("detail", error.detail);
            if (error.clientId is not null)
                json.WriteString("client_id", error.clientId);
            json.WriteEndObject();
        }));

    /// <summary>Answers a message that could not be understood, from within <see cref="ISocketHandler.ReceivedAsync"/>; the tenth in a row closes the socket (1008).</summary>
    public void SendMalformed(string detail, string? clientId = null)
    {
        SendError("malformed_frame", detail, clientId);
        if (++_malformed >= MaxMalformedInARow)
            Close(CloseCode.PolicyViolation, "too many malformed frames");
    }

    /// <summary>
    /// Sends what is queued, then the close; the connection ends when the client has answered or has taken too long. Later calls change nothing.
    /// </summary>
    public void Close(CloseCode code, string reason)
    {
        bool mustWrite;
        lock (_gate)
            mustWrite = BeginClosing(code, Frame.Close(code, reason));
        if (mustWrite)
            Write();
    }

    /// <summary>Gives up what is queued and closes with 4008.</summary>
    internal void CloseTooSlow()
    {
        bool mustWrite;
        lock (_gate)
            mustWrite = BeginClosingTooSlow();
        if (mustWrite)
            Write();
    }

    /// <summary>As <see cref="Enqueue"/>.</summary>
    /// <param name="mustFlush">True for the first of the frames that wait: nobody else is about to flush.</param>
    internal bool TryEnqueue(Frame frame, out bool mustFlush) => TryQueue(frame, isFlushing: false, out mustFlush);

    /// <summary>Reads until the connection ends, whichever side ends it. Does not throw.</summary>
    internal async Task RunAsync()
    {
        var isOpened = IsOpen;
        try
        {
            if (isOpened)
                await OpenAsync();
            await ReadAsync();
        }
        catch (Exception e)
        {
            if (!IsDisconnect(e)) // gone without a word: the usual end on a mobile network
                _sockets.LogFailed(e);
        }
        await EndAsync();
        if (isOpened)
            TellClosed();
    }

    /// <summary>Called by the heartbeat: pings who is quiet, drops who is silent or stuck.</summary>
    internal void Beat(int now)
    {
        var options = _sockets.Options;
        var silence = now - _heardAt;
        var writingSince = _writingSince;
        if (silence >= options.SilenceSeconds
            || (writingSince >= 0 && now - writingSince > options.SendTimeoutSeconds)
            || (_state is State.Closing && now - _closingSince > options.CloseTimeoutSeconds))
        {
            Abort();
        }
        else if (silence >= options.PingSeconds && now - _pingedAt >= options.PingSeconds)
        {
            _pingedAt = now;
            TrySend(Frame.Ping);
        }
    }

    /// <summary>Ends the transport at once; <see cref="RunAsync"/> ends soon after.</summary>
    internal void Abort() => _abort();

    /// <summary>Ties a subscription to the connection's life; false when that is over.</summary>
    internal bool TryAdd(Subscription subscription)
    {
        lock (_gate)
        {
            if (_state is State.Closed)
                return false;
            (subscription.NextOfConnection, _subscriptions) = (_subscriptions, subscription);
            return true;
        }
    }

    internal void Remove(Subscription subscription)
    {
        lock (_gate)
        {
            if (_subscriptions == subscription)
                _subscriptions = subscription.NextOfConnection;
            for (var at = _subscriptions; at is not null; at = at.NextOfConnection)
            {
                if (at.NextOfConnection == subscription)
                    at.NextOfConnection = subscription.NextOfConnection;
            }
        }
    }

    private static bool IsDisconnect(Exception e) => e is IOException or OperationCanceledException or ObjectDisposedException;

    // The handler's calls: what it throws is a bug in it, and costs its own socket only.

    private async ValueTask OpenAsync()
    {
        try
        {
            await _handler.OpenedAsync(this);
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private async ValueTask HandAsync(ReadOnlyMemory<byte> message)
    {
        var malformed = _malformed;
        try
        {
            await _handler.ReceivedAsync(message);
        }
        catch (Exception e)
        {
            Fail(e);
        }
        if (_malformed == malformed)
            _malformed = 0;
    }

    private void TellClosed()
    {
        try
        {
            _handler.Closed(_closeCode);
        }
        catch (Exception e)
        {
            _sockets.LogFailed(e);
        }
    }

    private void Fail(Exception e)
    {
        _sockets.LogFailed(e);
        Close(CloseCode.InternalError, "internal error");
    }

    private async Task ReadAsync()
    {
        while (true)
        {
            if (_state is not State.Open)
                await Task.Yield(); // whatever still comes is thrown away, and not at the cost of the polling thread
            if (_reader.IsEmpty)
                _ = await _stream.ReadAsync(Memory<byte>.Empty, CancellationToken.None); // waits without holding a buffer
            var read = await _stream.ReadAsync(_reader.GetSpace(), CancellationToken.None);
            if (read == 0)
                return;
            _reader.Advance(read);
            var charged = _reader.Frames;
            bool isMessage;
            do
            {
                isMessage = _reader.TryRead(out var incoming, out var payload);
                Charge(_reader.Frames - charged);
                charged = _reader.Frames;
                if (!isMessage)
                    continue;
                if (incoming is Incoming.Close)
                {
                    AnswerClose(payload.Span);
                    await IdleAsync();
                    return;
                }
                if (_state is not State.Open)
                    continue; // only the client's close is still waited for
                if (incoming is Incoming.Text)
                    await HandAsync(payload);
                else
                    Answer(incoming, payload.Span);
            }
            while (isMessage);
        }
    }

    /// <summary>Takes the cost of frames from the client's allowance, which fills up every second.</summary>
    private void Charge(int frames)
    {
        if (frames == 0)
            return;
        var now = _sockets.Clock.Seconds;
        _heardAt = now;
        _sockets.Metrics.Received(frames);
        var options = _sockets.Options;
        if (options.InboundFramesPerSecond == 0)
            return;
        if (now != _allowanceAt)
        {
            var gained = (long)(now - _allowanceAt) * options.InboundFramesPerSecond;
            _allowance = (int)Math.Min(options.InboundBurst, _allowance + gained);
            _allowanceAt = now;
        }
        _allowance = Math.Max(-1, _allowance - frames);
        if (_allowance < 0)
            Close(CloseCode.RateLimited, "too many frames");
    }

    private void Answer(Incoming incoming, ReadOnlySpan<byte> payload)
    {
        switch (incoming)
        {
            case Incoming.Ping:
                TrySend(Frame.Control(Opcode.Pong, payload));
                break;
            case Incoming.TooLarge:
                SendError("frame_too_large", $"A message may have up to {_sockets.Options.MaxMessageBytes} bytes.");
                Close(CloseCode.TooLarge, "message too large");
                break;
            case Incoming.Binary:
                Close(CloseCode.UnsupportedType, "text messages only");
                break;
            case Incoming.InvalidText:
                Close(CloseCode.InvalidText, "not UTF-8");
                break;
            case Incoming.ProtocolError:
                Close(CloseCode.ProtocolError, "not a masked WebSocket frame");
                break;
        }
    }

    private void AnswerClose(ReadOnlySpan<byte> payload)
    {
        // RFC 6455 §5.5.1: nothing, or a code of two bytes that the answer repeats
        var code = payload.Length >= sizeof(ushort) ? (CloseCode)BinaryPrimitives.ReadUInt16BigEndian(payload) : CloseCode.NoCode;
        var isLegal = payload.Length is 0 || (ushort)code is >= 1000 and < 5000 and not (1004 or 1005 or 1006 or 1015);
        bool mustWrite;
        lock (_gate)
        {
            mustWrite = isLegal
                ? BeginClosing(Enum.IsDefined(code) ? code : CloseCode.Normal, Frame.Control(Opcode.Close, payload[..Math.Min(payload.Length, sizeof(ushort))]))
                : BeginClosing(CloseCode.ProtocolError, Frame.Close(CloseCode.ProtocolError, "bad close code"));
        }
        if (mustWrite)
            Write();
    }

    private async Task EndAsync()
    {
        Subscription? subscription;
        lock (_gate)
        {
            _state = State.Closed;
            if (_closeCode is CloseCode.None)
                _closeCode = CloseCode.Aborted;
            _queue.Clear();
            (subscription, _subscriptions) = (_subscriptions, null);
        }
        for (; subscription is not null; subscription = subscription.NextOfConnection)
            subscription.Leave();
        await IdleAsync(); // the stream goes back to its owner: nobody may write any more. The heartbeat cuts off who is stuck.
        await _writing;
        _reader.Release();
    }

    /// <summary>Queues a frame and, if <paramref name="isFlushing"/>, sees to it that it is written.</summary>
    private bool TryQueue(Frame frame, bool isFlushing, out bool isFirst)
    {
        isFirst = false;
        lock (_gate)
        {
            if (_state is not State.Open)
                return false;
            var options = _sockets.Options;
            if (_queue.Count >= options.QueueFrames || _queue.Bytes + frame.Length > options.QueueBytes)
            {
                if (_isWriting)
                {
                    BeginClosingTooSlow(); // the writer goes on with the close
                    return false;
                }
                isFlushing = true; // a long batch, not a slow client
            }
            _queue.Add(frame);
            if (_isWriting)
                return true;
            if (!isFlushing)
            {
                isFirst = _queue.Count == 1;
                return true;
            }
            _isWriting = true;
        }
        Write();
        return true;
    }

    /// <summary>Under the gate. True when the caller has become the writer.</summary>
    private bool BeginClosing(CloseCode code, Frame close)
    {
        if (_state is not State.Open)
            return false;
        _state = State.Closing;
        _closeCode = code;
        _closingSince = _sockets.Clock.Seconds;
        _queue.Add(close);
        if (_isWriting)
            return false;
        return _isWriting = true;
    }

    private bool BeginClosingTooSlow()
    {
        if (_state is not State.Open)
            return false;
        _queue.Clear();
        _sockets.Metrics.Overflowed();
        return BeginClosing(CloseCode.TooSlow, Frame.Close(CloseCode.TooSlow, "reads too slowly; reconnect with after_seq"));
    }

    /// <summary>Only for who set <see cref="_isWriting"/>. All is written on return, unless the transport is full: then it goes on when there is room.</summary>
    private void Write()
    {
        _writingSince = _sockets.Clock.Seconds;
        try
        {
            while (TryTake(out var bytes, out var rented))
            {
                var write = _stream.WriteAsync(bytes, CancellationToken.None);
                if (!write.IsCompletedSuccessfully)
                {
                    _writing = WriteOnAsync(write, rented);
                    return;
                }
#pragma warning disable VSTHRD002 // It has completed: this hands the stream its own back, and does not wait.
                write.GetAwaiter().GetResult();
#pragma warning restore VSTHRD002
                Return(rented);
            }
        }
        catch (Exception e)
        {
            Break(e);
        }
    }

    private async Task WriteOnAsync(ValueTask write, byte[]? rented)
    {
        try
        {
            while (true)
            {
                await write;
                Return(rented);
                if (!TryTake(out var bytes, out rented))
                    return;
                _writingSince = _sockets.Clock.Seconds; // it moves
                write = _stream.WriteAsync(bytes, CancellationToken.None);
            }
        }
        catch (Exception e)
        {
            Break(e);
        }
    }

    /// <summary>Takes what the next write shall carry; false when nothing waits, and then the caller is the writer no longer.</summary>
    private bool TryTake(out ReadOnlyMemory<byte> bytes, out byte[]? rented)
    {
        lock (_gate)
        {
            if (_queue.Count == 0)
            {
                (bytes, rented) = (default, null);
                EndWriting();
                return false;
            }
            var frames = _queue.Take(out bytes, out rented);
            _sockets.Metrics.Wrote(frames, bytes.Length);
            return true;
        }
    }

    private static void Return(byte[]? rented)
    {
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
    }

    /// <summary>The transport failed under a write.</summary>
    private void Break(Exception failure)
    {
        if (!IsDisconnect(failure))
            _sockets.LogFailed(failure);
        lock (_gate)
        {
            _state = State.Closed;
            _queue.Clear();
            EndWriting();
        }
        Abort();
    }

    private void EndWriting()
    {
        _isWriting = false;
        _writingSince = -1;
        _idle?.SetResult();
        _idle = null;
    }

    /// <summary>Completes when nobody writes: at once, or when the writer has found the queue empty.</summary>
    private Task IdleAsync()
    {
        lock (_gate)
        {
            if (!_isWriting)
                return Task.CompletedTask;
            return (_idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }
}
