using System.Globalization;
using System.Text;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Xunit;

namespace Parley.Server.Tests.Realtime;

public sealed class TopicsTests : IDisposable
{
    private static readonly Topic _topic = new(TopicKind.Conversation, Guid.CreateVersion7());
    private readonly TestSockets _sockets = new(new RealtimeOptions { QueueFrames = 65_536 });

    private Topics Topics => _sockets.Topics;

    public void Dispose() => _sockets.Dispose();

    [Fact]
    public void A_frame_reaches_who_follows_its_topic_and_nobody_else()
    {
        var (follower, far) = _sockets.Open();
        var (other, otherFar) = _sockets.Open();
        Topics.Subscribe(_topic, follower, Audience.Everyone);
        Topics.Subscribe(_topic with { Kind = TopicKind.Reply }, other, Audience.Everyone);

        Topics.Publish(_topic, Of(1));

        Assert.Equal(["1"], far.Taken());
        Assert.Empty(otherFar.Taken());
    }

    [Fact]
    public void What_is_for_staff_does_not_reach_visitors_nor_the_other_way_round()
    {
        var (visitor, visitorFar) = _sockets.Open();
        var (agent, agentFar) = _sockets.Open();
        Topics.Subscribe(_topic, visitor, Audience.Everyone);
        Topics.Subscribe(_topic, agent, Audience.Staff);

        Topics.Publish(_topic, Of(1), Audience.Staff);
        Topics.Publish(_topic, Of(2), Audience.Visitors);
        Topics.Publish(_topic, Of(3));

        Assert.Equal(["2", "3"], visitorFar.Taken());
        Assert.Equal(["1", "3"], agentFar.Taken());
    }

    [Fact]
    public async Task An_ended_connection_follows_nothing_any_more()
    {
        var (connection, far) = _sockets.Open();
        Topics.Subscribe(_topic, connection, Audience.Everyone);

        far.Hangup();
        await far.Running.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.False(Topics.IsFollowed(_topic));
        Topics.Subscribe(_topic, connection, Audience.Everyone);
        Assert.False(Topics.IsFollowed(_topic));
    }

    [Fact]
    public void Who_unsubscribes_gets_no_more_and_the_others_do()
    {
        var (leaver, leaverFar) = _sockets.Open();
        var (stayer, stayerFar) = _sockets.Open();
        var subscription = Topics.Subscribe(_topic, leaver, Audience.Everyone);
        Topics.Subscribe(_topic, stayer, Audience.Everyone);

        subscription.Dispose();
        Topics.Publish(_topic, Of(1));

        Assert.Empty(leaverFar.Taken());
        Assert.Equal(["1"], stayerFar.Taken());
    }

    [Fact]
    public async Task In_a_large_room_all_get_everything_in_order_while_members_come_and_go()
    {
        var members = Enumerable.Range(0, 200).Select(_ => _sockets.Open()).ToList();
        foreach (var (connection, _) in members)
            Topics.Subscribe(_topic, connection, Audience.Everyone);
        using var stop = new CancellationTokenSource();
        var guests = Task.Run(() =>
        {
            var (guest, _) = _sockets.Open();
            while (!stop.IsCancellationRequested)
                Enumerable.Range(0, 100).Select(_ => Topics.Subscribe(_topic, guest, Audience.Everyone)).ToList().ForEach(subscription => subscription.Dispose());
        });

        for (var i = 0; i < 500; i++)
            Topics.Publish(_topic, Of(i));
        await stop.CancelAsync();
        await guests;

        foreach (var (_, far) in members)
        {
            for (var i = 0; i < 500; i++)
                Assert.Equal($"{i}", await far.NextAsync());
        }
    }

