using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Parley.Server.Storage;

internal static class StorageModule
{
    public static void AddStorage(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddScoped<CurrentTenant>();
        builder.Services.AddSingleton<Jobs>();
        builder.Services.AddSingleton(_ => NpgsqlDataSource.Create(builder.Configuration["DATABASE_URL"] ?? ""));
        builder.Services.AddDbContext<AppDbContext>((services, db) => db.UseNpgsql(services.GetRequiredService<NpgsqlDataSource>()));
    }

    public static Task MigrateAsync(this IServiceProvider services, CancellationToken cancellationToken) => Task.CompletedTask;
}
