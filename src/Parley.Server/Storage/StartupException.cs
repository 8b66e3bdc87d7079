namespace Parley.Server.Storage;

/// <summary>Why the server cannot start, in one line for the person who started it, who can do something about it. Not a bug: no stack trace is shown.</summary>
internal sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
