using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.BearerToken;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.SignalR;

namespace Parley.Peers;

/// <summary>The same rooms as SignalR groups: a bearer token in the query, as its browsers have it, and a hub with two methods.</summary>
internal static class SignalRPeer
{
    extension(WebApplicationBuilder builder)
    {
        public void AddSignalRPeer()
        {
            builder.Services.AddAuthentication().AddBearerToken(bearer => bearer.Events = new BearerTokenEvents
            {
                OnMessageReceived = context =>
                {
                    context.Token = context.Request.Query["access_token"];
                    return Task.CompletedTask;
                },
            });
            builder.Services.AddAuthorization();
            builder.Services.AddSignalR();
        }
    }

    extension(WebApplication app)
    {
        public void MapSignalRPeer()
        {
            app.MapPost("/login", (string name) => TypedResults.SignIn(
                new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, name)], BearerTokenDefaults.AuthenticationScheme)),
                authenticationScheme: BearerTokenDefaults.AuthenticationScheme));
            app.MapHub<RoomHub>("/hub");
        }
    }
}

[Authorize]
internal sealed class RoomHub : Hub
{
    [HubMethodName("join")]
    public Task JoinAsync(string room) => Groups.AddToGroupAsync(Context.ConnectionId, room);

    [HubMethodName("send")]
    public Task SendAsync(string room, string text) => Clients.Group(room).SendAsync("message", Context.UserIdentifier, text);
}
