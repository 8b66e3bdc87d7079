using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Parley.Server.Accounts;
using Parley.Server.Conversations.Files;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests.Conversations;

public sealed class FilesTests(TestServer server) : IClassFixture<TestServer>
{
    private static readonly byte[] _png = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3];

    [Fact]
    public async Task A_file_comes_back_as_it_was_and_only_once()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var visitor = await server.VisitAsync(agent.TenantId);

        var file = await (await UploadAsync(visitor.Http, visitor.ConversationId, _png, "cat.png", "image/png")).JsonAsync();
        var message = await (await visitor.Http.PostAsJsonAsync($"/api/v1/conversations/{visitor.ConversationId}/messages", new { attachments = new[] { file.Text("id") } })).JsonAsync();
        var download = await agent.Http.GetAsync(new Uri(file.Text("url"), UriKind.Relative));
        using var again = new HttpRequestMessage(HttpMethod.Get, file.Text("url"));
        again.Headers.IfNoneMatch.Add(download.Headers.ETag!);
        var unchanged = await agent.Http.SendAsync(again);

        Assert.Equal("image", message.Text("kind"));
        Assert.Equal(_png, await download.Content.ReadAsByteArrayAsync());
        Assert.Equal("image/png", download.Content.Headers.ContentType!.MediaType);
        Assert.Equal("inline", download.Content.Headers.ContentDisposition!.DispositionType);
        Assert.Contains("sandbox", download.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Fact]
    public async Task A_file_is_seen_by_those_who_see_its_conversation()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var member = await server.SignInAsync(Role.Member, agent.TenantId);
        var stranger = await server.SignInAloneAsync(Role.Admin);
        var ada = await server.VisitAsync(agent.TenantId);
        var bo = await server.VisitAsync(agent.TenantId);
        var file = await (await UploadAsync(ada.Http, ada.ConversationId, _png, "cat.png", "image/png")).JsonAsync();

        foreach (var http in new[] { member.Http, stranger.Http, bo.Http })
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri(file.Text("url"), UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await UploadAsync(bo.Http, ada.ConversationId, _png, "cat.png", "image/png")).StatusCode);
        var stolen = await bo.Http.PostAsJsonAsync($"/api/v1/conversations/{bo.ConversationId}/messages", new { body = "look", attachments = new[] { file.Text("id") } });
        Assert.Equal("file_not_found", (await stolen.ProblemAsync(HttpStatusCode.BadRequest)).Text("code"));
        var withToken = await server.CreateClient().GetAsync(new Uri($"{file.Text("url")}?access_token={ada.Token}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, withToken.StatusCode);
    }

    [Fact]
    public async Task A_link_opens_its_file_alone_and_not_for_long()
    {
        var agent = await server.SignInAloneAsync(Role.Agent);
        var ada = await server.VisitAsync(agent.TenantId);
        var bo = await server.VisitAsync(agent.TenantId);
        var file = await (await UploadAsync(ada.Http, ada.ConversationId, _png, "cat.png", "image/png")).JsonAsync();
        var other = await (await UploadAsync(ada.Http, ada.ConversationId, _png, "dog.png", "image/png")).JsonAsync();
        var anybody = server.CreateClient();

        Assert.Equal(HttpStatusCode.NotFound, (await bo.Http.PostAsync(new Uri($"{file.Text("url")}/link", UriKind.Relative), null)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await anybody.PostAsync(new Uri($"{file.Text("url")}/link", UriKind.Relative), null)).StatusCode);
        var link = (await (await ada.Http.PostAsync(new Uri($"{file.Text("url")}/link", UriKind.Relative), null)).JsonAsync()).Text("url");
        Assert.Equal(_png, await anybody.GetByteArrayAsync(new Uri(link, UriKind.Relative)));
        Assert.DoesNotContain(ada.Token, link, StringComparison.Ordinal);

        var query = link[link.IndexOf('?', StringComparison.Ordinal)..];
        var expires = long.Parse(query["?expires=".Length..query.IndexOf('&', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
        foreach (var bad in new[] { file.Text("url"), other.Text("url") + query, link + "A", link.Replace($"{expires}", $"{expires + 600}", StringComparison.Ordinal) })
            Assert.Equal(HttpStatusCode.Unauthorized, (await anybody.GetAsync(new Uri(bad, UriKind.Relative))).StatusCode);

        var clock = new TestClock();
        var links = new FileLinks(new Secrets(new byte[32]), clock);
        var id = Guid.CreateVersion7();
        var made = links.Make(id);
        var (until, signature) = (made.ExpiresAt.ToUnixTimeSeconds(), made.Url[(made.Url.IndexOf("signature=", StringComparison.Ordinal) + 10)..]);
        Assert.True(links.IsGood(id, until, signature));
        clock.Advance(TimeSpan.FromMinutes(21));
        Assert.False(links.IsGood(id, until, signature));
    }

    [Fact]
    public async Task What_is_not_what_it_says_is_refused()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();

        var page = await UploadAsync(member.Http, conversation, "<html><script>alert(1)</script>"u8.ToArray(), "cat.png", "image/png");
        var program = await UploadAsync(member.Http, conversation, "MZ\0\0"u8.ToArray(), "notes.txt", "text/plain");
        var unlike = await UploadAsync(member.Http, conversation, "not a picture"u8.ToArray(), "cat.png", "image/png");
        var hidden = await UploadAsync(member.Http, conversation, "<svg onload='x'>"u8.ToArray(), "pic.txt", "text/plain");
        var empty = await UploadAsync(member.Http, conversation, [], "empty.txt", "text/plain");

        foreach (var answer in new[] { page, program, unlike, hidden })
            Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Equal("file_empty", (await empty.ProblemAsync(HttpStatusCode.BadRequest)).Text("code"));
    }

    [Fact]
    public async Task A_file_over_the_limit_is_refused_and_not_kept()
    {
        var admin = await server.SignInAloneAsync(Role.Admin);
        await server.Database.ExecuteAsync($"update tenants set max_file_bytes = 100 where id = '{admin.TenantId}'");
        var conversation = await admin.Http.BeginAsync();

        var fits = await UploadAsync(admin.Http, conversation, new byte[100], "a.bin", "video/x-raw");
        var over = await UploadAsync(admin.Http, conversation, new byte[101], "a.bin", "video/x-raw");

        Assert.Equal(HttpStatusCode.Created, fits.StatusCode);
        Assert.Equal("file_too_large", (await over.ProblemAsync(HttpStatusCode.RequestEntityTooLarge)).Text("code"));
        Assert.Equal(1, await server.Database.QueryAsync<long>($"select count(*) from files where conversation_id = '{conversation}'"));
    }

    [Fact]
    public async Task The_tenants_own_list_of_types_counts()
    {
        var admin = await server.SignInAloneAsync(Role.Admin);
        await server.Database.ExecuteAsync($"update tenants set allowed_file_types = '{{image/*}}' where id = '{admin.TenantId}'");
        var conversation = await admin.Http.BeginAsync();

        Assert.Equal(HttpStatusCode.Created, (await UploadAsync(admin.Http, conversation, _png, "a.png", "image/png")).StatusCode);
        var text = await UploadAsync(admin.Http, conversation, "hello"u8.ToArray(), "a.txt", "text/plain");
        Assert.Equal("file_type_not_allowed", (await text.ProblemAsync(HttpStatusCode.UnsupportedMediaType)).Text("code"));
    }

    [Fact]
    public async Task A_body_that_is_no_form_is_a_bad_request()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        using var cut = new ByteArrayContent("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhel"u8.ToArray());
        cut.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=x");

        var answer = await member.Http.PostAsync(new Uri("/api/v1/files", UriKind.Relative), cut);
        var json = await member.Http.PostAsJsonAsync("/api/v1/files", new { });

        Assert.Equal("invalid_multipart", (await answer.ProblemAsync(HttpStatusCode.BadRequest)).Text("code"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, json.StatusCode);
    }

    [Theory]
    [InlineData("../../etc/passwd", "passwd")]
    [InlineData(@"C:\Windows\system32\cmd.exe", "cmd.exe")]
    [InlineData("..", "file")]
    [InlineData("", "file")]
    [InlineData("a\0b\r\n.txt", "ab.txt")]
    [InlineData("invoice\u202Efdp.exe", "invoicefdp.exe")]
    [InlineData("报告 (1).pdf", "报告 (1).pdf")]
    public void A_name_is_a_name_and_no_path(string given, string expected) => Assert.Equal(expected, FileName.Clean(given));

    [Fact]
    public void Any_name_becomes_a_harmless_one() =>
        Prop.ForAll<string?>(given =>
        {
            var name = FileName.Clean(given);
            return name.Length is > 0 and <= 200 && name.IndexOfAny(['/', '\\', '\0', '\r', '\n', '"']) < 0 && name is not ("." or "..");
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("image/jpeg", "RIFF\u0001\u0002\u0003\u0004WEBPVP8 ", "image/webp")]
    [InlineData("image/jpeg", "\0\0\0\u0018ftypmif1\0\0\0\0mif1avif", "image/avif")]
    [InlineData("image/jpeg", "\0\0\0\u0018ftypmif1\0\0\0\0mif1heic", "image/heic")]
    [InlineData("application/octet-stream", "\0\0\0\u0018ftypheix\0\0\0\0mif1miaf", "image/heic")]
    [InlineData("image/heic", "\0\0\0\u0018ftypmif1\0\0\0\0mif1miaf", "image/heif")]
    [InlineData("audio/webm", "\u001A\u0045\u00DF\u00A3webm\0A_OPUS", "audio/webm")]
    [InlineData("video/webm", "\u001A\u0045\u00DF\u00A3webm\0A_OPUS", "audio/webm")]
    [InlineData("audio/webm", "\u001A\u0045\u00DF\u00A3webm\0V_VP9\0A_OPUS", "video/webm")]
    [InlineData("video/mp4", "\0\0\0\u0014ftypM4A \0\0\0\0isom", "audio/mp4")]
    [InlineData("audio/mp4", "\0\0\0\u0014ftypiso5\0\0\0\0isom", "audio/mp4")]
    [InlineData("application/octet-stream", "\0\0\0\u0014ftypiso5\0\0\0\0isom\0moov\0vide\0soun", "video/mp4")]
    [InlineData("text/plain", "MZ is the mark of old programs.", "text/plain")]
    [InlineData("text/plain", "ID3 tags explained", "text/plain")]
    [InlineData("text/plain", "#!/bin/sh\necho hello", "text/plain")]
    [InlineData("application/octet-stream", "2026-01-01 12:00:00 started\n", "text/plain")]
    [InlineData("application/octet-stream", "MZ\u0090\0\u0003", "application/x-executable")]
    [InlineData("audio/mpeg", "ID3\u0003\0\0", "audio/mpeg")]
    [InlineData("text/plain", "\u00FF\u00FEh\0i\0", "text/plain")]
    [InlineData("application/octet-stream", "\u00FE\u00FF\0h\0i", "text/plain")]
    [InlineData("text/plain", "\u00FF\u00FE<\0h\0t\0m\0l\0>\0", "text/html")]
    [InlineData("text/plain", "a\0b", "application/octet-stream")]
    public void A_file_is_what_its_bytes_are(string declared, string head, string expected)
    {
        Assert.True(FileTypes.TryDetermine(Encoding.Latin1.GetBytes(head), declared, out var type));
        Assert.Equal(expected, type);
    }

    [Theory]
    [InlineData("image/avif")]
    [InlineData("image/heic")]
    public void What_is_no_picture_is_not_taken_for_one(string declared) =>
        Assert.False(FileTypes.TryDetermine("not a picture"u8, declared, out _));

    [Fact]
    public async Task Head_tells_of_a_file_without_its_bytes()
    {
        var member = await server.SignInAloneAsync(Role.Member);
        var conversation = await member.Http.BeginAsync();
        var file = await (await UploadAsync(member.Http, conversation, "2026 started"u8.ToArray(), "server.log", "application/octet-stream")).JsonAsync();

        using var request = new HttpRequestMessage(HttpMethod.Head, file.Text("url"));
        var answer = await member.Http.SendAsync(request);

        Assert.Equal((HttpStatusCode.OK, 12L), (answer.StatusCode, answer.Content.Headers.ContentLength!.Value));
        Assert.Equal("text/plain", answer.Content.Headers.ContentType!.MediaType);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public void Any_bytes_have_some_type() =>
        Prop.ForAll<byte[], string?>((head, declared) => FileTypes.TryDetermine(head, declared, out _) || true).QuickCheckThrowOnFailure();

    private static async Task<HttpResponseMessage> UploadAsync(HttpClient http, Guid conversation, byte[] content, string name, string type)
    {
        using var form = new MultipartFormDataContent();
        form.Add(new StringContent(conversation.ToString()), "conversation_id");
        var file = new ByteArrayContent(content);
        file.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        form.Add(file, "file", name);
        return await http.PostAsync(new Uri("/api/v1/files", UriKind.Relative), form);
    }
}