    [Fact]
    public void A_batch_writes_once_to_each_connection()
    {
        var (one, oneFar) = _sockets.Open();
        var (two, twoFar) = _sockets.Open();
        Topics.Subscribe(_topic, one, Audience.Everyone);
        Topics.Subscribe(_topic, two, Audience.Everyone);
        var batch = new DeliveryBatch(Topics);

        for (var i = 0; i < 10; i++)
        {
            batch.Publish(_topic, Of(i));
            batch.Send(one, Of(100 + i));
        }
        Assert.Equal(0, oneFar.Writes);
        batch.Flush();

        Assert.Equal(Enumerable.Range(0, 10).SelectMany(i => new[] { $"{i}", $"{100 + i}" }), oneFar.Taken());
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), twoFar.Taken());
        Assert.Equal((1, 1), (oneFar.Writes, twoFar.Writes));
    }

    [Fact]
    public void Delivering_allocates_nothing_per_recipient()
    {
        const int Members = 10;
        foreach (var _ in Enumerable.Range(0, Members))
            Topics.Subscribe(_topic, new Connection(_sockets.Sockets, Stream.Null, static () => { }, new TestHandler()), Audience.Everyone);
        var frame = Of(1);
        var batch = new DeliveryBatch(Topics);
        void Deliver()
        {
            Topics.Publish(_topic, frame);
            batch.Publish(_topic, frame);
            batch.Flush();
        }
        Deliver();

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            Deliver();

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Held_frames_come_at_the_release_without_those_the_log_had()
    {
        var (connection, far) = _sockets.Open();
        var subscription = Topics.SubscribeHeld(_topic, connection, Audience.Everyone);
        for (var seq = 3; seq <= 6; seq++)
            Topics.Publish(_topic, Of(seq, seq));
        Topics.Publish(_topic, Of(-1)); // typing
        Assert.Empty(far.Taken());

        subscription.Release(afterSeq: 4);
        Topics.Publish(_topic, Of(4, 4)); // was in the log before it was published
        Topics.Publish(_topic, Of(7, 7));

        Assert.Equal(["5", "6", "-1", "7"], far.Taken());
    }

    [Fact]
    public async Task Who_resumes_under_load_has_no_gap_and_no_repeat()
    {
        const int Entries = 5_000;
        long stored = 0;
        var begun = new TaskCompletionSource();
        var writer = Task.Run(async () =>
        {
            await begun.Task; // not before there is somebody to come in between
            for (var seq = 1; seq <= Entries; seq++)
            {
                Interlocked.Exchange(ref stored, seq); // first the log, then the topic, as the timeline does
                Topics.Publish(_topic, Of(seq, seq));
                if (seq % 100 == 0)
                    Topics.Publish(_topic, Of(-seq));
            }
        });
        var ends = new List<FarEnd>();
        while (!writer.IsCompleted && ends.Count < 30)
        {
            var (connection, far) = _sockets.Open();
            var subscription = Topics.SubscribeHeld(_topic, connection, Audience.Everyone);
            var last = Interlocked.Read(ref stored);
            for (var seq = 1; seq <= last; seq++)
                connection.Enqueue(Of(seq, seq));
            subscription.Release(last);
            ends.Add(far);
            begun.TrySetResult();
        }
        await writer;

        Topics.Publish(_topic, Of(Entries + 1, Entries + 1));

        Assert.NotEmpty(ends);
        foreach (var far in ends)
        {
            for (var seq = 1; seq <= Entries + 1;)
            {
                var frame = int.Parse(await far.NextAsync(), CultureInfo.InvariantCulture);
                if (frame < 0)
                    continue;
                Assert.Equal(seq++, frame);
            }
        }
    }

    [Fact]
    public async Task Who_holds_for_too_long_is_closed_as_too_slow()
    {
        using var sockets = new TestSockets(new RealtimeOptions { QueueFrames = 16 });
        var (connection, far) = sockets.Open();
        sockets.Topics.SubscribeHeld(_topic, connection, Audience.Everyone);

        for (var seq = 1; seq <= 17; seq++)
            sockets.Topics.Publish(_topic, Of(seq, seq));

        Assert.StartsWith("close 4008", await far.NextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_stalled_reader_holds_up_nobody_else()
    {
        using var sockets = new TestSockets(new RealtimeOptions { QueueFrames = 64 });
        var (stalled, stalledFar) = sockets.Open();
        var (other, otherFar) = sockets.Open();
        sockets.Topics.Subscribe(_topic, stalled, Audience.Everyone);
        sockets.Topics.Subscribe(_topic, other, Audience.Everyone);
        stalledFar.Block();

        for (var i = 0; i < 1000; i++)
            sockets.Topics.Publish(_topic, Of(i));

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"{i}"), otherFar.Taken());
        Assert.False(stalled.IsOpen);
        stalledFar.Unblock();
        Assert.Equal("0", await stalledFar.NextAsync());
        Assert.StartsWith("close 4008", await stalledFar.NextAsync(), StringComparison.Ordinal);
    }

    private static Frame Of(int number, long seq = 0) => Frame.Text(Encoding.ASCII.GetBytes($"{number}"), seq);
}
