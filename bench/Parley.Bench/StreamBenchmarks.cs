using System.Net.ServerSentEvents;
using System.Text;
using BenchmarkDotNet.Attributes;
using Parley.Server.Assistants.Wire;

namespace Parley.Bench;

/// <summary>A model's answer as it streams in, one server-sent event per token.</summary>
public class StreamBenchmarks
{
    private const int Tokens = 256;
    private readonly MemoryStream _answer = new(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, Tokens).Select(static i =>
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token" + i
        + "\"},\"finish_reason\":null}]}\n\n"))));

    [Benchmark(OperationsPerInvoke = Tokens)]
    public async Task<int> ParseTokenAsync()
    {
        _answer.Position = 0;
        var capped = new EventCap(_answer, 1024 * 1024); // not disposed: it would take the answer with it
        var length = 0;
        await foreach (var chunk in SseParser.Create(capped, static (_, data) => OpenAiChunk.Parse(data)).EnumerateAsync())
            length += chunk.Data.Text?.Length ?? 0;
        return length;
    }
}
