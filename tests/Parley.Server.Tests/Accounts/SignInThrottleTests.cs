using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Accounts;

public sealed class SignInThrottleTests
{
    private readonly ManualTime _time = new();
    private readonly SignInThrottle _throttle;

    public SignInThrottleTests() => _throttle = new(_time);

    [Fact]
    public void The_sixth_guess_waits_and_each_one_after_it_twice_as_long()
    {
        var waits = new List<TimeSpan>();
        for (var attempt = 0; attempt < 9; attempt++)
        {
            while (!_throttle.TryBegin("ada", $"10.0.0.{attempt}", out var wait))
            {
                waits.Add(wait);
                _time.Advance(wait);
            }
        }

        Assert.Equal([1, 2, 4, 8], waits.Select(wait => wait.TotalSeconds));
    }

    [Fact]
    public void The_right_password_wipes_the_slate()
    {
        for (var attempt = 0; attempt < 4; attempt++)
            Assert.True(_throttle.TryBegin("Ada ", "10.0.0.1", out _));
        _throttle.Succeeded("ada", "10.0.0.1");

        for (var attempt = 0; attempt < 5; attempt++)
            Assert.True(_throttle.TryBegin("ADA", "10.0.0.1", out _));
    }

    [Fact]
    public void An_address_that_tries_one_account_after_another_waits_too()
    {
        var attempts = 0;
        while (_throttle.TryBegin($"account{attempts}", "10.0.0.1", out _))
            attempts++;

        Assert.Equal(30, attempts);
        Assert.True(_throttle.TryBegin("account0", "10.0.0.2", out _));
    }

    [Fact]
    public void Of_a_hundred_guesses_at_once_five_are_heard()
    {
        var heard = 0;
        Parallel.For(0, 100, i => Interlocked.Add(ref heard, _throttle.TryBegin("ada", $"10.0.1.{i}", out _) ? 1 : 0));

        Assert.Equal(5, heard);
    }

    private sealed class ManualTime : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => _now;

        public void Advance(TimeSpan by) => _now += by;
    }
}
