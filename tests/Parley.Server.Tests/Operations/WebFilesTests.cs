using System.IO.Compression;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Hosting;
using Xunit;

namespace Parley.Server.Tests.Operations;

public sealed class WebFilesTests(WebFilesTests.ServerWithWeb server) : IClassFixture<WebFilesTests.ServerWithWeb>
{
    [Theory]
    [InlineData("/", "console")]
    [InlineData("/inbox/01a1f879", "console")]
    [InlineData("/setup?token=x", "console")]
    [InlineData("/assets/app-1a2b3c.js", "script")]
    [InlineData("/widget.js", "loader")]
    [InlineData("/widget/panel-1a2b3c.js", "panel")]
    [InlineData("/demo", "demo")]
    [InlineData("/docs", "docs")]
    public async Task Each_page_is_where_it_is_looked_for(string path, string content) =>
        Assert.Equal(content, await server.CreateClient().GetStringAsync(path));

    [Theory]
    [InlineData("/api/v1/nothing")]
    [InlineData("/api")]
    [InlineData("/ws/nothing")]
    [InlineData("/v1/nothing")]
    [InlineData("/health/nothing")]
    [InlineData("/assets/missing.js")]
    [InlineData("/widget/missing")]
    public async Task What_is_not_the_consoles_is_not_answered_by_it(string path)
    {
        var answer = await server.CreateClient().GetAsync(path);

        Assert.Equal((HttpStatusCode.NotFound, "application/problem+json"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
    }

    [Theory]
    [InlineData("/..%2f..%2fsecret.txt")]
    [InlineData("/%2e%2e/secret.txt")]
    [InlineData("/assets/..%2f..%2f..%2fsecret.txt")]
    [InlineData("/docs/..\\..\\secret.txt")]
    [InlineData("/widget/%00.js")]
    public async Task No_path_leads_out_of_the_folder(string path)
    {
        var answer = await server.CreateClient().GetAsync(new Uri(server.Address, path));

        Assert.NotEqual(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.DoesNotContain("secret", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gzip, br", "br")]
    [InlineData("gzip", "gzip")]
    [InlineData("br;q=0, gzip", "gzip")]
    [InlineData("identity", null)]
    public async Task It_comes_as_compressed_as_the_client_takes_it(string accepted, string? encoding)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/assets/app-1a2b3c.js");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);

        var answer = await server.CreateClient().SendAsync(request);

        Assert.Equal(encoding, answer.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Equal("text/javascript", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("Accept-Encoding", answer.Headers.Vary);
    }

    [Theory]
    [InlineData("/assets/app-1a2b3c.js", "immutable")]
    [InlineData("/widget/panel-1a2b3c.js", "immutable")]
    [InlineData("/widget.js", "max-age=300")]
    [InlineData("/", "no-cache")]
    public async Task Only_what_carries_its_hash_is_kept_for_ever(string path, string caching) =>
        Assert.Contains(caching, (await server.CreateClient().GetAsync(path)).Headers.GetValues("Cache-Control").Single(), StringComparison.Ordinal);

    [Fact]
    public async Task What_the_browser_has_is_not_sent_again()
    {
        var first = await server.CreateClient().GetAsync("/");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { IfNoneMatch = { first.Headers.ETag! } } };

        var second = await server.CreateClient().SendAsync(request);

        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        Assert.Empty(await second.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Other_sites_may_load_the_widget_and_not_the_console()
    {
        var (widget, console) = (await server.CreateClient().GetAsync("/widget.js"), await server.CreateClient().GetAsync("/assets/app-1a2b3c.js"));

        Assert.Equal(("*", "cross-origin"), (widget.Headers.GetValues("Access-Control-Allow-Origin").Single(), widget.Headers.GetValues("Cross-Origin-Resource-Policy").Single()));
        Assert.Equal("same-origin", console.Headers.GetValues("Cross-Origin-Resource-Policy").Single());
    }

    public sealed class ServerWithWeb : TestServer
    {
        private readonly DirectoryInfo _web = Directory.CreateTempSubdirectory("parley-web-");

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            base.ConfigureWebHost(builder);
            var root = _web.CreateSubdirectory("wwwroot");
            Write("../secret.txt", "secret");
            Write("console/index.html", "console");
            Write("console/assets/app-1a2b3c.js", "script", compressed: true);
            Write("widget/widget.js", "loader");
            Write("widget/panel-1a2b3c.js", "panel");
            Write("demo/index.html", "demo");
            Write("docs/index.html", "docs");
            builder.UseWebRoot(root.FullName);

            void Write(string name, string content, bool compressed = false)
            {
                var path = Path.Combine(root.FullName, name);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllText(path, content);
                if (!compressed)
                    return;
                using (var brotli = new BrotliStream(File.Create(path + ".br"), CompressionLevel.Optimal))
                    brotli.Write(Encoding.UTF8.GetBytes(content));
                using var gzip = new GZipStream(File.Create(path + ".gz"), CompressionLevel.Optimal);
                gzip.Write(Encoding.UTF8.GetBytes(content));
            }
        }
    }
}
