namespace Parley.Server.Assistants.Wire;

/// <summary>
/// Stands before <see cref="System.Net.ServerSentEvents.SseParser"/>, which buffers an event however long it is and drops the last one when no blank line
/// follows it: this ends a stream whose event grows too large, and adds the blank line at the end.
/// </summary>
internal sealed class EventCap(Stream inner, int maxEventBytes) : Stream
{
    private int _eventBytes;
    private bool _lineIsEmpty = true;
    private bool _sawReturn;
    private bool _ended;

    /// <summary>Whether the stream was ended because an event was too large.</summary>
    public bool Exceeded { get; private set; }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_ended || buffer.IsEmpty)
            return 0;
        var read = await inner.ReadAsync(buffer, cancellationToken);
        if (read == 0 && buffer.Length >= 2)
        {
            _ended = true;
            "\n\n"u8.CopyTo(buffer.Span);
            return 2;
        }
        if (Count(buffer.Span[..read]))
            return read;
        (Exceeded, _ended) = (true, true);
        return 0;
    }

    /// <summary>Follows the lines; false when an event has become too large.</summary>
    private bool Count(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOfAny((byte)'\n', (byte)'\r');
            var line = end < 0 ? bytes.Length : end;
            if (line > 0)
                (_lineIsEmpty, _sawReturn) = (false, false);
            _eventBytes += line;
            if (_eventBytes > maxEventBytes)
                return false;
            if (end < 0)
                return true;

            // CR, LF and CRLF each end a line; the LF of a CRLF ends none of its own.
            if (bytes[end] == '\n' && _sawReturn)
                _sawReturn = false;
            else
            {
                if (_lineIsEmpty)
                    _eventBytes = 0;
                else
                    _eventBytes++;
                _lineIsEmpty = true;
                _sawReturn = bytes[end] == '\r';
            }
            bytes = bytes[(end + 1)..];
        }
        return true;
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
