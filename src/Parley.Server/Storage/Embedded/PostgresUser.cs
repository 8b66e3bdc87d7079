using System.Diagnostics;

namespace Parley.Server.Storage.Embedded;

/// <summary>As whom PostgreSQL's programs run: as ourselves, or, since they refuse to run as root, as a user without rights.</summary>
/// <param name="Name">Null for ourselves.</param>
internal sealed record PostgresUser(string? Name)
{
    /// <summary>The owner of the cluster when there is one, else the first of these that the machine has.</summary>
    private static readonly string[] _candidates = ["parley", "postgres", "_postgres", "nobody"];

    public static PostgresUser Ourselves { get; } = new((string?)null);

    public static async Task<PostgresUser> ChooseAsync(string home, CancellationToken cancellationToken)
    {
        if (!Environment.IsPrivilegedProcess)
            return Ourselves;
        if (Directory.Exists(home))
        {
            string[] ownerOf = OperatingSystem.IsMacOS() ? ["-L", "-f", "%Su", home] : ["-L", "-c", "%U", home];
            var (exitCode, owner) = await Ourselves.RunAsync("stat", ownerOf, "/", cancellationToken);
            if (exitCode == 0 && owner.Trim() is { Length: > 0 } name and not ("root" or "UNKNOWN"))
                return new PostgresUser(name);
        }
        var known = (await File.ReadAllLinesAsync("/etc/passwd", cancellationToken)).Select(line => line[..Math.Max(line.IndexOf(':', StringComparison.Ordinal), 0)]).ToHashSet();
        return new PostgresUser(_candidates.FirstOrDefault(known.Contains)
            ?? throw new StartupException("PostgreSQL does not run as root, and this machine has no user named parley, postgres or nobody that it could run as. Make one, or set DATABASE_URL."));
    }

    /// <summary>Gives <paramref name="folders"/> to this user.</summary>
    public async Task OwnAsync(IEnumerable<string> folders, CancellationToken cancellationToken)
    {
        if (Name is null)
            return;
        var (exitCode, output) = await Ourselves.RunAsync("chown", [Name, .. folders], "/", cancellationToken);
        if (exitCode != 0)
            throw new StartupException($"PostgreSQL's folder cannot be given to the user {Name}: {output.Trim()}");
    }

    /// <summary>Whether this user may enter <paramref name="folder"/>.</summary>
    public async Task<bool> CanReachAsync(string folder, CancellationToken cancellationToken) =>
        Name is null || PostgresProgram.AnyoneCanReach(folder) || (await RunAsync("test", ["-x", folder], "/", cancellationToken)).ExitCode == 0;

    /// <summary>Starts a program as this user. Its standard streams are pipes; <c>PG…</c> variables, which would steer it, are left out.</summary>
    public Process Start(string program, IEnumerable<string> arguments, string workingFolder)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = workingFolder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Name is not null)
            start.UserName = Name;
        foreach (var variable in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(variable);
        start.Environment["LC_ALL"] = "C";
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new StartupException($"{program} cannot be started{(Name is null ? "" : $" as user {Name}")}: {e.Message}", e);
        }
    }

    /// <summary>Runs a program to its end.</summary>
    /// <returns>Its exit code and all that it said.</returns>
    public async Task<(int ExitCode, string Output)> RunAsync(string program, IEnumerable<string> arguments, string workingFolder, CancellationToken cancellationToken)
    {
        using var process = Start(program, arguments, workingFolder);
        process.StandardInput.Close();
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            var errors = await process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return (process.ExitCode, await output + errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
