namespace Parley.Server.Assistants.Wire;

/// <summary>Speaks to one model server. Stateless; made for each request.</summary>
internal interface IModelClient
{
    /// <summary>
    /// Asks, and yields what comes: any number of texts, then exactly one <see cref="ModelEventKind.Finish"/> or <see cref="ModelEventKind.Failure"/>, which is
    /// the last. What a model server may do wrong is a failure, never an exception; only <paramref name="cancellationToken"/> throws, and breaks
    /// the request off at once.
    /// </summary>
    IAsyncEnumerable<ModelEvent> StreamAsync(ModelRequest request, CancellationToken cancellationToken);
}

/// <param name="MaxTokens">Of the answer; null leaves it to the model.</param>
internal sealed record ModelRequest(string Model, IReadOnlyList<ModelMessage> Messages, int? MaxTokens = null, double? Temperature = null);

internal enum ModelRole
{
    System,
    User,
    Assistant,
}

internal readonly record struct ModelMessage(ModelRole Role, string Content);

internal enum ModelEventKind
{
    /// <summary>A piece of the answer.</summary>
    Text,

    /// <summary>The model thinks; nothing to show, but it lives.</summary>
    Thinking,

    /// <summary>The answer is whole, or cut at the length that was asked for.</summary>
    Finish,

    Failure,
}

internal enum FinishReason
{
    Stop,
    Length,
    ContentFilter,
}

/// <summary>One thing a model server said.</summary>
internal readonly record struct ModelEvent
{
    private ModelEvent(ModelEventKind kind) => Kind = kind;

    public ModelEventKind Kind { get; }

    /// <summary>With <see cref="ModelEventKind.Text"/>; never empty.</summary>
    public string Text { get; private init; } = "";

    public FinishReason Reason { get; private init; }

    /// <summary>At the end, when the server reported it; also with a failure, for what was spent until then.</summary>
    public ModelUsage? Usage { get; private init; }

    public ModelFailure? Failure { get; private init; }

    public static readonly ModelEvent Thinking = new(ModelEventKind.Thinking);

    public static ModelEvent OfText(string text) => new(ModelEventKind.Text) { Text = text };

    public static ModelEvent OfFinish(FinishReason reason, ModelUsage? usage) => new(ModelEventKind.Finish) { Reason = reason, Usage = usage };

    public static ModelEvent OfFailure(ModelFailure failure, ModelUsage? usage = null) => new(ModelEventKind.Failure) { Failure = failure, Usage = usage };
}

/// <param name="OutputTokens">Thinking included.</param>
/// <param name="CachedTokens">The part of <paramref name="InputTokens"/> that the server had at hand.</param>
internal sealed record ModelUsage(int InputTokens, int OutputTokens, int CachedTokens = 0, int ThinkingTokens = 0);

/// <summary>Why a model server did not answer: what decides whether another one is asked, and how long this one is left alone.</summary>
internal enum FailureClass
{
    BadRequest,
    ContextTooLong,
    ContentFilter,

    /// <summary>The key is wrong, or may not use this model.</summary>
    Auth,

    /// <summary>It has no such model.</summary>
    NotFound,

    /// <summary>The account is empty.</summary>
    Quota,

    RateLimited,
    Overloaded,
    Server,
    Timeout,

    /// <summary>No connection, or reset before the answer.</summary>
    Network,

    /// <summary>The stream ended before the answer did.</summary>
    Truncated,

    /// <summary>What came is not what the protocol allows.</summary>
    Protocol,

    /// <summary>The address lies in a private network, where none may point that was set through the API.</summary>
    PrivateTarget,

    /// <summary>A whole answer without a word in it.</summary>
    Empty,
}

/// <param name="Detail">For the operator, in the server's own words where it had any; never shown to visitors.</param>
/// <param name="RetryAfter">When the server said when to come again.</param>
internal sealed record ModelFailure(FailureClass Class, string Detail, int? Status = null, TimeSpan? RetryAfter = null)
{
    /// <summary>As it stands in the API: <c>rate_limited</c>.</summary>
    public string Code => NameOf(Class);

    public static string NameOf(FailureClass failure) => failure switch
    {
        FailureClass.BadRequest => "bad_request",
        FailureClass.ContextTooLong => "context_too_long",
        FailureClass.ContentFilter => "content_filter",
        FailureClass.Auth => "auth",
        FailureClass.NotFound => "model_not_found",
        FailureClass.Quota => "quota",
        FailureClass.RateLimited => "rate_limited",
        FailureClass.Overloaded => "overloaded",
        FailureClass.Server => "server_error",
        FailureClass.Timeout => "timeout",
        FailureClass.Network => "network",
        FailureClass.Truncated => "truncated",
        FailureClass.Protocol => "protocol",
        FailureClass.PrivateTarget => "private_target",
        _ => "empty_reply",
    };
}
