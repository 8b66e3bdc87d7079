using System.Runtime.InteropServices;

namespace Parley.Load.Client;

/// <summary>The few calls of Linux that let one thread play ten thousand clients.</summary>
internal static unsafe partial class Libc
{
    public const int Again = 11;
    public const int InProgress = 115;
    public const int Interrupted = 4;
    public const int Terminate = 15;
    public const uint Readable = 0x001;
    public const uint Writable = 0x004;
    public const int Add = 1;
    public const int Modify = 3;

    /// <summary>Without SIGPIPE when the peer has gone.</summary>
    public const int NoSignal = 0x4000;

    private const int InterNetwork = 2;
    private const int Stream = 1;
    private const int NonBlocking = 0x800;
    private const int Tcp = 6;
    private const int NoDelay = 1;

    // epoll_event is packed on x86-64 alone.
    private static readonly bool _packed = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    public static int EventSize => _packed ? 12 : 16;
    public static int EventKeyOffset => _packed ? 4 : 8;

    /// <summary>Begins to connect to <paramref name="port"/> on loopback; the handle does not block and sends at once.</summary>
    public static int Connect(int port)
    {
        var handle = Socket(InterNetwork, Stream | NonBlocking, Tcp);
        if (handle < 0)
            throw new IOException($"socket: error {Marshal.GetLastPInvokeError()}; is the limit of open files too low?");
        var on = 1;
        _ = SetSocketOption(handle, Tcp, NoDelay, &on, sizeof(int));
        // sockaddr_in: family, port and address in network order, eight zeros
        var address = stackalloc byte[16];
        new Span<byte>(address, 16).Clear();
        *(ushort*)address = InterNetwork;
        address[2] = (byte)(port >> 8);
        address[3] = (byte)port;
        address[4] = 127;
        address[7] = 1;
        if (Connect(handle, address, 16) < 0 && Marshal.GetLastPInvokeError() is var error and not InProgress)
            throw new IOException($"connect: error {error}");
        return handle;
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "setsockopt")]
    private static partial int SetSocketOption(int handle, int level, int name, void* value, int length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int Connect(int handle, byte* address, int length);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int handle, byte* buffer, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int handle, byte* buffer, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    public static partial int Close(int handle);

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    public static partial int CreateEpoll(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    public static partial int ControlEpoll(int epoll, int operation, int handle, byte* change);

    /// <summary>Waits with a limit in nanoseconds: whole milliseconds would send paced messages in bursts. Linux 5.11.</summary>
    [LibraryImport("libc", EntryPoint = "epoll_pwait2", SetLastError = true)]
    public static partial int WaitEpoll(int epoll, byte* events, int count, TimeLimit* limit, void* signals);

    [LibraryImport("libc", EntryPoint = "kill")]
    public static partial int Kill(int process, int signal);

    [StructLayout(LayoutKind.Sequential)]
    public record struct TimeLimit(long Seconds, long Nanoseconds);
}
