using System.Text;
using Parley.Server.Assistants.Replies;
using Parley.Server.Assistants.Wire;
using Xunit;

namespace Parley.Server.Tests.Assistants;

public sealed class SimulatorTests
{
    private static readonly SimulatorSettings _fast = new(FirstTokenMs: 0, TokensPerSecond: 1_000_000);

    [Theory]
    [InlineData("Where is my order?", "simulator")]
    [InlineData("Wo ist meine Bestellung? Ich kann sie nicht sehen.", "Simulator")]
    [InlineData("Où est ma commande, je ne la vois pas ?", "simulateur")]
    [InlineData("¿Dónde está mi pedido? No puedo ver qué pasa.", "simulador")]
    [InlineData("我的订单在哪里？", "模拟器")]
    [InlineData("注文はどこですか", "シミュレーター")]
    [InlineData("제 주문은 어디에 있나요?", "시뮬레이터")]
    public async Task It_says_what_it_is_in_the_language_of_the_question(string question, string word)
    {
        var (text, end) = await AskAsync(_fast, question);

        Assert.Contains(word, text, StringComparison.Ordinal);
        Assert.Contains(question[..5], text, StringComparison.Ordinal);
        Assert.Equal(FinishReason.Stop, end.Reason);
    }

    [Fact]
    public async Task The_same_prompt_gets_the_same_answer()
    {
        var (one, _) = await AskAsync(_fast, "How do I reset my password?");
        var (two, _) = await AskAsync(_fast, "How do I reset my password?");
        var (other, _) = await AskAsync(_fast, "How do I close my account?");

        Assert.Equal(one, two);
        Assert.NotEqual(one, other);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(400)]
    [InlineData(4_000)]
    public async Task It_says_about_as_much_as_it_is_told(int tokens)
    {
        var (text, end) = await AskAsync(_fast with { ReplyTokens = tokens }, "How do I reset my password?");

        Assert.InRange(TokenEstimate.Of(text), tokens * 0.9, (tokens * 1.1) + 80); // it finishes its sentence
        Assert.True(end.Usage!.OutputTokens > 0);
    }

    [Fact]
    public async Task It_speaks_at_the_pace_it_is_told()
    {
        var clock = new TestClock();
        var settings = new SimulatorSettings(FirstTokenMs: 500, TokensPerSecond: 10);
        var begun = clock.GetUtcNow();
        var times = new List<TimeSpan>();
        var three = new TaskCompletionSource();
        var speaking = Task.Run(async () =>
        {
            await foreach (var said in new Simulator(settings, clock).StreamAsync(RequestOf("Hello"), CancellationToken.None))
            {
                times.Add(clock.GetUtcNow() - begun);
                if (times.Count == 3)
                {
                    three.SetResult();
                    break;
                }
            }
        });

        while (!three.Task.IsCompleted)
        {
            clock.Advance(TimeSpan.FromMilliseconds(10));
            await Task.Yield();
        }
        await speaking;

        Assert.True(times[0] >= TimeSpan.FromMilliseconds(500));
        Assert.True(times[2] >= TimeSpan.FromMilliseconds(700));
    }

    [Theory]
    [InlineData("refuse", 0, FailureClass.Network)]
    [InlineData("rate_limit", 0, FailureClass.RateLimited)]
    [InlineData("server_error", 0, FailureClass.Server)]
    [InlineData("cut", 12, FailureClass.Truncated)]
    [InlineData("malformed", 12, FailureClass.Protocol)]
    public async Task It_fails_as_it_is_told(string fault, int words, object expected)
    {
        Assert.True(SimulatorSettings.TryParse(fault, out var known));

        var (_, end, said) = await CountAsync(_fast with { Fault = known }, "Hello");

        Assert.Equal((FailureClass)expected, end.Failure?.Class);
        Assert.Equal(words, said);
    }

    [Fact]
    public async Task It_stalls_after_as_many_words_as_it_is_told()
    {
        using var cancel = new CancellationTokenSource();
        var said = 0;
        var stalled = new TaskCompletionSource();

        var asking = Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var piece in new Simulator(_fast with { Fault = SimulatorFault.Stall, FaultAfterTokens = 3 }, TimeProvider.System).StreamAsync(RequestOf("Hello"), cancel.Token))
            {
                if (++said == 3)
                    stalled.SetResult();
            }
        });
        await stalled.Task.WaitAsync(TimeSpan.FromSeconds(5));
        await Task.WhenAny(asking, Task.Delay(100));
        Assert.False(asking.IsCompleted);
        await cancel.CancelAsync();
        await asking;

        Assert.Equal(3, said);
    }

    [Theory]
    [InlineData("I want to talk to a human please")]
    [InlineData("我要转人工")]
    public async Task It_asks_for_a_person_when_the_visitor_does(string question)
    {
        var (withPrompt, _) = await AskAsync(_fast, question, ReplyContext.SupportPrompt);
        var (without, _) = await AskAsync(_fast, question, ReplyContext.ChatPrompt);

        Assert.EndsWith(HandoffMarker.Mark, withPrompt, StringComparison.Ordinal);
        Assert.DoesNotContain(HandoffMarker.Mark, without, StringComparison.Ordinal);
    }

    private static ModelRequest RequestOf(string question, string system = ReplyContext.ChatPrompt) =>
        new("simulator", [new ModelMessage(ModelRole.System, system), new ModelMessage(ModelRole.User, question)]);

    private static async Task<(string Text, ModelEvent End)> AskAsync(SimulatorSettings settings, string question, string system = ReplyContext.ChatPrompt)
    {
        var text = new StringBuilder();
        ModelEvent end = default;
        await foreach (var said in new Simulator(settings, TimeProvider.System).StreamAsync(RequestOf(question, system), CancellationToken.None))
        {
            text.Append(said.Text);
            end = said;
        }
        return (text.ToString(), end);
    }

    private static async Task<(string Text, ModelEvent End, int Said)> CountAsync(SimulatorSettings settings, string question)
    {
        var said = 0;
        ModelEvent end = default;
        await foreach (var piece in new Simulator(settings, TimeProvider.System).StreamAsync(RequestOf(question), CancellationToken.None))
        {
            said += piece.Kind is ModelEventKind.Text ? 1 : 0;
            end = piece;
        }
        return ("", end, said);
    }
}
