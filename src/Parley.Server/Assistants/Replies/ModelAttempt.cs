using Parley.Server.Assistants.Providers;
using Parley.Server.Assistants.Wire;

namespace Parley.Server.Assistants.Replies;

/// <param name="Failure">Null when the model finished by itself.</param>
/// <param name="Usage">As the server counted; null when it did not.</param>
/// <param name="FirstToken">When the first word came; null when none did.</param>
internal sealed record AttemptEnd(FinishReason Reason, ModelFailure? Failure, ModelUsage? Usage, TimeSpan? FirstToken, TimeSpan Duration);

/// <summary>One request to one model, with the limits on how long it may be silent.</summary>
internal sealed class ModelAttempt(IModelClient client, ModelSettings limits, TimeProvider time)
{
    /// <summary>Runs to the end of the answer; throws only when <paramref name="cancellationToken"/> says so, and then the request is broken off.</summary>
    /// <param name="onText">Gets each piece, and how long the first one took; false ends the answer there, as if the model had stopped for its length.</param>
    public async Task<AttemptEnd> RunAsync(ModelRequest request, Func<string, TimeSpan, bool> onText, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        TimeSpan? firstToken = null;
        var isWorking = false;
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var timer = time.CreateTimer(static source => ((CancellationTokenSource)source!).Cancel(), cut, Shorter(limits.FirstToken, limits.Total), Timeout.InfiniteTimeSpan);
        try
        {
            await foreach (var said in client.StreamAsync(request, cut.Token))
            {
                switch (said.Kind)
                {
                    case ModelEventKind.Text:
                        firstToken ??= time.GetElapsedTime(begun);
                        if (!onText(said.Text, firstToken.Value))
                            return End(FinishReason.Length, null, said.Usage);
                        break;
                    case ModelEventKind.Finish when firstToken is null && said.Reason is FinishReason.ContentFilter:
                        return End(default, new ModelFailure(FailureClass.ContentFilter, "The server's filter held the whole answer back."), said.Usage);
                    case ModelEventKind.Finish when firstToken is null:
                        return End(default, new ModelFailure(FailureClass.Empty, "The model had nothing to say."), said.Usage);
                    case ModelEventKind.Finish:
                        return End(said.Reason, null, said.Usage);
                    case ModelEventKind.Failure:
                        return End(default, said.Failure, said.Usage);
                }
                isWorking = true;
                timer.Change(Shorter(limits.Idle, limits.Total - time.GetElapsedTime(begun)), Timeout.InfiniteTimeSpan);
            }
            return End(default, new ModelFailure(FailureClass.Truncated, "The stream ended before the answer did."), null);
        }
        catch (OperationCanceledException) when (cut.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            var why = time.GetElapsedTime(begun) >= limits.Total ? $"The answer was not done after {limits.Total.TotalSeconds:0.#} s."
                : isWorking ? $"The model fell silent for {limits.Idle.TotalSeconds:0.#} s."
                : $"No word came within {limits.FirstToken.TotalSeconds:0.#} s.";
            return End(default, new ModelFailure(FailureClass.Timeout, why), null);
        }

        AttemptEnd End(FinishReason reason, ModelFailure? failure, ModelUsage? usage) => new(reason, failure, usage, firstToken, time.GetElapsedTime(begun));
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other > TimeSpan.Zero ? other : TimeSpan.Zero;
}
