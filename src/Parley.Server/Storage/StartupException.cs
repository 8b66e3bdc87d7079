using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace Parley.Server.Storage;

/// <summary>Why the server cannot start, in one line for the person who started it, who can do something about it. Not a bug: no stack trace is shown.</summary>
internal sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>From now on, a setting that is wrong ends the process with its line, wherever it is found out.</summary>
    public static void ExplainUnhandled() => AppDomain.CurrentDomain.UnhandledException += static (_, unhandled) =>
    {
        if (unhandled.ExceptionObject is not Exception exception || Explain(exception) is not { } reason)
            return;
        Console.Error.WriteLine($"Parley cannot start: {reason}");
        Environment.Exit(1);
    };

    /// <summary>The line to show for <paramref name="exception"/>; null when it is a bug.</summary>
    public static string? Explain(Exception exception) => exception switch
    {
        StartupException => exception.Message.ReplaceLineEndings(" "),
        OptionsValidationException options => string.Join(" ", options.Failures),
        IOException { InnerException: AddressInUseException } => exception.Message,
        _ => null,
    };
}
