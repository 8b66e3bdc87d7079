using System.Net;
using System.Net.ServerSentEvents;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Parley.Server.Assistants.Wire;
using Xunit;

namespace Parley.Server.Tests.Assistants;

public sealed class WireTests
{
    [Fact]
    public void No_bytes_make_a_chunk_throw() =>
        Prop.ForAll<byte[]>(bytes => { OpenAiChunk.Parse(bytes); }).QuickCheckThrowOnFailure();

    [Fact]
    public void No_change_to_a_valid_chunk_makes_it_throw()
    {
        var valid = Encoding.UTF8.GetBytes(
            """{"choices":[{"index":0,"delta":{"content":"h\u00e9 \ud83d\ude00 你好","reasoning":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1e2,"completion_tokens":-1},"error":{"message":7,"code":[]}}""");
        var changes = from at in Gen.Choose(0, valid.Length - 1) from value in Gen.Choose(0, 255) from length in Gen.Choose(0, valid.Length) select (at, value, length);

        Prop.ForAll(changes.ToArbitrary(), change =>
        {
            var bytes = valid.ToArray();
            bytes[change.at] = (byte)change.value;
            OpenAiChunk.Parse(bytes);
            OpenAiChunk.Parse(bytes.AsSpan(0, change.length));
            OpenAiFailures.ReadBody(bytes.AsSpan(0, change.length));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Half_a_surrogate_pair_is_replaced()
    {
        var chunk = OpenAiChunk.Parse("""{"choices":[{"delta":{"content":"\ud83d"}}]}"""u8);

        Assert.Equal("\uFFFD", chunk.Text);
    }

    [Fact]
    public async Task A_stream_gives_the_same_events_however_it_is_cut_into_pieces()
    {
        var stream = Encoding.UTF8.GetBytes(
            "data: {\"choices\":[{\"delta\":{\"content\":\"Grüße \"}}]}\n\n: comment\r\n\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"你好 😀\"}}]}\r\rdata: {\"choices\":\r\ndata: [{\"delta\":{\"content\":\"!\"}}]}\r\n\r\ndata: [DONE]");
        var whole = await TextsAsync(new MemoryStream(stream));
        var random = new System.Random(7);

        for (var run = 0; run < 200; run++)
            Assert.Equal(whole, await TextsAsync(new Pieces(stream, random)));
        Assert.Equal(["Grüße ", "你好 😀", "!", "[DONE]"], whole);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r")]
    [InlineData("\r\n")]
    public async Task Only_an_event_that_is_too_large_ends_the_stream(string newLine)
    {
        var line = new string('x', 90);
        var body = new StringBuilder();
        for (var i = 0; i < 50; i++)
            body.Append(": ").Append(line).Append(newLine).Append(newLine);
        await using var fine = new EventCap(new MemoryStream(Encoding.ASCII.GetBytes(body.ToString())), maxEventBytes: 100);
        await using var tooLarge = new EventCap(new MemoryStream(Encoding.ASCII.GetBytes($"data: {line}{newLine}data: {line}{newLine}{newLine}")), maxEventBytes: 100);

        await fine.CopyToAsync(Stream.Null);
        await tooLarge.CopyToAsync(Stream.Null);

        Assert.False(fine.Exceeded);
        Assert.True(tooLarge.Exceeded);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.1.2.3")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.168.1.1")]
    [InlineData("169.254.169.254")]
    [InlineData("100.64.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::1")]
    [InlineData("::")]
    [InlineData("fe80::1")]
    [InlineData("fd00::1")]
    [InlineData("ff02::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("::127.0.0.1")]
    [InlineData("64:ff9b::a00:1")]
    [InlineData("2002:a00:1::")]
    public void Addresses_inside_are_private(string address) => Assert.True(ModelHttp.IsPrivate(IPAddress.Parse(address)));

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("172.15.0.1")]
    [InlineData("172.32.0.1")]
    [InlineData("100.128.0.1")]
    [InlineData("192.169.0.1")]
    [InlineData("2606:4700::1111")]
    [InlineData("64:ff9b::101:101")]
    [InlineData("::ffff:8.8.8.8")]
    public void Addresses_outside_are_not(string address) => Assert.False(ModelHttp.IsPrivate(IPAddress.Parse(address)));

    private static async Task<List<string>> TextsAsync(Stream stream)
    {
        var texts = new List<string>();
        await foreach (var item in SseParser.Create(new EventCap(stream, 1024), static (_, data) => OpenAiChunk.Parse(data)).EnumerateAsync())
            texts.Add(item.Data.IsDone ? "[DONE]" : item.Data.Text ?? (item.Data.IsMalformed ? "malformed" : ""));
        return texts;
    }

    /// <summary>Gives its bytes in pieces of any size.</summary>
    private sealed class Pieces(byte[] bytes, System.Random random) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(1, 12))], cancellationToken);
    }
}
