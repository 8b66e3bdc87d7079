using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Configuration;
using Parley.Server.Storage;
using Xunit;

namespace Parley.Server.Tests.Storage;

public sealed class SecretsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("parley-secrets-");
    private readonly Secrets _secrets = new("one root key of enough characters"u8);

    [Fact]
    public void What_was_sealed_is_opened_again() =>
        Prop.ForAll<NonNull<string>>(text =>
        {
            // Half a surrogate pair has no UTF-8: such text is no secret that anybody could have typed.
            var secret = string.Concat(text.Get.EnumerateRunes());
            return _secrets.TryUnprotect(_secrets.Protect(secret, "context"), "context", out var opened) && opened == secret;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_sealed_text_does_not_show_the_secret_and_differs_each_time()
    {
        var (first, second) = (_secrets.Protect("sk-secret", "context"), _secrets.Protect("sk-secret", "context"));

        Assert.NotEqual(first, second);
        Assert.StartsWith("v1.", first, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", first, StringComparison.Ordinal);
    }

    [Fact]
    public void It_does_not_open_in_another_row() =>
        Assert.False(_secrets.TryUnprotect(_secrets.Protect("secret", "provider:1"), "provider:2", out _));

    [Fact]
    public void It_does_not_open_under_another_key() =>
        Assert.False(new Secrets("another root key of enough characters"u8).TryUnprotect(_secrets.Protect("secret", "context"), "context", out _));

    [Fact]
    public void No_changed_character_goes_unnoticed()
    {
        // 12 + 8 + 16 bytes fill the last base64 group, so every bit of the text counts.
        var whole = _secrets.Protect("8 bytes!", "context");

        for (var at = 0; at < whole.Length; at++)
        {
            var changed = whole.ToCharArray();
            changed[at] = changed[at] == 'A' ? 'B' : 'A';
            Assert.False(_secrets.TryUnprotect(new string(changed), "context", out _), $"character {at} was changed and it opened");
        }
    }

    [Fact]
    public void No_text_makes_it_throw() =>
        Prop.ForAll<NonNull<string>>(text =>
            !_secrets.TryUnprotect(text.Get, "context", out _) && !_secrets.TryUnprotect(_secrets.Protect("", "context")[..12] + text.Get, "context", out _)).QuickCheckThrowOnFailure();

    [Fact]
    public void Each_purpose_has_a_key_of_its_own_and_the_same_each_time()
    {
        Assert.Equal(_secrets.DeriveKey("one"), _secrets.DeriveKey("one"));
        Assert.NotEqual(_secrets.DeriveKey("one"), _secrets.DeriveKey("two"));
        Assert.Equal(32, _secrets.DeriveKey("one").Length);
    }

    [Fact]
    public void Without_a_configured_key_one_is_made_and_kept_for_the_owner_alone()
    {
        var data = new DataFolder(Path.Combine(_folder.FullName, "data"));

        var made = Secrets.Load(Configuration(), data);
        var loaded = Secrets.Load(Configuration(), data);

        Assert.Equal(made.DeriveKey("purpose"), loaded.DeriveKey("purpose"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(data["secret.key"]));
        Assert.Equal("secret.key", Assert.Single(Directory.GetFiles(data.Root), file => !file.EndsWith(".lock", StringComparison.Ordinal)) is var file ? Path.GetFileName(file) : "");
    }

    [Fact]
    public void Servers_that_start_at_once_agree_on_one_key()
    {
        var keys = new byte[8][];

        Parallel.For(0, keys.Length, i => keys[i] = Secrets.Load(Configuration(), new DataFolder(_folder.FullName)).DeriveKey("purpose"));

        Assert.All(keys, key => Assert.Equal(keys[0], key));
    }

    [Fact]
    public void A_configured_key_is_used_and_must_be_long_enough()
    {
        var data = new DataFolder(_folder.FullName);

        Secrets.Load(Configuration("0123456789abcdef0123456789abcdef"), data);

        Assert.False(File.Exists(data["secret.key"]));
        Assert.Contains("JWT_SECRET", Assert.Throws<StartupException>(() => Secrets.Load(Configuration("short"), data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_key_stops_the_start_instead_of_making_what_it_sealed_unreadable()
    {
        var data = new DataFolder(_folder.FullName);
        File.WriteAllText(data["secret.key"], "too short");

        Assert.Contains("secret.key", Assert.Throws<StartupException>(() => Secrets.Load(Configuration(), data)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static IConfiguration Configuration(string? secret = null) =>
        new ConfigurationBuilder().AddInMemoryCollection([new("JWT_SECRET", secret)]).Build();
}
