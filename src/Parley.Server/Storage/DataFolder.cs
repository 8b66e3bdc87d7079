namespace Parley.Server.Storage;

/// <summary>Where the server keeps what is not in a database it was given: <c>DATA_DIR</c>, else <c>data</c> in the checkout or in the working folder.</summary>
internal sealed class DataFolder
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public DataFolder(IConfiguration configuration, IHostEnvironment environment)
        : this(configuration["DATA_DIR"] is { Length: > 0 } configured
            ? Path.GetFullPath(configured)
            : Path.Combine(FindCheckout() ?? environment.ContentRootPath, "data"))
    {
    }

    public DataFolder(string path) => Root = path;

    public string Root { get; }

    public string this[string name] => Path.Combine(Root, name);

    /// <summary>Makes the folder when it is missing. Another user may pass through it (the one that PostgreSQL runs as), but not list it.</summary>
    /// <exception cref="StartupException">It cannot be made or written.</exception>
    public void Create()
    {
        try
        {
            CreatePrivate(Root, Environment.IsPrivilegedProcess ? Private | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute : Private);
            using var probe = new FileStream(this[$".probe-{Environment.ProcessId}"], new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                Options = FileOptions.DeleteOnClose,
            });
            probe.WriteByte(0);
            probe.Flush();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The data folder {Root} cannot be written: {e.Message} Set DATA_DIR to a folder that {Environment.UserName} may write.", e);
        }
    }

    /// <summary>Makes a folder that nobody else may enter; one that is there already keeps its rights.</summary>
    public static void CreatePrivate(string path, UnixFileMode mode = Private) => Directory.CreateDirectory(path, mode);

    /// <summary>The checkout that this program was built in; null when it was published and copied away.</summary>
    public static string? FindCheckout()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Parley.slnx")))
                return folder.FullName;
        }
        return null;
    }
}
