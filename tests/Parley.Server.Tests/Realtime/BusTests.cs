using System.Text;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Xunit;

namespace Parley.Server.Tests.Realtime;

/// <summary>What every bus between nodes has to do.</summary>
public abstract class BusTests : IDisposable
{
    private static readonly Topic _topic = new(TopicKind.Conversation, Guid.CreateVersion7());
    private readonly TestSockets _one = new();
    private readonly TestSockets _two = new();

    /// <summary>Two nodes' ends of one bus.</summary>
    private protected abstract (IBus One, IBus Two) Connect();

    public void Dispose()
    {
        _one.Dispose();
        _two.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_frame_reaches_followers_on_other_nodes_once_with_its_seq_and_audience()
    {
        var (one, two) = Topics();
        var (visitor, visitorFar) = _two.Open();
        var (agent, agentFar) = _two.Open();
        two.Subscribe(_topic, visitor, Audience.Everyone);
        two.SubscribeHeld(_topic, agent, Audience.Staff).Release(afterSeq: 1);

        one.Publish(_topic, Of("seen", seq: 1));
        one.Publish(_topic, Of("note", seq: 2), Audience.Staff);
        one.Publish(_topic, Of("你好", seq: 3));

        Assert.Equal(["note", "你好"], [await agentFar.NextAsync(), await agentFar.NextAsync()]);
        Assert.Equal(["seen", "你好"], [await visitorFar.NextAsync(), await visitorFar.NextAsync()]);
    }

    [Fact]
    public async Task A_frame_does_not_come_back_to_its_own_node()
    {
        var (one, two) = Topics();
        var (here, hereFar) = _one.Open();
        var (there, thereFar) = _two.Open();
        one.Subscribe(_topic, here, Audience.Everyone);
        two.Subscribe(_topic, there, Audience.Everyone);

        one.Publish(_topic, Of("1"));
        Assert.Equal("1", await thereFar.NextAsync());
        two.Publish(_topic, Of("2"));

        Assert.Equal(["1", "2"], [await hereFar.NextAsync(), await hereFar.NextAsync()]);
        Assert.Equal("2", await thereFar.NextAsync());
    }

    [Fact]
    public async Task A_node_follows_a_topic_as_long_as_somebody_there_does()
    {
        var (one, two) = Topics();
        var (connection, far) = _two.Open();
        var first = two.Subscribe(_topic, connection, Audience.Everyone);
        var second = two.Subscribe(_topic, connection, Audience.Everyone);
        first.Dispose();
        one.Publish(_topic, Of("still"));
        Assert.Equal("still", await far.NextAsync());

        second.Dispose();
        one.Publish(_topic, Of("gone"));
        two.Subscribe(_topic, connection, Audience.Everyone);
        one.Publish(_topic, Of("back"));

        Assert.Equal("back", await far.NextAsync());
    }

    private (Topics One, Topics Two) Topics()
    {
        var (one, two) = Connect();
        return (new Topics(one, _one.Metrics), new Topics(two, _two.Metrics));
    }

    private static Frame Of(string text, long seq = 0) => Frame.Text(Encoding.UTF8.GetBytes(text), seq);
}

public sealed class InProcessBusTests : BusTests
{
    private protected override (IBus One, IBus Two) Connect()
    {
        var one = new InProcessBus();
        return (one, one.Join());
    }
}
