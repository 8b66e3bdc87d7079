using System.Net;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.FileProviders;
using Parley.Server.Storage;

namespace Parley.Server.Operations;

internal static class OperationsModule
{
    /// <summary>The CORS policy of routes that the widget calls from any site; what guards them is the visitor's token and the widget's own list of origins.</summary>
    public const string AnyOrigin = "any-origin";

    private const long MaxBodyBytes = 1024 * 1024;
    private static readonly TimeSpan _stopWithin = TimeSpan.FromSeconds(15);

    public static void AddOperations(this WebApplicationBuilder builder)
    {
        var (services, configuration) = (builder.Services, builder.Configuration);
        AddLogs(builder);
        Listen(builder);

        services.AddSingleton<IProblemDetailsWriter, ProblemWriter>(); // before the framework's own
        services.AddProblemDetails();
        services.AddExceptionHandler<Failures>();
        services.AddValidation();
        // The exception knows what could not be read; Failures says it.
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(http =>
        {
            WireJson.Configure(http.SerializerOptions);
            http.SerializerOptions.TypeInfoResolverChain.Insert(0, OperationsJson.Default);
        });

        services.AddSingleton<ServerStart>();
        services.AddSingleton<Metrics>();
        services.AddSingleton<RateLimits>();
        services.AddSingleton<Idempotency>();
        services.AddSweep<Idempotency>("idempotency_keys", TimeSpan.FromHours(1));
        services.AddHealth();
        services.AddApiDocument();
        services.AddCors(cors =>
        {
            cors.AddDefaultPolicy(policy => policy.WithOrigins(configuration.List("CORS_ORIGINS")).AllowAnyHeader().AllowAnyMethod().WithExposedHeaders(_exposed));
            cors.AddPolicy(AnyOrigin, policy => policy.AllowAnyOrigin().AllowAnyHeader().AllowAnyMethod().WithExposedHeaders(_exposed));
        });
        services.Configure<HostOptions>(host => host.ShutdownTimeout = _stopWithin);
    }

    /// <summary>The pipeline up to routing: what every request passes, whoever sends it.</summary>
    public static void UseOperations(this WebApplication app)
    {
        _ = app.Services.GetRequiredService<ServerStart>();
        _ = app.Services.GetRequiredService<Metrics>(); // listens from now on
        var requests = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Parley.Requests");
        var web = new WebFiles(WebRootOf(app.Environment));

        app.Use(next => context => RequestEnvelope.InvokeAsync(context, next, requests));
        app.UseForwardedHeaders(ProxiesFrom(app.Configuration));
        app.UseExceptionHandler();
        app.UseWhen(static context => !RequestEnvelope.IsSocket(context), static requests =>
            requests.UseStatusCodePages(static status => ProblemOf(status.HttpContext).ExecuteAsync(status.HttpContext)));
        app.Use(static next => context =>
        {
            // /api is the current version.
            if (context.Request.Path.StartsWithSegments("/api", out var rest) && rest.HasValue && !rest.StartsWithSegments("/v1"))
                context.Request.Path = $"/api/v1{rest}";
            return next(context);
        });
        app.Use(next => context => web.InvokeAsync(context, next));
        app.UseRouting();
        app.UseCors();
    }

    /// <summary>Counts requests by caller, or by address when there is none. After authentication and before authorization, so that guessing is counted too.</summary>
    public static void UseRateLimits(this WebApplication app)
    {
        var limits = app.Services.GetRequiredService<RateLimits>();
        var perCaller = app.Configuration.Number("RATE_LIMIT", otherwise: 3_000, min: 0, max: 1_000_000);
        var perAddress = app.Configuration.Number("RATE_LIMIT_ANONYMOUS", otherwise: 600, min: 0, max: 1_000_000);
        app.Use(next => context =>
        {
            var path = context.Request.Path;
            var known = context.User.Identity is { IsAuthenticated: true };
            var perMinute = known ? perCaller : perAddress;
            if (perMinute is 0 || (!path.StartsWithSegments("/api") && !path.StartsWithSegments("/v1")))
                return next(context);
            var allowance = limits.Take(known ? context.User.Identity!.Name! : RateLimits.KeyOf(context.Connection.RemoteIpAddress), perMinute);
            RequestEnvelope.Of(context).Allowance = allowance;
            return allowance.Permitted
                ? next(context)
                : Problems.Of(StatusCodes.Status429TooManyRequests, "rate_limited", "Too many requests. Wait as long as Retry-After says.").ExecuteAsync(context);
        });
    }

    /// <summary>Answers a POST that is repeated with its key from memory. After authorization: a key belongs to a caller.</summary>
    public static void UseIdempotency(this WebApplication app)
    {
        app.Use(next => context =>
            HttpMethods.IsPost(context.Request.Method) && context.Request.Headers.ContainsKey(Idempotency.Header)
            && context.User.Identity is { IsAuthenticated: true } && context.GetEndpoint() is not null
                ? app.Services.GetRequiredService<Idempotency>().InvokeAsync(context, next, context.RequestServices.GetRequiredService<CurrentTenant>().Id)
                : next(context));
    }

