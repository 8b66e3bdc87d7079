using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Parley.Server.Realtime.Wire;
using Xunit;

namespace Parley.Server.Tests.Realtime;

public sealed class FrameReaderTests
{
    private const int MaxMessageBytes = 1024;

    [Fact]
    public void Reads_the_masked_hello_of_the_RFC()
    {
        var read = Read([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]); // RFC 6455 §5.7

        Assert.Equal(["Text:Hello"], read);
    }

    [Fact]
    public void No_bytes_from_the_network_make_it_throw_and_pieces_change_nothing()
    {
        var pieces = from bytes in Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf() from cuts in Gen.Choose(1, 40).ArrayOf() select (bytes, cuts);

        Prop.ForAll(pieces.ToArbitrary(), of => Read(of.bytes, of.cuts).SequenceEqual(Read(of.bytes))).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Nearly_valid_frames_do_not_make_it_throw()
    {
        var valid = (byte[])[.. ClientFrames.Encode(Opcode.Text, "abc"u8, isLast: false), .. ClientFrames.Encode(Opcode.Ping, "p"u8), .. ClientFrames.Encode(Opcode.Continuation, new byte[300]), .. ClientFrames.Close(1000)];
        var changes = from at in Gen.Choose(0, valid.Length - 1) from value in Gen.Choose(0, 255) from cuts in Gen.Choose(1, 40).ArrayOf() select (at, value, cuts);

        Prop.ForAll(changes.ToArbitrary(), change =>
        {
            var bytes = valid.ToArray();
            bytes[change.at] = (byte)change.value;
            return Read(bytes, change.cuts).SequenceEqual(Read(bytes));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void What_was_sent_arrives_however_it_is_fragmented_and_cut()
    {
        var messages =
            from texts in ArbMap.Default.GeneratorFor<NonNull<string>>().Select(text => text.Get.Replace('\ud800', ' ')).ArrayOf()
            from fragments in Gen.Choose(1, 50).NonEmptyListOf()
            from cuts in Gen.Choose(1, 40).ArrayOf()
            select (texts: texts.Where(IsText).ToArray(), fragments: fragments.ToArray(), cuts);

        Prop.ForAll(messages.ToArbitrary(), of =>
        {
            var wire = of.texts.SelectMany(text => Fragmented(Encoding.UTF8.GetBytes(text), of.fragments)).ToArray();
            return Read(wire, of.cuts).Where(read => read != "Ping:p").SequenceEqual(of.texts.Select(text => $"Text:{text}"));
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(1024)]
    public void Every_length_of_header_is_read(int length)
    {
        var read = Read(ClientFrames.Text(new string('x', length)));

        Assert.Equal([$"Text:{new string('x', length)}"], read);
    }

    [Fact]
    public void A_message_over_the_limit_is_reported_once_and_skipped()
    {
        byte[] wire = [.. ClientFrames.Text(new string('x', 70_000)), .. ClientFrames.Encode(Opcode.Ping, "p"u8), .. ClientFrames.Text("next")];

        Assert.Equal(["TooLarge:", "Ping:p", "Text:next"], Read(wire));
    }

    [Fact]
    public void Fragments_that_are_too_large_together_are_reported_once_and_skipped()
    {
        var part = new byte[600];
        byte[] wire =
        [
            .. ClientFrames.Encode(Opcode.Text, part, isLast: false), .. ClientFrames.Encode(Opcode.Continuation, part, isLast: false),
            .. ClientFrames.Encode(Opcode.Continuation, part, isLast: false), .. ClientFrames.Encode(Opcode.Continuation, part), .. ClientFrames.Text("next"),
        ];

        Assert.Equal(["TooLarge:", "Text:next"], Read(wire));
    }

    [Fact]
    public void A_frame_that_claims_an_endless_payload_is_only_skipped()
    {
        byte[] wire = [0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, .. new byte[100]];

        Assert.Equal(["TooLarge:"], Read(wire));
    }

    [Theory]
    [InlineData(new byte[] { 0x81, 0x01, (byte)'x' })]                     // not masked
    [InlineData(new byte[] { 0xc1, 0x80, 1, 2, 3, 4 })]                    // a reserved bit
    [InlineData(new byte[] { 0x83, 0x80, 1, 2, 3, 4 })]                    // an unknown opcode
    [InlineData(new byte[] { 0x8b, 0x80, 1, 2, 3, 4 })]                    // an unknown control opcode
    [InlineData(new byte[] { 0x09, 0x80, 1, 2, 3, 4 })]                    // a ping in fragments
    [InlineData(new byte[] { 0x89, 0xfe, 0x00, 0x7e, 1, 2, 3, 4 })]        // a ping of 126 bytes
    [InlineData(new byte[] { 0x80, 0x80, 1, 2, 3, 4 })]                    // a continuation of nothing
    [InlineData(new byte[] { 0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 })] // a length with its highest bit
    [InlineData(new byte[] { 0x01, 0x80, 1, 2, 3, 4, 0x81, 0x80, 1, 2, 3, 4 })]    // a message within a message
    public void What_is_no_client_frame_is_a_protocol_error_and_ends_the_reading(byte[] wire)
    {
        Assert.Equal(["ProtocolError:"], Read([.. wire, .. ClientFrames.Text("unread")]));
    }

    [Fact]
    public void Text_that_is_not_UTF8_is_told_apart()
    {
        Assert.Equal(["InvalidText:"], Read(ClientFrames.Encode(Opcode.Text, [0xc3, 0x28])).Select(read => read[..12]));
    }

    [Fact]
    public void A_character_may_be_cut_by_fragments()
    {
        var smile = Encoding.UTF8.GetBytes("😀");
        byte[] wire = [.. ClientFrames.Encode(Opcode.Text, smile.AsSpan(0, 2), isLast: false), .. ClientFrames.Encode(Opcode.Continuation, smile.AsSpan(2))];

        Assert.Equal(["Text:😀"], Read(wire));
    }

    [Fact]
    public void Every_fragment_counts_as_a_frame()
    {
        var reader = new FrameReader(MaxMessageBytes);
        byte[] wire = [.. ClientFrames.Encode(Opcode.Text, "a"u8, isLast: false), .. ClientFrames.Encode(Opcode.Continuation, "b"u8, isLast: false), .. ClientFrames.Encode(Opcode.Continuation, "c"u8)];
        wire.CopyTo(reader.GetSpace());
        reader.Advance(wire.Length);

        reader.TryRead(out _, out _);

        Assert.Equal(3, reader.Frames);
        reader.Release();
    }

    private static bool IsText(string text) => !text.Any(char.IsSurrogate) && Encoding.UTF8.GetByteCount(text) <= MaxMessageBytes;

    /// <summary>With a ping between the fragments, as RFC 6455 §5.4 allows.</summary>
    private static IEnumerable<byte> Fragmented(byte[] payload, int[] sizes)
    {
        var at = 0;
        for (var i = 0; ; i++)
        {
            var size = Math.Min(sizes[i % sizes.Length], payload.Length - at);
            var isLast = at + size == payload.Length;
            foreach (var b in ClientFrames.Encode(at == 0 ? Opcode.Text : Opcode.Continuation, payload.AsSpan(at, size), isLast))
                yield return b;
            if (isLast)
                yield break;
            at += size;
            foreach (var b in ClientFrames.Encode(Opcode.Ping, "p"u8))
                yield return b;
        }
    }

    /// <summary>What the reader finds in <paramref name="wire"/> when it comes in pieces of these sizes, over and over.</summary>
    private static List<string> Read(byte[] wire, params int[] cuts)
    {
        var reader = new FrameReader(MaxMessageBytes);
        List<string> found = [];
        for (int at = 0, piece = 0; at < wire.Length; piece++)
        {
            var space = reader.GetSpace();
            var size = Math.Min(Math.Min(space.Length, cuts.Length == 0 ? int.MaxValue : cuts[piece % cuts.Length]), wire.Length - at);
            wire.AsMemory(at, size).CopyTo(space);
            at += size;
            reader.Advance(size);
            while (reader.TryRead(out var incoming, out var payload))
                found.Add($"{incoming}:{Encoding.UTF8.GetString(payload.Span)}");
        }
        reader.Release();
        return found;
    }
}
