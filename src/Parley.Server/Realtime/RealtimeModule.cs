namespace Parley.Server.Realtime;

internal static class RealtimeModule
{
    public static void AddRealtime(this WebApplicationBuilder builder)
    {
    }
}
