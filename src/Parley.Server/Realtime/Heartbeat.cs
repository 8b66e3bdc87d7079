namespace Parley.Server.Realtime;

/// <summary>The one timer of all connections, and a clock that costs a field's read: whole seconds since the start.</summary>
internal sealed partial class Heartbeat : IDisposable
{
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly ITimer _timer;
    private readonly ILogger<Heartbeat> _logger;
    private volatile int _seconds;
    private int _beating;

    public Heartbeat(TimeProvider time, ILogger<Heartbeat> logger)
    {
        (_time, _logger, _started) = (time, logger, time.GetTimestamp());
        _timer = time.CreateTimer(static self => ((Heartbeat)self!).Beat(), this, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    /// <summary>Raised about once a second, never twice at a time.</summary>
    public event Action? Beats;

    public int Seconds => _seconds;

    public void Dispose() => _timer.Dispose();

    private void Beat()
    {
        if (Interlocked.Exchange(ref _beating, 1) == 1)
            return; // the machine is so slow that the last beat still runs
        try
        {
            _seconds = (int)_time.GetElapsedTime(_started).TotalSeconds;
            Beats?.Invoke();
        }
        catch (Exception e)
        {
            LogFailed(e);
        }
        finally
        {
            Volatile.Write(ref _beating, 0);
        }
    }

    [LoggerMessage(LogLevel.Error, "The sweep over the sockets failed")]
    private partial void LogFailed(Exception exception);
}
