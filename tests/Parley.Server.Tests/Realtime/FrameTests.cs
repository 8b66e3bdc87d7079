using System.Text;
using System.Text.Json;
using Parley.Server.Realtime;
using Parley.Server.Realtime.Wire;
using Xunit;

namespace Parley.Server.Tests.Realtime;

public sealed class FrameTests
{
    [Theory]
    [InlineData(0, new byte[] { 0x81, 0 })]
    [InlineData(125, new byte[] { 0x81, 125 })]
    [InlineData(126, new byte[] { 0x81, 126, 0, 126 })]
    [InlineData(65_535, new byte[] { 0x81, 126, 0xff, 0xff })]
    [InlineData(65_536, new byte[] { 0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0 })]
    public void The_header_is_the_shortest_for_the_length(int length, byte[] header)
    {
        var json = Encoding.ASCII.GetBytes(new string('1', length));

        var frame = Frame.Text(json);

        Assert.Equal(header, frame.Wire[..header.Length].ToArray());
        Assert.Equal(json, frame.Json.ToArray());
        Assert.Equal(header.Length + length, frame.Length);
    }

    [Fact]
    public void A_frame_that_is_written_while_another_is_does_not_disturb_it()
    {
        Frame? inner = null;

        var outer = Frame.Text(0, (json, _) =>
        {
            json.WriteStartArray();
            inner = Frame.Text(0, static (json, _) => json.WriteStringValue("inner"));
            json.WriteStringValue("outer");
            json.WriteEndArray();
        }, seq: 7);

        Assert.Equal("[\"outer\"]", Encoding.UTF8.GetString(outer.Json));
        Assert.Equal("\"inner\"", Encoding.UTF8.GetString(inner!.Json));
        Assert.Equal(7, outer.Seq);
    }

    [Fact]
    public void Text_of_any_language_stays_as_it_is()
    {
        var frame = Frame.Text("你好 <b>&", static (json, text) => json.WriteStringValue(text));

        Assert.Equal("\"你好 <b>&\"", Encoding.UTF8.GetString(frame.Json));
    }

    [Fact]
    public void What_is_written_is_a_whole_document_or_nothing()
    {
        Assert.ThrowsAny<Exception>(() => Frame.Text(0, static (json, _) => throw new JsonException()));

        Assert.Equal("1", Encoding.UTF8.GetString(Frame.Text(0, static (json, _) => json.WriteNumberValue(1)).Json));
    }

    [Fact]
    public void A_reason_that_is_too_long_is_cut_between_characters()
    {
        var close = Frame.Close(CloseCode.TooSlow, new string('好', 100));

        Assert.Equal(2 + 2 + 123, close.Length);
        Assert.Equal(new string('好', 41), Encoding.UTF8.GetString(close.Json[2..]));
    }
}
