using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Parley.Server.Realtime;

/// <summary>Bounds of one socket; from the configuration's section <c>Realtime</c>.</summary>
internal sealed class RealtimeOptions
{
    /// <summary>Frames queued for one client before it is closed as too slow (4008). They are shared, so a full queue is mostly references.</summary>
    [Range(16, 65_536)]
    public int QueueFrames { get; set; } = 1024;

    /// <summary>Bytes queued for one client before it is closed as too slow (4008).</summary>
    [Range(64 * 1024, 64 * 1024 * 1024)]
    public int QueueBytes { get; set; } = 1024 * 1024;

    /// <summary>The longest message taken from a client; a longer one is answered with an error and closes the socket (1009).</summary>
    [Range(1024, 16 * 1024 * 1024)]
    public int MaxMessageBytes { get; set; } = 64 * 1024;

    /// <summary>Frames a client may send per second in the long run; 0 takes all that come.</summary>
    [Range(0, 1_000_000)]
    public int InboundFramesPerSecond { get; set; } = 50;

    /// <summary>Frames a client may send at once after a pause; more closes the socket (4029).</summary>
    [Range(1, 1_000_000)]
    public int InboundBurst { get; set; } = 250;

    /// <summary>A client that was not heard of for so long is asked for a sign of life.</summary>
    [Range(1, 3600)]
    public int PingSeconds { get; set; } = 25;

    /// <summary>A client that was not heard of for so long is dropped.</summary>
    [Range(2, 7200)]
    public int SilenceSeconds { get; set; } = 60;

    /// <summary>A write that makes no progress for so long ends the connection.</summary>
    [Range(1, 600)]
    public int SendTimeoutSeconds { get; set; } = 10;

    /// <summary>How long a client may take to answer a close.</summary>
    [Range(1, 60)]
    public int CloseTimeoutSeconds { get; set; } = 3;

    /// <summary>How long the server's stop waits for its sockets to close.</summary>
    [Range(1, 60)]
    public int StopSeconds { get; set; } = 5;

    /// <summary>How long a person stays present after the last socket has closed: a reload of the page is no absence.</summary>
    [Range(0, 600)]
    public int PresenceGraceSeconds { get; set; } = 5;
}

[OptionsValidator]
internal sealed partial class RealtimeOptionsValidator : IValidateOptions<RealtimeOptions>;
