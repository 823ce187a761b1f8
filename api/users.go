package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"chorus/api/rest"
	"chorus/chat"
)

// User is a user, online or not.
type User struct {
	User   string          `json:"user"`
	Name   string          `json:"name,omitempty"`
	Online bool            `json:"online"`
	Count  int             `json:"count" doc:"Sockets of the user."`
	Since  int64           `json:"since,omitempty" doc:"Since when the user is online, in milliseconds since 1970."`
	Rooms  []string        `json:"rooms" doc:"Rooms in which a socket of the user is."`
	Data   json.RawMessage `json:"data,omitempty" doc:"What the user shows of itself."`
}

// ConnectionList are the sockets of a user.
type ConnectionList struct {
	User        string            `json:"user"`
	Count       int               `json:"count"`
	Connections []chat.Connection `json:"connections"`
	Missing     []string          `json:"missing,omitempty" doc:"Nodes that did not answer in time: their sockets are not here."`
}

// MarkerList is up to where a user has read.
type MarkerList struct {
	User  string        `json:"user"`
	Rooms []chat.Marker `json:"rooms" doc:"Rooms and conversations with a history in which the user has read or said something."`
}

// SocketCount says for how many sockets something was done.
type SocketCount struct {
	Count int `json:"count" doc:"Sockets."`
}

// ErasedUser says what was removed of a user.
type ErasedUser struct {
	User     string `json:"user"`
	Messages int    `json:"messages" doc:"Messages that are gone."`
	Logs     int    `json:"logs" doc:"Rooms and conversations that were looked through."`
}

type userInput struct {
	User string `path:"user"`
}

type disconnectInput struct {
	User string `path:"user"`
	Body *struct{}
}

type joinInput struct {
	User string  `path:"user"`
	Room string  `path:"room"`
	For  float64 `query:"for" minimum:"0" maximum:"604800" doc:"Seconds: sockets of the user that come within them join too."`
}

type leaveInput struct {
	User string `path:"user"`
	Room string `path:"room"`
}

// codeRemoved is why a client left a room out of which the API took it.
const codeRemoved = "removed"

func registerUsers(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "getUser", Method: http.MethodGet, Path: "/users/{user}", Scope: "users:read", Tag: "users",
		Summary: "Say whether a user is online, and where", Description: "A user whom nobody knows is not online.",
	}, a.getUser)
	rest.Register(a.API, rest.Operation{
		ID: "listConnections", Method: http.MethodGet, Path: "/users/{user}/connections", Scope: "users:read", Tag: "users",
		Summary: "List the sockets of a user",
	}, a.listConnections)
	rest.Register(a.API, rest.Operation{
		ID: "listMarkers", Method: http.MethodGet, Path: "/users/{user}/unread", Scope: "users:read", Tag: "users",
		Summary: "Tell up to where a user has read, and what is unread",
	}, a.listMarkers)
	rest.Register(a.API, rest.Operation{
		ID: "disconnectUser", Method: http.MethodPost, Path: "/users/{user}/disconnect", Scope: "users", Tag: "users",
		Summary:     "Disconnect all sockets of a user",
		Description: "Clients do not connect again by themselves after it. Revoke the tokens of a user that must not come back.",
	}, a.disconnectUser)
	rest.Register(a.API, rest.Operation{
		ID: "joinUser", Method: http.MethodPut, Path: "/users/{user}/rooms/{room}", Scope: "users", Tag: "users",
		Summary: "Put all sockets of a user into a room", Description: "The tokens need not permit it.",
	}, a.joinUser)
	rest.Register(a.API, rest.Operation{
		ID: "leaveUser", Method: http.MethodDelete, Path: "/users/{user}/rooms/{room}", Scope: "users", Tag: "users",
		Summary: "Take all sockets of a user out of a room", Description: "They hear `left` with the code `removed`. Sockets that are to come do not join any more.",
	}, a.leaveUser)
	rest.Register(a.API, rest.Operation{
		ID: "eraseUser", Method: http.MethodDelete, Path: "/users/{user}/data", Scope: "users", Tag: "users",
		Summary: "Remove what the cluster keeps of a user",
		Description: "Messages, reactions and mentions in all rooms and conversations, read markers and presence data. Bans and reports stay. " +
			"Disconnect the user before: what it says meanwhile may stay.",
	}, a.eraseUser)
}

