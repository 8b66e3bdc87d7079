using System.Security.Cryptography;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests.Storage;

public sealed class FileStoreTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("parley-files-");
    private readonly FileStore _files;

    public FileStoreTests() => _files = new FileStore(new DataFolder(_folder.FullName));

    [Fact]
    public async Task What_was_saved_is_read_back()
    {
        var (id, bytes) = (Guid.CreateVersion7(), RandomNumberGenerator.GetBytes(300_000));

        var stored = await _files.SaveAsync(id, new MemoryStream(bytes), 300_000, CancellationToken.None);

        await using var file = _files.OpenRead(id);
        var read = new MemoryStream();
        await file!.CopyToAsync(read);
        Assert.Equal(bytes, read.ToArray());
        Assert.Equal(new StoredFile(300_000, Convert.ToHexStringLower(SHA256.HashData(bytes))), stored);
    }

    [Fact]
    public async Task A_file_over_the_limit_is_not_read_to_its_end_and_leaves_nothing()
    {
        var (id, endless) = (Guid.CreateVersion7(), new EndlessStream());

        Assert.Null(await _files.SaveAsync(id, endless, 1_000_000, CancellationToken.None));

        Assert.InRange(endless.Given, 1_000_001, 2_000_000);
        Assert.Null(_files.OpenRead(id));
        Assert.Empty(Files());
    }

    [Fact]
    public async Task An_upload_that_breaks_off_leaves_nothing()
    {
        var id = Guid.CreateVersion7();

        await Assert.ThrowsAsync<IOException>(() => _files.SaveAsync(id, new EndlessStream(breaksAfter: 200_000), 1_000_000, CancellationToken.None));

        Assert.Null(_files.OpenRead(id));
        Assert.Empty(Files());
    }

    [Fact]
    public async Task A_file_can_be_replaced_while_it_is_read()
    {
        var id = Guid.CreateVersion7();
        await _files.SaveAsync(id, new MemoryStream([1, 2, 3]), 10, CancellationToken.None);
        await using var first = _files.OpenRead(id)!;

        await _files.SaveAsync(id, new MemoryStream([4, 5]), 10, CancellationToken.None);

        Assert.Equal(3, first.Length);
        await using var second = _files.OpenRead(id)!;
        Assert.Equal(2, second.Length);
    }

    [Fact]
    public async Task Deleting_is_harmless_twice()
    {
        var id = Guid.CreateVersion7();
        _files.Delete(id);
        await _files.SaveAsync(id, new MemoryStream([1]), 10, CancellationToken.None);

        _files.Delete(id);
        _files.Delete(id);

        Assert.Null(_files.OpenRead(id));
    }

    [Fact]
    public async Task Nobody_else_may_read_the_files()
    {
        await _files.SaveAsync(Guid.CreateVersion7(), new MemoryStream([1]), 10, CancellationToken.None);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Assert.Single(Files())));
    }

    [Fact]
    public async Task What_a_dead_server_left_unfinished_is_cleared_away_when_it_is_old()
    {
        await _files.SaveAsync(Guid.CreateVersion7(), new MemoryStream([1]), 10, CancellationToken.None);
        var unfinished = Path.Combine(_folder.FullName, "files", "unfinished", "left");
        await File.WriteAllTextAsync(unfinished, "left");
        var written = new DateTimeOffset(File.GetLastWriteTimeUtc(unfinished), TimeSpan.Zero);

        _files.DeleteUnfinished(before: written.AddSeconds(-1));
        Assert.True(File.Exists(unfinished));
        _files.DeleteUnfinished(before: written.AddSeconds(1));

        Assert.False(File.Exists(unfinished));
        Assert.Single(Files());
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private string[] Files() => Directory.GetFiles(Path.Combine(_folder.FullName, "files"), "*", SearchOption.AllDirectories);

    private sealed class EndlessStream(long breaksAfter = long.MaxValue) : Stream
    {
        public long Given { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Given += buffer.Length;
            return Given > breaksAfter ? throw new IOException("The client went away.") : new(buffer.Length);
        }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
