using System.Text.Json;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Parley.Server.Storage;

/// <summary>Enums stand in the database and on the wire by their names in snake_case.</summary>
internal static class EnumName
{
    public static string Name<TEnum>(this TEnum value) where TEnum : struct, Enum => Names<TEnum>.ByValue[value];

    public static TEnum Parse<TEnum>(string name) where TEnum : struct, Enum => Names<TEnum>.ByName[name];

    public static ValueConverter<TEnum, string> Of<TEnum>() where TEnum : struct, Enum =>
        new(value => value.Name(), name => Parse<TEnum>(name));

    private static class Names<TEnum> where TEnum : struct, Enum
    {
        public static readonly Dictionary<TEnum, string> ByValue = Enum.GetValues<TEnum>().ToDictionary(value => value, value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));
        public static readonly Dictionary<string, TEnum> ByName = ByValue.ToDictionary(pair => pair.Value, pair => pair.Key);
    }
}
