using Parley.Server.Operations;

namespace Parley.Server.Demo;

/// <summary>
/// A company to look around in: with `DEMO=true` an empty installation gets people, a simulated assistant and snippets, and visitors who write by a script.
/// Everything goes through the public API, from outside, as any client's requests do.
/// </summary>
internal static class DemoModule
{
    public static void AddDemo(this WebApplicationBuilder builder)
    {
        if (builder.Configuration.Choice("DEMO", "false", "true") is "true")
            builder.Services.AddHostedService<DemoCompany>();
    }
}
