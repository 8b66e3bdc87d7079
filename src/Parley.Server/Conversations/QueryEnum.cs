using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http.HttpResults;
using Parley.Server.Operations;
using Parley.Server.Storage;

namespace Parley.Server.Conversations;

/// <summary>Enums in a query by their names on the wire.</summary>
internal static class QueryEnum
{
    /// <summary>Null when nothing is asked; false, with a 400 that names what is allowed, when it is none of them.</summary>
    public static bool TryRead<TEnum>(string? text, string field, out TEnum? value, [NotNullWhen(false)] out ProblemHttpResult? problem)
        where TEnum : struct, Enum
    {
        problem = null;
        value = null;
        if (string.IsNullOrEmpty(text))
            return true;
        foreach (var known in Enum.GetValues<TEnum>())
        {
            if (!string.Equals(known.Name(), text, StringComparison.OrdinalIgnoreCase))
                continue;
            value = known;
            return true;
        }
        problem = Problems.BadRequest("invalid_value", $"must be one of: {string.Join(", ", Enum.GetValues<TEnum>().Select(known => known.Name()))}", field);
        return false;
    }
}
