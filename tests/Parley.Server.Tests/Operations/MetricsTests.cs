using System.Diagnostics;
using System.Diagnostics.Metrics;
using Xunit;

namespace Parley.Server.Tests.Operations;

public sealed class MetricsTests : IDisposable
{
    private readonly Parley.Server.Operations.Metrics _metrics = new();
    private readonly Meter _meter = new($"Parley.Tests{Guid.CreateVersion7():N}");

    [Fact]
    public void A_counter_adds_up_per_tags()
    {
        var counter = _meter.CreateCounter<long>("parley.test.messages", description: "Messages\nby kind");
        counter.Add(2, new KeyValuePair<string, object?>("kind", "text"));
        counter.Add(3, new KeyValuePair<string, object?>("kind", "text"));
        counter.Add(1, new KeyValuePair<string, object?>("kind", "a \"quoted\"\nfile\\name"));

        var text = _metrics.Write();

        Assert.Contains("# HELP parley_test_messages_total Messages by kind\n# TYPE parley_test_messages_total counter\n", text, StringComparison.Ordinal);
        Assert.Contains("parley_test_messages_total{kind=\"text\"} 5\n", text, StringComparison.Ordinal);
        Assert.Contains("""parley_test_messages_total{kind="a \"quoted\"\nfile\\name"} 1""" + "\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_histogram_counts_into_every_bucket_at_or_above_the_value()
    {
        var histogram = _meter.CreateHistogram(
            "parley.test.wait", "s", "Wait", tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1, 10] });
        foreach (var value in new[] { 0.05, 0.1, 0.5, 20 })
            histogram.Record(value);

        var text = _metrics.Write();

        Assert.Contains(
            "parley_test_wait_seconds_bucket{le=\"0.1\"} 2\nparley_test_wait_seconds_bucket{le=\"1\"} 3\nparley_test_wait_seconds_bucket{le=\"10\"} 3\n"
            + "parley_test_wait_seconds_bucket{le=\"+Inf\"} 4\nparley_test_wait_seconds_sum 20.65\nparley_test_wait_seconds_count 4\n",
            text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gauge_shows_the_last_value_and_an_up_down_counter_the_sum()
    {
        var upDown = _meter.CreateUpDownCounter<int>("parley.test.sockets");
        upDown.Add(3);
        upDown.Add(-1);
        var level = 7;
        _meter.CreateObservableGauge("parley.test.queue.count", () => level);
        _metrics.Write();
        level = 4;

        var text = _metrics.Write();

        Assert.Contains("parley_test_sockets 2\n", text, StringComparison.Ordinal);
        Assert.Contains("parley_test_queue_current 4\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Tags_without_end_end_in_one_series()
    {
        var counter = _meter.CreateCounter<long>("parley.test.endless");
        for (var i = 0; i < 10_000; i++)
            counter.Add(1, new KeyValuePair<string, object?>("id", i));

        var lines = _metrics.Write().Split('\n').Where(line => line.StartsWith("parley_test_endless_total{", StringComparison.Ordinal)).ToList();

        Assert.InRange(lines.Count, 2, 1_000);
        Assert.Equal(10_000, lines.Sum(line => long.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Prometheus_own_checker_has_nothing_to_say()
    {
        _meter.CreateCounter<long>("parley.test.sent", "By").Add(10);
        _meter.CreateHistogram<double>("parley.test.took", "s").Record(0.3, new KeyValuePair<string, object?>("outcome", "ok"));
        _meter.CreateObservableUpDownCounter("parley.test.open.count", () => 3);

        using var promtool = Process.Start(new ProcessStartInfo("promtool", "check metrics") { RedirectStandardInput = true, RedirectStandardError = true })!;
        await promtool.StandardInput.WriteAsync(_metrics.Write());
        promtool.StandardInput.Close();
        var complaints = await promtool.StandardError.ReadToEndAsync();
        await promtool.WaitForExitAsync();

        Assert.Equal("", complaints);
        Assert.Equal(0, promtool.ExitCode);
    }

    public void Dispose()
    {
        _meter.Dispose();
        _metrics.Dispose();
    }
}
