namespace Parley.Server.Storage;

internal static class StoredTime
{
    extension(TimeProvider time)
    {
        /// <summary>The present in UTC as PostgreSQL keeps it, in whole microseconds: what is written is what is read back.</summary>
        public DateTimeOffset Now
        {
            get
            {
                var now = time.GetUtcNow();
                return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
            }
        }
    }
}
