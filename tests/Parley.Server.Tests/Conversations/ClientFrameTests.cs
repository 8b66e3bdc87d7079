using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Parley.Server.Conversations.Live;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class ClientFrameTests
{
    [Fact]
    public void No_bytes_make_it_throw() =>
        Prop.ForAll<byte[]>(bytes => ClientFrame.TryRead(bytes, out _, out _, out _) || true).QuickCheckThrowOnFailure();

    [Fact]
    public void No_cut_or_changed_byte_of_a_valid_frame_makes_it_throw()
    {
        var valid = Encoding.UTF8.GetBytes("""{"type":"message","client_id":"a","body":"h\u00e9llo 你好 \ud83d\ude00","kind":"text","attachments":["0195d0a4-0000-7000-8000-000000000000"],"private":false}""");
        var changes = from at in Gen.Choose(0, valid.Length - 1) from value in Gen.Choose(0, 255) from length in Gen.Choose(0, valid.Length) select (at, value, length);

        Prop.ForAll(changes.ToArbitrary(), change =>
        {
            var bytes = valid.ToArray();
            bytes[change.at] = (byte)change.value;
            ClientFrame.TryRead(bytes.AsSpan(0, change.length), out _, out _, out _);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_message_comes_back_as_it_was_written() =>
        Prop.ForAll<NonEmptyString, NonEmptyString>((clientId, body) =>
        {
            var id = Clean(clientId.Get);
            var text = Clean(body.Get);
            if (id.Length is 0 or > ClientFrame.MaxClientIdLength || string.IsNullOrWhiteSpace(text))
                return true;
            var json = JsonSerializer.SerializeToUtf8Bytes(new { type = "message", client_id = id, body = text });

            return ClientFrame.TryRead(json, out var frame, out _, out _) && frame.ClientId == id && frame.Body == text;
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("", "JSON")]
    [InlineData("[]", "object")]
    [InlineData("{}", "`type`")]
    [InlineData("{\"type\":7}", "`type`")]
    [InlineData("{\"type\":\"shout\"}", "message, typing")]
    [InlineData("{\"type\":\"message\",\"body\":\"x\"}", "`client_id`")]
    [InlineData("{\"type\":\"message\",\"client_id\":\"a\"}", "`body`")]
    [InlineData("{\"type\":\"message\",\"client_id\":\"a\",\"body\":\"  \"}", "`body`")]
    [InlineData("{\"type\":\"message\",\"client_id\":\"a\",\"body\":\"a\\u0000b\"}", "`body`")]
    [InlineData("{\"type\":\"message\",\"client_id\":\"a\",\"body\":\"\\ud800\"}", "Unicode")]
    [InlineData("{\"type\":\"message\",\"client_id\":\"a\",\"body\":[]}", "`body`")]
    [InlineData("{\"type\":\"message\",\"client_id\":\"a\",\"body\":\"x\",\"kind\":\"event\"}", "`kind`")]
    [InlineData("{\"type\":\"message\",\"client_id\":\"a\",\"body\":\"x\",\"private\":\"no\"}", "`private`")]
    [InlineData("{\"type\":\"message\",\"client_id\":\"a\",\"body\":\"x\",\"attachments\":[\"../etc\"]}", "`attachments`")]
    [InlineData("{\"type\":\"typing\"}", "`on`")]
    [InlineData("{\"type\":\"read\",\"seq\":-1}", "`seq`")]
    [InlineData("{\"type\":\"read\",\"seq\":1.5}", "`seq`")]
    [InlineData("{\"type\":\"ping\",\"t\":\"x\"}", "`t`")]
    [InlineData("{\"type\":\"ping\"} {}", "JSON")]
    [InlineData("{\"type\":\"ping\"", "JSON")]
    public void A_wrong_frame_is_told_what_is_wrong_with_it(string json, string named)
    {
        Assert.False(ClientFrame.TryRead(Encoding.UTF8.GetBytes(json), out _, out var problem, out _));

        Assert.Contains(named, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void The_client_id_of_a_wrong_frame_is_known_so_that_its_sender_can_be_told()
    {
        Assert.False(ClientFrame.TryRead("""{"type":"message","client_id":"mine","body":7}"""u8, out _, out _, out var clientId));

        Assert.Equal("mine", clientId);
    }

    [Fact]
    public void A_body_over_the_limit_is_refused_and_one_at_the_limit_is_not()
    {
        Assert.True(Read(new string('字', ClientFrame.MaxBodyLength)));
        Assert.False(Read(new string('字', ClientFrame.MaxBodyLength + 1)));

        static bool Read(string body) =>
            ClientFrame.TryRead(JsonSerializer.SerializeToUtf8Bytes(new { type = "message", client_id = "a", body }), out _, out _, out _);
    }

    [Fact]
    public void Unknown_members_are_ignored_whatever_they_hold()
    {
        Assert.True(ClientFrame.TryRead("""{"x":{"type":"stop"},"type":"ping","y":[[1],{"t":2}],"t":3}"""u8, out var frame, out _, out _));

        Assert.Equal(ClientFrameType.Ping, frame.Type);
        Assert.Equal(3, frame.T);
    }

    /// <summary>Without NUL and halves of surrogate pairs, which are refused.</summary>
    private static string Clean(string text) => new([.. text.Where(c => c != '\0' && !char.IsSurrogate(c))]);
}
