using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace Parley.Server.Storage;

/// <summary>Why the server cannot start, in one line for the person who started it, who can do something about it. Not a bug: no stack trace is shown.</summary>
internal sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The line to show for <paramref name="exception"/>; null when it is a bug.</summary>
    public static string? Explain(Exception exception) => exception switch
    {
        StartupException => exception.Message.ReplaceLineEndings(" "),
        OptionsValidationException options => string.Join(" ", options.Failures),
        IOException { InnerException: AddressInUseException } => exception.Message,
        _ => null,
    };
}
