using System.Globalization;
using Npgsql;

namespace Parley.Load.Servers;

/// <summary>The PostgreSQL that a server runs in its data folder.</summary>
internal static class EmbeddedDatabase
{
    /// <summary>Reads where it listens from its own lock file: process, data folder, start, port, socket folder.</summary>
    public static (int Postmaster, string Address) Find(string dataFolder)
    {
        var file = Directory.EnumerateFiles(dataFolder, "postmaster.pid", SearchOption.AllDirectories).FirstOrDefault()
            ?? throw new IOException($"No PostgreSQL runs in {dataFolder}.");
        if (File.ReadAllLines(file) is not [var process, _, _, var port, var socketFolder, ..])
            throw new IOException($"{file} is not what PostgreSQL writes.");
        var address = new NpgsqlConnectionStringBuilder
        {
            Host = socketFolder,
            Port = int.Parse(port, CultureInfo.InvariantCulture),
            Username = "parley",
            Database = "postgres",
            MaxPoolSize = 60,
            MaxAutoPrepare = 20,
        };
        return (int.Parse(process, CultureInfo.InvariantCulture), address.ConnectionString);
    }
}
