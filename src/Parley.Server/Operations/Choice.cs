using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Parley.Server.Operations;

/// <summary>
/// An enum in a query, by its name on the wire: <c>?role=supervisor</c>. The generated handlers would read a bare enum by its C# name, and numbers too.
/// </summary>
internal readonly record struct Choice<TEnum>(TEnum Value) : IParsable<Choice<TEnum>> where TEnum : struct, Enum
{
    private static readonly Dictionary<string, TEnum> _values =
        Enum.GetValues<TEnum>().Distinct().ToDictionary(value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));

    public static Choice<TEnum> Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var choice) ? choice : throw new FormatException("Not one of them.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Choice<TEnum> result)
    {
        result = default;
        if (s is null || !_values.TryGetValue(s, out var value))
            return false;
        result = new(value);
        return true;
    }
}

internal static class Choice
{
    /// <summary>The enum that a parameter of this type takes one of; null when it is none.</summary>
    public static Type? EnumOf(Type parameterType)
    {
        var type = Nullable.GetUnderlyingType(parameterType) ?? parameterType;
        return type.IsEnum ? type
            : type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Choice<>) ? type.GenericTypeArguments[0]
            : null;
    }
}
