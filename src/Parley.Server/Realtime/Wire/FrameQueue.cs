using System.Buffers;

namespace Parley.Server.Realtime.Wire;

/// <summary>
/// Frames that wait to be written. The first has a field of its own, for seldom is there a second. A mutable struct: keep it in a field, and under its owner's lock.
/// </summary>
internal struct FrameQueue
{
    /// <summary>Frames that wait together are copied into one write of up to this many bytes.</summary>
    private const int WriteBytes = 64 * 1024;
    private const int KeptCapacity = 16;

    private Frame? _next;
    private Queue<Frame>? _rest;

    public int Count { get; private set; }

    public int Bytes { get; private set; }

    public void Add(Frame frame)
    {
        if (Count == 0)
            _next = frame;
        else
            (_rest ??= new Queue<Frame>(KeptCapacity)).Enqueue(frame);
        Count++;
        Bytes += frame.Length;
    }

    public void Clear() => this = default;

    /// <summary>Takes what one write shall carry; the queue must not be empty.</summary>
    /// <param name="rented">To be returned to the shared pool after the write; null when the only frame is written as it is.</param>
    /// <returns>How many frames that is.</returns>
    public int Take(out ReadOnlyMemory<byte> bytes, out byte[]? rented)
    {
        rented = null;
        if (Count == 1 || _next!.Length >= WriteBytes)
        {
            bytes = Next().Wire;
            return 1;
        }
        rented = ArrayPool<byte>.Shared.Rent(Math.Min(Bytes, WriteBytes));
        var (frames, length) = (0, 0);
        while (Count > 0 && length + _next!.Length <= rented.Length)
        {
            var frame = Next();
            frame.Wire.Span.CopyTo(rented.AsSpan(length));
            length += frame.Length;
            frames++;
        }
        bytes = rented.AsMemory(0, length);
        if (Count == 0 && _rest!.Capacity > KeptCapacity)
            _rest = null; // a burst's array is not kept for the rest of an idle life
        return frames;
    }

    private Frame Next()
    {
        var frame = _next!;
        _next = --Count > 0 ? _rest!.Dequeue() : null;
        Bytes -= frame.Length;
        return frame;
    }
}
