using System.Text;
using Parley.Server.Assistants.Providers;
using Parley.Server.Assistants.Replies;
using Parley.Server.Assistants.Wire;
using Parley.Server.Conversations.Timelines;
using Xunit;

namespace Parley.Server.Tests.Assistants;

public sealed class ReplyContextTests
{
    private static readonly Guid _conversation = Guid.CreateVersion7();

    [Theory]
    [InlineData("The quick brown fox jumps over the lazy dog, and then it sleeps.", 13, 18)]
    [InlineData("我想退货，应该怎么办理？", 11, 13)]
    [InlineData("注文した商品がまだ届いていません。", 16, 18)]
    [InlineData("주문한 상품이 아직 오지 않았습니다.", 14, 19)]
    [InlineData("Где мой заказ?", 5, 9)]
    [InlineData("", 0, 0)]
    public void Tokens_are_estimated_for_every_script(string text, int least, int most) => Assert.InRange(TokenEstimate.Of(text), least, most);

    [Fact]
    public void The_newest_messages_that_fit_are_told_whole()
    {
        var entries = Enumerable.Range(1, 50).Select(seq => Message(seq, SenderType.Visitor, $"{seq:000} {new string('x', 396)}")).ToList(); // about 100 tokens each

        var context = ReplyContext.Build("Be brief.", entries, budget: 1_000);

        Assert.Equal(ModelRole.System, context[0].Role);
        Assert.InRange(context.Count - 1, 8, 10);
        Assert.Equal(Enumerable.Range(51 - (context.Count - 1), context.Count - 1), context.Skip(1).Select(m => int.Parse(m.Content[..3], null)));
        Assert.All(context.Skip(1), m => Assert.Equal(400, m.Content.Length));
        Assert.InRange(context.Sum(m => TokenEstimate.Of(m.Content)), 0, 1_000);
    }

    [Theory]
    [InlineData('x')]
    [InlineData('我')]
    public void A_question_that_is_too_long_alone_loses_its_middle(char letter)
    {
        var question = $"Begin {new string(letter, 20_000)} the end";

        var context = ReplyContext.Build("Be brief.", [Message(1, SenderType.Visitor, "before"), Message(2, SenderType.Visitor, question)], budget: 500);

        var told = Assert.Single(context, m => m.Role is ModelRole.User).Content;
        Assert.StartsWith("Begin ", told, StringComparison.Ordinal);
        Assert.EndsWith(" the end", told, StringComparison.Ordinal);
        Assert.InRange(TokenEstimate.Of(told), 350, 510);
    }

    [Fact]
    public void A_cut_leaves_no_half_of_a_character()
    {
        var question = string.Concat(Enumerable.Repeat("😀", 5_000));

        for (var budget = 300; budget < 320; budget++)
        {
            var told = ReplyContext.Build("Be brief.", [Message(1, SenderType.Visitor, question)], budget)[1].Content;
            Assert.Equal(told, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(told)));
        }
    }

    [Fact]
    public void Notes_and_events_are_not_told()
    {
        var context = ReplyContext.Build(
            "Be brief.",
            [
                Message(1, SenderType.Visitor, "Hello"),
                Message(2, SenderType.Agent, "He is a bit odd", isPrivate: true),
                Message(3, SenderType.System, "", EntryKind.Event),
                Message(4, SenderType.Assistant, "Hi!"),
                Message(5, SenderType.Agent, "Let me see"),
                Message(6, SenderType.Visitor, "And now?"),
            ],
            budget: 1_000);

        Assert.Equal([ModelRole.System, ModelRole.User, ModelRole.Assistant, ModelRole.Assistant, ModelRole.User], context.Select(m => m.Role));
        Assert.Contains("Anna", context[3].Content, StringComparison.Ordinal);
        Assert.DoesNotContain(context, m => m.Content.Contains("odd", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("I get you somebody. [[handoff]]", "I get you somebody.", true)]
    [InlineData("[[handoff]]", "", true)]
    [InlineData("a [[handoff]] b", "a  b", true)]
    [InlineData("see [[1]] and [[hand]]", "see [[1]] and [[hand]]", false)]
    [InlineData("ends with [[handof", "ends with [[handof", false)]
    public void The_mark_is_never_shown_however_it_comes(string said, string shown, bool seen)
    {
        for (var piece = 1; piece <= said.Length; piece++)
        {
            var marker = new HandoffMarker();
            var text = new StringBuilder();
            foreach (var part in said.Chunk(piece))
                text.Append(marker.Pass(new string(part)));
            text.Append(marker.Rest());

            Assert.Equal(shown, text.ToString().TrimEnd());
            Assert.Equal(seen, marker.WasSeen);
        }
    }

    [Fact]
    public void A_target_that_failed_is_left_alone_for_a_while()
    {
        var clock = new TestClock();
        var health = new ProviderHealth(clock);
        var (one, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());

        health.Failed(one, ["a", "b"], "a", new ModelFailure(FailureClass.RateLimited, "slow", 429, TimeSpan.FromSeconds(7)));
        health.Failed(other, ["a", "b"], "a", new ModelFailure(FailureClass.Auth, "no", 401));

        Assert.Equal([true, false, true, true], [health.IsCooling(one, "a"), health.IsCooling(one, "b"), health.IsCooling(other, "a"), health.IsCooling(other, "b")]);
        clock.Advance(TimeSpan.FromSeconds(8));
        Assert.False(health.IsCooling(one, "a"));
        Assert.True(health.IsCooling(other, "b"));
        health.Forget(other);
        Assert.False(health.IsCooling(other, "b"));
    }

    [Fact]
    public void Three_failures_in_a_row_break_the_circuit_and_a_success_closes_it()
    {
        var health = new ProviderHealth(new TestClock());
        var provider = Guid.CreateVersion7();

        for (var i = 0; i < 2; i++)
            health.Failed(provider, ["a"], "a", new ModelFailure(FailureClass.Server, "500", 500));
        Assert.False(health.IsCooling(provider, "a"));
        health.Failed(provider, ["a"], "a", new ModelFailure(FailureClass.Timeout, "silent"));
        Assert.True(health.IsCooling(provider, "a"));

        health.Succeeded(provider, "a");
        Assert.False(health.IsCooling(provider, "a"));
        Assert.Equal(HealthState.Up, health.Of(provider).State);
    }

    private static Entry Message(long seq, SenderType sender, string body, EntryKind kind = EntryKind.Text, bool isPrivate = false) => new(
        Guid.CreateVersion7(), _conversation, seq, kind, new Sender(sender, null, sender is SenderType.Agent ? "Anna" : ""), body, [], isPrivate, null, null, null, null, default);
}
