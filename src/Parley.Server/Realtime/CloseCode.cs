namespace Parley.Server.Realtime;

/// <summary>Why a socket was closed: RFC 6455 §7.4.1 and, from 4000, our own, which mirror HTTP's statuses.</summary>
internal enum CloseCode : ushort
{
    None = 0,
    Normal = 1000,
    GoingAway = 1001,
    ProtocolError = 1002,
    UnsupportedType = 1003,

    /// <summary>Never sent: the peer's close had no code.</summary>
    NoCode = 1005,

    /// <summary>Never sent: the connection broke.</summary>
    Aborted = 1006,
    InvalidText = 1007,
    PolicyViolation = 1008,
    TooLarge = 1009,
    InternalError = 1011,
    Restarting = 1012,
    Unauthenticated = 4001,
    Forbidden = 4003,
    NotFound = 4004,

    /// <summary>The client reads slower than is sent to it; it comes back with <c>after_seq</c>.</summary>
    TooSlow = 4008,
    SessionExpired = 4009,
    RateLimited = 4029,
}
