using Microsoft.EntityFrameworkCore;
using Npgsql;
using Parley.Server.Storage.Embedded;

namespace Parley.Server.Storage;

internal static class StorageModule
{
    public static void AddStorage(this WebApplicationBuilder builder)
    {
        builder.Configuration.AddDotEnv(builder.Environment.ContentRootPath);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<DataFolder>();
        builder.Services.AddSingleton(services => Secrets.Load(services.GetRequiredService<IConfiguration>(), services.GetRequiredService<DataFolder>()));
        builder.Services.AddSingleton<FileStore>();

        builder.Services.AddSingleton<EmbeddedPostgres>();
        builder.Services.AddSingleton<SchemaMigrator>();
        builder.Services.AddSingleton(OpenDatabase);
        builder.Services.AddScoped<CurrentTenant>();
        builder.Services.AddDbContext<AppDbContext>((services, db) => db.UseNpgsql(services.GetRequiredService<NpgsqlDataSource>()));

        builder.Services.AddSingleton<Jobs>();
        builder.Services.AddHostedService<JobRunner>();
        builder.Services.AddSweep<UnfinishedFiles>("unfinished-files", TimeSpan.FromHours(6));
    }

    /// <summary>Has the database run, with the schema that this program needs.</summary>
    /// <exception cref="StartupException">It cannot.</exception>
    public static async Task MigrateAsync(this IServiceProvider services, CancellationToken cancellationToken)
    {
        services.GetRequiredService<Secrets>();
        if (DatabaseAddress.Read(services.GetRequiredService<IConfiguration>()) is null)
            await services.GetRequiredService<EmbeddedPostgres>().StartAsync(cancellationToken);
        await services.GetRequiredService<SchemaMigrator>().MigrateAsync(cancellationToken);
    }

    // The embedded PostgreSQL is made first, so the container disposes it last: after the pool, and after all that queries.
    private static NpgsqlDataSource OpenDatabase(IServiceProvider services)
    {
        var address = DatabaseAddress.Read(services.GetRequiredService<IConfiguration>())?.ConnectionString
            ?? services.GetRequiredService<EmbeddedPostgres>().ConnectionString;
        return new NpgsqlDataSourceBuilder(address).UseLoggerFactory(services.GetRequiredService<ILoggerFactory>()).Build();
    }

    /// <summary>Removes what uploads that were cut off left behind.</summary>
    private sealed class UnfinishedFiles(FileStore files, TimeProvider time) : ISweep
    {
        public Task SweepAsync(CancellationToken cancellationToken)
        {
            files.DeleteUnfinished(time.Now - TimeSpan.FromDays(1));
            return Task.CompletedTask;
        }
    }
}
