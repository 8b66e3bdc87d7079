using System.Buffers;
using System.Security.Cryptography;

namespace Parley.Server.Storage;

/// <summary>What was stored.</summary>
/// <param name="Sha256">Of the bytes, in lower-case hex.</param>
internal sealed record StoredFile(long Size, string Sha256);

/// <summary>
/// Files by id, in <c>files/</c> in the data folder. Names that people give are kept in the database and never become paths. A file is there whole or
/// not at all: it is written beside its place, made durable, and moved there.
/// </summary>
internal sealed class FileStore(DataFolder data)
{
    private const int BufferSize = 81_920;

    private string Unfinished => Path.Combine(data["files"], "unfinished");

    /// <summary>Stores <paramref name="content"/> to its end; a file that has this id already is replaced.</summary>
    /// <param name="limit">In bytes. Reading ends as soon as it is passed.</param>
    /// <returns>Null when <paramref name="content"/> is longer than <paramref name="limit"/>; nothing is kept then.</returns>
    public async Task<StoredFile?> SaveAsync(Guid id, Stream content, long limit, CancellationToken cancellationToken)
    {
        DataFolder.CreatePrivate(Unfinished);
        var unfinished = Path.Combine(Unfinished, $"{id:n}-{Guid.CreateVersion7():n}");
        try
        {
            var stored = await WriteAsync(unfinished, content, limit, cancellationToken);
            if (stored is not null)
            {
                DataFolder.CreatePrivate(Path.GetDirectoryName(PathOf(id))!);
                File.Move(unfinished, PathOf(id), overwrite: true);
            }
            return stored;
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    /// <summary>Opens a file for reading; null when there is none.</summary>
    public FileStream? OpenRead(Guid id)
    {
        try
        {
            return new FileStream(PathOf(id), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, BufferSize, FileOptions.Asynchronous | FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Removes a file; that it is gone already is fine.</summary>
    public void Delete(Guid id)
    {
        try
        {
            File.Delete(PathOf(id));
        }
        catch (DirectoryNotFoundException)
        {
            // never stored
        }
    }

    /// <summary>Removes what uploads that were cut off left behind before <paramref name="before"/>.</summary>
    public void DeleteUnfinished(DateTimeOffset before)
    {
        if (!Directory.Exists(Unfinished))
            return;
        foreach (var file in new DirectoryInfo(Unfinished).EnumerateFiles())
        {
            if (file.LastWriteTimeUtc < before.UtcDateTime)
                file.Delete();
        }
    }

    // The last digits of a UUIDv7 are random, so folders fill evenly.
    private string PathOf(Guid id) => Path.Combine(data["files"], id.ToString("n")[^2..], id.ToString("n"));

    private static async Task<StoredFile?> WriteAsync(string path, Stream content, long limit, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            await using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Options = FileOptions.Asynchronous,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            var size = 0L;
            for (int read; (read = await content.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                size += read;
                if (size > limit)
                    return null;
                hash.AppendData(buffer, 0, read);
                await file.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }
            file.Flush(flushToDisk: true);
            return new StoredFile(size, Convert.ToHexStringLower(hash.GetHashAndReset()));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
