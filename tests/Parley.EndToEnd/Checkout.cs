namespace Parley.EndToEnd;

/// <summary>Where things lie in the checkout that these tests were built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = FindRoot();

    public static string Server => Path.Combine(Root, "src", "Parley.Server");

    /// <summary>The server's program, of the same configuration as these tests.</summary>
    public static string ServerProgram =>
        Path.Combine(Server, "bin", Path.GetRelativePath(Path.Combine(Root, "tests", "Parley.EndToEnd", "bin"), AppContext.BaseDirectory), "parley-server.dll");

    public static string Screenshots => Path.Combine(Root, "artifacts", "screenshots");

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Parley.slnx")))
            folder = folder.Parent ?? throw new InvalidOperationException("These tests run inside a checkout.");
        return folder.FullName;
    }
}
