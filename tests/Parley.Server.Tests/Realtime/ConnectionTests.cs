using System.Text;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Xunit;

namespace Parley.Server.Tests.Realtime;

public sealed class ConnectionTests : IDisposable
{
    private readonly TestSockets _sockets = new(new RealtimeOptions { QueueFrames = 16, QueueBytes = 64 * 1024 });

    public void Dispose() => _sockets.Dispose();

    [Fact]
    public void What_is_sent_is_written_before_the_sender_goes_on()
    {
        var (connection, far) = _sockets.Open();

        Assert.True(connection.TrySend(Of("1")));

        Assert.Equal(["1"], far.Taken());
    }

    [Fact]
    public void Frames_queued_together_share_one_write()
    {
        var (connection, far) = _sockets.Open();

        for (var i = 0; i < 10; i++)
            connection.Enqueue(Of($"{i}"));
        connection.Flush();

        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), far.Taken());
        Assert.Equal(1, far.Writes);
    }

    [Fact]
    public async Task Frames_that_come_while_a_write_is_under_way_share_the_next_one()
    {
        var (connection, far) = _sockets.Open();
        far.Block();
        for (var i = 0; i < 10; i++)
            connection.TrySend(Of($"{i}"));

        far.Unblock();
        await connection.FlushAsync(CancellationToken.None);

        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), far.Taken());
        Assert.Equal(2, far.Writes);
    }

    [Fact]
    public async Task Who_does_not_read_is_closed_with_4008_and_what_waited_is_given_up()
    {
        var handler = new TestHandler();
        var (connection, far) = _sockets.Open(handler);
        far.Block();

        var accepted = Enumerable.Range(0, 100).TakeWhile(i => connection.TrySend(Of($"{i}"))).Count();
        far.Unblock();

        Assert.Equal(1 + 16, accepted); // the one that is being written, and a full queue
        Assert.False(connection.IsOpen);
        Assert.Equal("0", await far.NextAsync());
        Assert.StartsWith("close 4008", await far.NextAsync(), StringComparison.Ordinal);
        await far.SendAsync(ClientFrames.Close(4008));
        Assert.Equal(CloseCode.TooSlow, await handler.Closing);
    }

    [Fact]
    public void Bytes_are_bounded_as_frames_are()
    {
        var (connection, far) = _sockets.Open();
        far.Block();
        connection.TrySend(Of("first"));

        Assert.True(connection.TrySend(Of(new string('x', 40_000))));
        Assert.False(connection.TrySend(Of(new string('y', 40_000))));
    }

    [Fact]
    public void A_batch_longer_than_the_queue_is_no_slow_client()
    {
        var (connection, far) = _sockets.Open();

        for (var i = 0; i < 1000; i++)
            Assert.True(connection.Enqueue(Of($"{i}")));
        connection.Flush();

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"{i}"), far.Taken());
    }

    [Fact]
    public async Task A_write_that_is_stuck_ends_the_connection()
    {
        var handler = new TestHandler();
        var (connection, far) = _sockets.Open(handler);
        far.Block();
        connection.TrySend(Of("1"));

        _sockets.Time.Advance(TimeSpan.FromSeconds(_sockets.Options.SendTimeoutSeconds - 1));
        Assert.False(far.Aborted.IsCompleted);
        _sockets.Time.Advance(TimeSpan.FromSeconds(3));

        await far.Aborted.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(CloseCode.Aborted, await handler.Closing);
        Assert.False(connection.TrySend(Of("2")));
    }

    [Fact]
    public async Task A_silent_client_is_pinged_and_then_dropped()
    {
        var handler = new TestHandler();
        var (_, far) = _sockets.Open(handler);

        _sockets.Time.Advance(TimeSpan.FromSeconds(_sockets.Options.SilenceSeconds - 1));
        Assert.Equal(["ping", "ping"], far.Taken()); // at 25 and at 50
        Assert.False(far.Aborted.IsCompleted);
        _sockets.Time.Advance(TimeSpan.FromSeconds(1));

        await far.Aborted.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(CloseCode.Aborted, await handler.Closing);
    }

    [Fact]
    public async Task A_client_that_answers_pings_stays()
    {
        var (connection, far) = _sockets.Open();

        for (var i = 0; i < 10; i++)
        {
            _sockets.Time.Advance(TimeSpan.FromSeconds(_sockets.Options.PingSeconds));
            Assert.Equal("ping", await far.NextAsync());
            await far.SendAsync([.. ClientFrames.Encode(Opcode.Pong, []), .. ClientFrames.Encode(Opcode.Ping, "seen"u8)]);
            Assert.Equal("pong seen", await far.NextAsync());
        }

        Assert.True(connection.IsOpen);
        Assert.False(far.Aborted.IsCompleted);
    }

    [Fact]
    public async Task A_client_that_never_answers_the_close_is_cut_off()
    {
        var handler = new TestHandler();
        var (connection, far) = _sockets.Open(handler);
        connection.Close(CloseCode.Forbidden, "forbidden");

        _sockets.Time.Advance(TimeSpan.FromSeconds(_sockets.Options.CloseTimeoutSeconds + 1));

        await far.Aborted.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(CloseCode.Forbidden, await handler.Closing);
    }

    [Fact]
    public async Task What_was_sent_before_the_close_comes_before_it_and_nothing_after()
    {
        var (connection, far) = _sockets.Open();
        connection.Enqueue(Of("last words"));

        connection.Close(CloseCode.SessionExpired, "session_expired");

        Assert.False(connection.TrySend(Of("too late")));
        Assert.Equal("last words", await far.NextAsync());
        Assert.Equal("close 4009 session_expired", await far.NextAsync());
        await far.SendAsync(ClientFrames.Close(4009));
        await far.Running.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Empty(far.Taken());
    }

    [Theory]
    [InlineData(1000, "close 1000")]
    [InlineData(4999, "close 4999")]
    [InlineData(1005, "close 1002 bad close code")]
    [InlineData(5000, "close 1002 bad close code")]
    public async Task A_clients_close_is_answered(int code, string answer)
    {
        var (_, far) = _sockets.Open();

        await far.SendAsync(ClientFrames.Close(code));
        await far.Running.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal([answer], far.Taken());
    }

    [Fact]
    public async Task Messages_are_handled_one_at_a_time_and_in_order()
    {
        List<string> log = [];
        var gate = new TaskCompletionSource();
        var handler = new TestHandler
        {
            Received = async (_, text) =>
            {
                log.Add($"begin {text}");
                await gate.Task;
                log.Add($"end {text}");
            },
        };
        var (_, far) = _sockets.Open(handler);

        await far.SendAsync([.. ClientFrames.Text("1"), .. ClientFrames.Text("2"), .. ClientFrames.Close(1000)]);
        gate.SetResult();
        await far.Running.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(["begin 1", "end 1", "begin 2", "end 2"], log);
    }

    [Fact]
    public async Task Ten_malformed_messages_in_a_row_close_the_socket_and_nine_do_not()
    {
        var handler = new TestHandler
        {
            Received = (connection, text) =>
            {
                if (text is "bad")
                    connection.SendMalformed("bad");
                else
                    connection.TrySend(Of(text));
                return ValueTask.CompletedTask;
            },
        };
        var (_, far) = _sockets.Open(handler);
        var nine = Enumerable.Repeat(ClientFrames.Text("bad"), 9).SelectMany(frame => frame).ToArray();

        await far.SendAsync([.. nine, .. ClientFrames.Text("good"), .. nine, .. ClientFrames.Text("better"), .. nine, .. ClientFrames.Text("bad")]);
        for (var frame = ""; frame is not "better";)
            frame = await far.NextAsync();
        for (var i = 0; i < 10; i++)
            Assert.Equal("""{"type":"error","code":"malformed_frame","detail":"bad"}""", await far.NextAsync());

        Assert.StartsWith("close 1008", await far.NextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flood_is_closed_with_4029_and_no_more_of_it_is_handled()
    {
        var handled = 0;
        var handler = new TestHandler
        {
            Received = (_, _) =>
            {
                handled++;
                return ValueTask.CompletedTask;
            },
        };
        var (_, far) = _sockets.Open(handler);

        await far.SendAsync(Enumerable.Repeat(ClientFrames.Text("x"), 10_000).SelectMany(frame => frame).ToArray());

        Assert.StartsWith("close 4029", await far.NextAsync(), StringComparison.Ordinal);
        await far.SendAsync(ClientFrames.Close(4029));
        Assert.Equal(CloseCode.RateLimited, await handler.Closing);
        Assert.Equal(_sockets.Options.InboundBurst, handled);
    }

    [Fact]
    public async Task A_flood_of_empty_fragments_is_a_flood()
    {
        var (_, far) = _sockets.Open();
        var fragments = Enumerable.Repeat(ClientFrames.Encode(Opcode.Continuation, [], isLast: false), 1000).SelectMany(frame => frame);

        await far.SendAsync([.. ClientFrames.Encode(Opcode.Text, [], isLast: false), .. fragments]);

        Assert.StartsWith("close 4029", await far.NextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_allowance_fills_up_again()
    {
        var handler = new TestHandler { Received = (connection, text) => { connection.TrySend(Of(text)); return ValueTask.CompletedTask; } };
        var (connection, far) = _sockets.Open(handler);

        for (var round = 0; round < 5; round++)
        {
            await far.SendAsync(Enumerable.Repeat(ClientFrames.Text("x"), _sockets.Options.InboundBurst).SelectMany(frame => frame).ToArray());
            for (var i = 0; i < _sockets.Options.InboundBurst; i++)
                Assert.Equal("x", await far.NextAsync());
            _sockets.Time.Advance(TimeSpan.FromSeconds(_sockets.Options.InboundBurst / _sockets.Options.InboundFramesPerSecond));
        }

        Assert.True(connection.IsOpen);
    }

    [Fact]
    public async Task A_message_that_is_too_large_is_answered_before_the_close()
    {
        var (_, far) = _sockets.Open();

        await far.SendAsync(ClientFrames.Text(new string('x', 1024 * 1024)));

        Assert.Contains("\"frame_too_large\"", await far.NextAsync(), StringComparison.Ordinal);
        Assert.StartsWith("close 1009", await far.NextAsync(), StringComparison.Ordinal);
        await far.SendAsync(ClientFrames.Close(1009)); // understood although it comes behind the rest of the large frame
        await far.Running.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.False(far.Aborted.IsCompleted);
    }

    [Fact]
    public async Task A_handler_that_fails_costs_its_own_socket_only()
    {
        var handler = new TestHandler { Received = (_, _) => throw new InvalidOperationException("a bug") };
        var (_, far) = _sockets.Open(handler);
        var (other, otherFar) = _sockets.Open();

        await far.SendAsync(ClientFrames.Text("x"));

        Assert.StartsWith("close 1011", await far.NextAsync(), StringComparison.Ordinal);
        await far.SendAsync(ClientFrames.Close(1011));
        Assert.Equal(CloseCode.InternalError, await handler.Closing);
        Assert.True(other.TrySend(Of("alive")));
        Assert.Equal(["alive"], otherFar.Taken());
    }

    [Fact]
    public async Task Senders_on_many_threads_lose_nothing_and_keep_their_order()
    {
        using var sockets = new TestSockets(new RealtimeOptions { QueueFrames = 65_536 });
        var (connection, far) = sockets.Open();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(sender => Task.Run(() =>
        {
            for (var i = 0; i < 2_000; i++)
            {
                Assert.True(i % 3 == 0 ? connection.TrySend(Of($"{sender} {i}")) : connection.Enqueue(Of($"{sender} {i}")));
                if (i % 3 == 2)
                    connection.Flush();
            }
        })));
        await connection.FlushAsync(CancellationToken.None);

        var bySender = far.Taken().Select(frame => frame.Split(' ')).GroupBy(frame => frame[0], frame => int.Parse(frame[1])).ToList();
        Assert.Equal(4, bySender.Count);
        Assert.All(bySender, frames => Assert.Equal(Enumerable.Range(0, 2_000), frames));
    }

    [Fact]
    public async Task At_the_servers_stop_every_socket_gets_1012_and_the_stop_waits_for_the_answers()
    {
        var far = Enumerable.Range(0, 20).Select(_ => _sockets.Open().Far).ToList();

        var stopping = ((Microsoft.Extensions.Hosting.IHostedLifecycleService)_sockets.Sockets).StoppingAsync(CancellationToken.None);

        foreach (var end in far)
            Assert.Equal("close 1012 restarting", await end.NextAsync());
        Assert.False(stopping.IsCompleted);
        foreach (var end in far)
            await end.SendAsync(ClientFrames.Close(1012));
        await stopping.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, _sockets.Sockets.Count);
        Assert.Equal("close 1012 restarting", await _sockets.Open().Far.NextAsync());
    }

    private static Frame Of(string text) => Frame.Text(Encoding.UTF8.GetBytes(text));
}