    public static void MapOperations(this WebApplication app)
    {
        app.MapHealth();
        app.MapApiDocument();
        var token = app.Configuration["METRICS_TOKEN"];
        app.MapGet("/metrics", (HttpContext context, Metrics metrics) =>
            string.IsNullOrEmpty(token) || context.Request.Headers.Authorization == $"Bearer {token}"
                ? Results.Text(metrics.Write(), "text/plain; version=0.0.4; charset=utf-8")
                : Problems.Unauthorized("unauthenticated", "Send METRICS_TOKEN as a bearer token.")).AllowAnonymous().ExcludeFromDescription();
    }

    private static readonly string[] _exposed =
        [
            "X-Request-Id", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Idempotency-Replayed", "Location", "ETag",
        ];

    private static void AddLogs(WebApplicationBuilder builder)
    {
        // Below whatever the operator sets with Logging__LogLevel__….
        ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>
            {
                ["Logging:LogLevel:Default"] = "Information",
                ["Logging:LogLevel:Microsoft"] = "Warning",
                ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Information",
                ["Logging:LogLevel:System.Net.Http"] = "Warning",
                ["Logging:LogLevel:Npgsql"] = "Warning",
                ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "None", // what fails is thrown, and logged where it is handled
                ["Logging:LogLevel:Microsoft.Extensions.Diagnostics.HealthChecks"] = "None", // the answer of /health says it
            },
        });
        builder.Logging.ClearProviders();
        if (builder.Configuration.Choice("LOG_FORMAT", "console", "json") is "json")
        {
            builder.Logging.AddJsonConsole(json =>
            {
                json.IncludeScopes = true;
                json.UseUtcTimestamp = true;
                json.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
            });
        }
        else
        {
            builder.Logging.AddSimpleConsole(console =>
            {
                console.IncludeScopes = true;
                console.SingleLine = true;
                console.TimestampFormat = "HH:mm:ss.fff ";
            });
        }
        // The host's own request lines have the whole query in them, and ?access_token= with it.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);
        builder.Logging.Configure(logging => logging.ActivityTrackingOptions = ActivityTrackingOptions.None);
    }

    private static void Listen(WebApplicationBuilder builder)
    {
        var configuration = builder.Configuration;
        var port = configuration.Number("PORT", otherwise: 8080, min: 1, max: 65_535);
        if (configuration["PORT"] is { Length: > 0 } || (configuration["urls"] ?? configuration["http_ports"] ?? configuration["https_ports"]) is null)
            builder.WebHost.UseUrls($"http://{configuration["HOST"] ?? "*"}:{port}");
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes; // routes that take files say how much more
        });
    }

    private static ForwardedHeadersOptions ProxiesFrom(IConfiguration configuration)
    {
        // Loopback is trusted from the start.
        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto };
        foreach (var proxy in configuration.List("TRUSTED_PROXIES"))
        {
            if (IPAddress.TryParse(proxy, out var address))
                options.KnownProxies.Add(address);
            else if (System.Net.IPNetwork.TryParse(proxy, out var network))
                options.KnownIPNetworks.Add(network);
            else
                throw new StartupException($"TRUSTED_PROXIES takes addresses and networks such as 10.0.0.0/8, not '{proxy}'.");
        }
        return options;
    }

    // Beside the working directory when run from the sources, beside the program once published.
    private static IFileProvider WebRootOf(IWebHostEnvironment environment)
    {
        // Beside the program when it was published, in the checkout when it was built there, from whichever folder it is started.
        string[] candidates =
        [
            environment.WebRootPath, Path.Combine(environment.ContentRootPath, "wwwroot"), Path.Combine(AppContext.BaseDirectory, "wwwroot"),
            Path.Combine(DataFolder.FindCheckout() ?? "", "src", "Parley.Server", "wwwroot"),
        ];
        return candidates.FirstOrDefault(Directory.Exists) is { } root ? new PhysicalFileProvider(root) : new NullFileProvider();
    }

    /// <summary>For a status that came without a body.</summary>
    private static ProblemHttpResult ProblemOf(HttpContext context)
    {
        var status = context.Response.StatusCode;
        if (status is StatusCodes.Status400BadRequest && Failures.FindUnreadParameter(context) is { } unread)
            return unread;
        return Problems.Of(status, Problems.CodeOf(status), DetailOf(context));
    }

    private static string DetailOf(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => "There is nothing here.",
        StatusCodes.Status405MethodNotAllowed => $"This route does not take {context.Request.Method}.",
        StatusCodes.Status415UnsupportedMediaType => "Send the body as application/json.",
        var status => Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status),
    };
}
