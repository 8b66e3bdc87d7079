using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Parley.Load.Client;

/// <summary>Tells which of many sockets can be read or written; level-triggered epoll.</summary>
internal sealed unsafe class Poller : IDisposable
{
    private const int Most = 1024;
    private readonly int _epoll = Libc.CreateEpoll(0);
    private readonly byte* _events = (byte*)NativeMemory.AllocZeroed(Most, (nuint)Libc.EventSize);

    public void Add(int handle, int key, bool writable) => Control(Libc.Add, handle, key, writable);

    public void Modify(int handle, int key, bool writable) => Control(Libc.Modify, handle, key, writable);

    /// <returns>How many are ready; ask each by <see cref="Ready"/>.</returns>
    public int Wait(TimeSpan limit)
    {
        var time = new Libc.TimeLimit((long)limit.TotalSeconds, (long)limit.TotalNanoseconds % 1_000_000_000);
        var ready = Libc.WaitEpoll(_epoll, _events, Most, &time, null);
        if (ready >= 0)
            return ready;
        return Marshal.GetLastPInvokeError() is var error and not Libc.Interrupted ? throw new IOException($"epoll_pwait2: error {error}") : 0;
    }

    public (int Key, bool Readable, bool Writable) Ready(int position)
    {
        var entry = _events + position * Libc.EventSize;
        var events = *(uint*)entry;
        // Hang-up and error count as readable: reading tells what happened.
        return (BinaryPrimitives.ReadInt32LittleEndian(new(entry + Libc.EventKeyOffset, 4)), (events & ~Libc.Writable) != 0, (events & Libc.Writable) != 0);
    }

    public void Dispose()
    {
        _ = Libc.Close(_epoll);
        NativeMemory.Free(_events);
    }

    private void Control(int operation, int handle, int key, bool writable)
    {
        var change = stackalloc byte[Libc.EventSize];
        *(uint*)change = Libc.Readable | (writable ? Libc.Writable : 0);
        BinaryPrimitives.WriteInt64LittleEndian(new(change + Libc.EventKeyOffset, 8), key);
        if (Libc.ControlEpoll(_epoll, operation, handle, change) < 0)
            throw new IOException($"epoll_ctl: error {Marshal.GetLastPInvokeError()}");
    }
}