func (a *API) getUser(ctx context.Context, in *userInput) (*User, error) {
	if p := checkUser(in.User); p != nil {
		return nil, p
	}
	present, online, err := a.opts.Chat.Online(ctx, in.User)
	if err != nil {
		return nil, err
	}
	user := &User{User: in.User, Rooms: []string{}}
	if !online {
		return user, nil
	}
	user.Name, user.Since, user.Data = present.Name, present.Since, present.Data
	connections, _, err := a.opts.Chat.Connections(ctx, in.User)
	if err != nil {
		return nil, err
	}
	rooms := make(map[string]struct{})
	for _, c := range connections {
		for _, room := range c.Rooms {
			rooms[room] = struct{}{}
		}
	}
	user.Rooms = slices.AppendSeq(user.Rooms, maps.Keys(rooms))
	slices.Sort(user.Rooms)
	user.Count = max(present.Devices, len(connections))
	user.Online = user.Count > 0
	return user, nil
}

func (a *API) listConnections(ctx context.Context, in *userInput) (*ConnectionList, error) {
	if p := checkUser(in.User); p != nil {
		return nil, p
	}
	if _, _, err := a.opts.Chat.Online(ctx, in.User); err != nil {
		return nil, err // Redis is away, and with it the other nodes
	}
	connections, missing, err := a.opts.Chat.Connections(ctx, in.User)
	if err != nil {
		return nil, err
	}
	return &ConnectionList{User: in.User, Count: len(connections), Connections: connections, Missing: missing}, nil
}

func (a *API) listMarkers(ctx context.Context, in *userInput) (*MarkerList, error) {
	if p := checkUser(in.User); p != nil {
		return nil, p
	}
	markers, err := a.opts.Chat.Markers(ctx, in.User)
	return &MarkerList{User: in.User, Rooms: markers}, err
}

func (a *API) disconnectUser(ctx context.Context, in *disconnectInput) (*SocketCount, error) {
	if p := checkUser(in.User); p != nil {
		return nil, p
	}
	count, err := a.opts.Chat.DisconnectUser(ctx, in.User)
	return &SocketCount{count}, err
}

// checkUserRoom returns the problem of a user and a room in a path.
func checkUserRoom(user, room string) *rest.Problem {
	if p := checkUser(user); p != nil {
		return p
	}
	return checkRoom(room)
}

func (a *API) joinUser(ctx context.Context, in *joinInput) (*SocketCount, error) {
	if p := checkUserRoom(in.User, in.Room); p != nil {
		return nil, p
	}
	count, err := a.opts.Chat.JoinUser(ctx, in.User, in.Room, time.Duration(in.For*float64(time.Second)))
	return &SocketCount{count}, err
}

func (a *API) leaveUser(ctx context.Context, in *leaveInput) (*SocketCount, error) {
	if p := checkUserRoom(in.User, in.Room); p != nil {
		return nil, p
	}
	count, err := a.opts.Chat.LeaveUser(ctx, in.User, in.Room, &chat.Error{Code: codeRemoved, Message: "the server has taken you out of the room"})
	return &SocketCount{count}, err
}

func (a *API) eraseUser(ctx context.Context, in *userInput) (*ErasedUser, error) {
	if p := checkUser(in.User); p != nil {
		return nil, p
	}
	erased, err := a.opts.Chat.EraseUser(ctx, in.User)
	return &ErasedUser{User: in.User, Messages: erased.Messages, Logs: erased.Logs}, err
}
