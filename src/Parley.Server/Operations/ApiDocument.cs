using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Parley.Server.Operations;

/// <summary>The OpenAPI description of <c>/api/v1</c>, made when it is first asked for. Its words are the handlers' doc comments.</summary>
internal static class ApiDocument
{
    public const string Name = "v1";

    private const string ProblemSchema = "Problem";

    private const string Introduction =
        """
        One origin serves everything. Send `Authorization: Bearer <token>` with a user's access token (`POST /auth/login`), a visitor's token
        (`POST /widget/sessions`) or an API key (`pk_…`, `POST /api-keys`). Which role or key may call which route: [/docs/access](/docs/access).

        Errors are `application/problem+json` with a stable `code` and the `request_id` under which the log has the request. Lists answer
        `{items, next_cursor}` and take `?limit=` (50, at most 200) and `?cursor=`. Any POST takes an `Idempotency-Key`, kept for 24 hours:
        the same request again gets the first answer with `Idempotency-Replayed: true`. Every answer tells in `RateLimit-Limit`,
        `RateLimit-Remaining` and `RateLimit-Reset` how many requests are left; 429 comes with `Retry-After`.
        """;

    public static void AddApiDocument(this IServiceCollection services) => services.AddOpenApi(Name, options =>
    {
        options.ShouldInclude = api => api.RelativePath?.StartsWith("api/v1/", StringComparison.Ordinal) is true;
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new() { Title = "Parley", Version = Health.Version, Description = Introduction };
            document.Servers = [new() { Url = "/" }];
            document.Components ??= new();
            document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
            document.Components.Schemas[ProblemSchema] = Problem();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                ["bearer"] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    BearerFormat = "JWT or API key",
                    Description = "A user's access token, a visitor's token or an API key (`pk_…`).",
                },
            };
            document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", document)] = [] }];
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            operation.Responses ??= [];
            var problem = new OpenApiSchemaReference(ProblemSchema, context.Document);
            foreach (var (status, response) in operation.Responses)
            {
                if (status[0] is '4' or '5' && response is OpenApiResponse { Content: { Count: > 0 } content })
                {
                    content.Clear();
                    content["application/problem+json"] = new OpenApiMediaType { Schema = problem };
                }
            }
            var bindings = context.Description.ActionDescriptor.EndpointMetadata.OfType<IParameterBindingMetadata>().ToList();
            foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
            {
                if (bindings.Find(binding => binding.Name == parameter.Name) is { } binding && Choice.EnumOf(binding.ParameterInfo.ParameterType) is { } choice)
                    parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. WireJson.NamesOf(choice).Select(name => JsonValue.Create(name))] };
            }
            operation.Responses.TryAdd("default", new OpenApiResponse
            {
                Description = "A problem: what is wrong, with a stable `code`.",
                Content = new Dictionary<string, OpenApiMediaType> { ["application/problem+json"] = new() { Schema = problem } },
            });
            return Task.CompletedTask;
        });
    });

    /// <summary>Serves it. MapOpenApi does the same, and builds its handler from expressions at every start.</summary>
    public static void MapApiDocument(this IEndpointRouteBuilder routes) =>
        routes.MapGet($"/openapi/{Name}.json", static async Task (HttpContext context) =>
        {
            var document = await context.RequestServices.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name).GetOpenApiDocumentAsync(context.RequestAborted);
            using var json = new MemoryStream();
            await document.SerializeAsJsonAsync(json, OpenApiSpecVersion.OpenApi3_1, context.RequestAborted);
            context.Response.ContentType = "application/json; charset=utf-8";
            context.Response.ContentLength = json.Length;
            await context.Response.Body.WriteAsync(json.GetBuffer().AsMemory(0, (int)json.Length), context.RequestAborted);
        }).AllowAnonymous().ExcludeFromDescription();

    private static OpenApiSchema Problem() => new()
    {
        Type = JsonSchemaType.Object,
        Description = "RFC 9457 problem details.",
        Required = new HashSet<string> { "type", "title", "status", "code", "request_id" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = Text("Always `about:blank`: the code tells."),
            ["title"] = Text("The status in words."),
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer },
            ["detail"] = Text("What is wrong, for people."),
            ["code"] = Text("What is wrong, for programs; it does not change."),
            ["request_id"] = Text("Under which the log has the request."),
            ["errors"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description = "Messages by field, on 400.",
                AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } },
            },
        },
    };

    private static OpenApiSchema Text(string description) => new() { Type = JsonSchemaType.String, Description = description };
}
