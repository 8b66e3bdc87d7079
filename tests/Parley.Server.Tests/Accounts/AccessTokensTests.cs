using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Parley.Server.Accounts;
using Xunit;

namespace Parley.Server.Tests.Accounts;

public sealed class AccessTokensTests
{
    private static readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private readonly ManualTime _time = new();
    private readonly AccessTokens _tokens;

    public AccessTokensTests() => _tokens = new(new SigningKey(_secret), _time);

    [Fact]
    public void A_users_token_says_who_it_is()
    {
        var (tenant, user, session) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());

        var read = _tokens.TryRead(_tokens.IssueUser(tenant, user, session, Role.Supervisor, "陈 \"Ada\" 🙂", isOperator: true), out Caller? caller);

        Assert.True(read);
        Assert.Equal((tenant, user, session, Role.Supervisor, "陈 \"Ada\" 🙂", true), (caller!.TenantId, caller.Id, caller.SessionId, caller.Role, caller.Name, caller.Operator));
        Assert.Null(caller.ConversationId);
    }

    [Fact]
    public void A_visitors_token_opens_one_conversation_and_has_no_role()
    {
        var (tenant, contact, session, conversation) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());

        var read = _tokens.TryRead(_tokens.IssueVisitor(tenant, contact, session, conversation, "", TimeSpan.FromHours(1)), out Caller? caller);

        Assert.True(read);
        Assert.Equal((CallerKind.Visitor, contact, conversation, null), (caller!.Kind, caller.Id, caller.ConversationId, caller.Role));
        Assert.False(caller.AtLeast(Role.Member));
    }

    [Fact]
    public void The_claims_are_those_that_clients_are_promised()
    {
        var token = _tokens.IssueUser(Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Role.Agent, "Ada", isOperator: false);

        var claims = JsonNode.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]))!.AsObject();

        Assert.Superset(new HashSet<string> { "sub", "tid", "role", "sid", "exp", "iat", "iss", "jti", "name" }, claims.Select(claim => claim.Key).ToHashSet());
        Assert.Equal("agent", (string?)claims["role"]);
        Assert.Equal(15 * 60, (long)claims["exp"]! - (long)claims["iat"]!);
    }

    [Fact]
    public void A_token_of_another_library_with_the_same_secret_is_read()
    {
        // Members in another order, as python's jose or node's jsonwebtoken write them.
        var token = Signed("""{"typ":"JWT","alg":"HS256"}""", Claims(), _secret);

        Assert.True(_tokens.TryRead(token, out Caller? _));
    }

    [Fact]
    public void It_expires_on_the_second()
    {
        var token = _tokens.IssueUser(Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Role.Member, "Ada", isOperator: false);

        _time.Advance(AccessTokens.UserLifetime - TimeSpan.FromSeconds(1));
        var before = _tokens.TryRead(token, out Caller? _);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.True(before);
        Assert.False(_tokens.TryRead(token, out Caller? _));
    }

    [Theory]
    [InlineData("""{"alg":"none","typ":"JWT"}""")]
    [InlineData("""{"alg":"HS512","typ":"JWT"}""")]
    [InlineData("""{"alg":"RS256","typ":"JWT"}""")]
    [InlineData("""{"alg":"HS256","crit":["x"],"x":1}""")]
    [InlineData("""{"typ":"JWT"}""")]
    [InlineData("""[]""")]
    [InlineData("""not json""")]
    public void A_header_that_names_anything_but_HS256_is_refused_even_when_signed(string header) =>
        Assert.False(_tokens.TryRead(Signed(header, Claims(), _secret), out Caller? _));

    [Fact]
    public void An_unsigned_token_is_refused() =>
        Assert.False(_tokens.TryRead($"{Encode("""{"alg":"none"}""")}.{Encode(Claims().ToJsonString())}.", out Caller? _));

    [Fact]
    public void Another_installations_token_is_refused() =>
        Assert.False(_tokens.TryRead(Signed("""{"alg":"HS256","typ":"JWT"}""", Claims(), RandomNumberGenerator.GetBytes(32)), out Caller? _));

    [Theory]
    [InlineData("sub")]
    [InlineData("tid")]
    [InlineData("sid")]
    [InlineData("role")]
    [InlineData("iss")]
    [InlineData("exp")]
    public void A_claim_that_is_missing_or_of_another_type_makes_it_worthless(string claim)
    {
        var (without, wrong) = (Claims(), Claims());
        without.Remove(claim);
        wrong[claim] = new JsonArray(1, "x");

        Assert.False(_tokens.TryRead(Signed("""{"alg":"HS256","typ":"JWT"}""", without, _secret), out Caller? _));
        Assert.False(_tokens.TryRead(Signed("""{"alg":"HS256","typ":"JWT"}""", wrong, _secret), out Caller? _));
    }

    [Fact]
    public void A_visitors_token_without_its_conversation_is_refused()
    {
        var claims = Claims();
        claims["role"] = "visitor";

        Assert.False(_tokens.TryRead(Signed("""{"alg":"HS256","typ":"JWT"}""", claims, _secret), out Caller? _));
    }

    [Fact]
    public void No_change_of_a_character_and_no_cut_leaves_it_valid()
    {
        var token = _tokens.IssueUser(Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Role.Member, "Ada", isOperator: false);

        Prop.ForAll(ArbMap.Default.ArbFor<(int At, char Put)>(), change =>
        {
            var at = (int)((uint)change.At % token.Length);
            var changed = token.ToCharArray();
            changed[at] = change.Put;
            var cut = token[..at];
            return (change.Put == token[at] || SameBytes(token, new string(changed)) || !_tokens.TryRead(new string(changed), out Caller? _)) && !_tokens.TryRead(cut, out Caller? _);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void No_text_makes_it_throw() =>
        Prop.ForAll<string>(text => text is null || !_tokens.TryRead(text, out Caller? _)).QuickCheckThrowOnFailure();

    [Fact]
    public void No_signed_bytes_make_it_throw() =>
        Prop.ForAll<byte[]>(payload =>
        {
            var signed = $"{Encode("""{"alg":"HS256","typ":"JWT"}""")}.{Base64Url.EncodeToString(payload ?? [])}";
            return !_tokens.TryRead($"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(_secret, Encoding.ASCII.GetBytes(signed)))}", out Caller? _);
        }).QuickCheckThrowOnFailure();

    // The last character of a base64url text has bits that no byte needs; another one there spells the same signature.
    private static bool SameBytes(string token, string changed)
    {
        var (known, other) = (token[(token.LastIndexOf('.') + 1)..], changed[(changed.LastIndexOf('.') + 1)..]);
        return token[..^known.Length] == changed[..^other.Length] && Base64Url.IsValid(other)
            && Base64Url.DecodeFromChars(known).AsSpan().SequenceEqual(Base64Url.DecodeFromChars(other));
    }

    private JsonObject Claims() => new()
    {
        ["name"] = "Ada",
        ["iss"] = "parley",
        ["exp"] = _time.GetUtcNow().AddMinutes(5).ToUnixTimeSeconds(),
        ["role"] = "member",
        ["sid"] = Guid.CreateVersion7().ToString(),
        ["tid"] = Guid.CreateVersion7().ToString(),
        ["sub"] = Guid.CreateVersion7().ToString(),
    };

    private static string Signed(string header, JsonObject claims, byte[] secret)
    {
        var signed = $"{Encode(header)}.{Encode(claims.ToJsonString())}";
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed)))}";
    }

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private sealed class ManualTime : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => _now;

        public void Advance(TimeSpan by) => _now += by;
    }
}
