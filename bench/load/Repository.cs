namespace Parley.Load;

/// <summary>Where things are in the checkout that this program was built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Artifacts => Path.Combine(Root, "artifacts", "bench");

    /// <summary>A program that was built together with this one, in the same configuration.</summary>
    public static string Program(string folder, string name)
    {
        // …/bin/Release/net10.0/
        var output = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(Root, folder, "bin", output.Parent!.Name, output.Name, name);
    }

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Parley.slnx")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException("Parley.slnx is in no folder above this program.");
    }
}
