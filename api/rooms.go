package api

import (
	"context"
	"encoding/json"
	"net/http"

	"chorus/api/rest"
	"chorus/chat"
)

// Room is a room with somebody in it, or one that was asked for.
type Room struct {
	Room    string `json:"room"`
	Count   int    `json:"count" doc:"Users in the room."`
	Sockets int    `json:"sockets" doc:"Their sockets."`
}

// RoomList is a page of rooms.
type RoomList struct {
	Rooms   []Room   `json:"rooms"`
	Next    string   `json:"next,omitempty" doc:"The cursor of the next page; missing at the end."`
	Missing []string `json:"missing,omitempty" doc:"Nodes that did not answer in time: rooms of their clients may not be here."`
}

// Member is a user in a room.
type Member struct {
	ID      string          `json:"id"`
	Name    string          `json:"name,omitempty"`
	Since   int64           `json:"since" doc:"Milliseconds since 1970."`
	Devices int             `json:"devices" doc:"Sockets. 0 for a user whose last connection was lost a moment ago."`
	Data    json.RawMessage `json:"data,omitempty" doc:"What the user shows of itself."`
}

// MemberList is a page of the users in a room.
type MemberList struct {
	Room  string   `json:"room"`
	Count int      `json:"count" doc:"Users in the room."`
	Users []Member `json:"users"`
	Next  string   `json:"next,omitempty" doc:"The cursor of the next page; missing at the end."`
}

type roomsInput struct {
	Prefix string `query:"prefix" maxLength:"255" doc:"What the names begin with. Rooms of users are listed with user: alone."`
	Cursor string `query:"cursor" maxLength:"400" doc:"Next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type roomInput struct {
	Room string `path:"room"`
}

type presenceInput struct {
	Room   string `path:"room"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"Next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func registerRooms(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "listRooms", Method: http.MethodGet, Path: "/rooms", Scope: "rooms:read", Tag: "rooms",
		Summary: "List the rooms with somebody in them", Description: "By name, over the cluster.",
	}, a.listRooms)
	rest.Register(a.API, rest.Operation{
		ID: "getRoom", Method: http.MethodGet, Path: "/rooms/{room}", Scope: "rooms:read", Tag: "rooms",
		Summary: "Count who is in a room", Description: "A room that nobody is in has the count 0.",
	}, a.getRoom)
	rest.Register(a.API, rest.Operation{
		ID: "listPresence", Method: http.MethodGet, Path: "/rooms/{room}/presence", Scope: "rooms:read", Tag: "rooms",
		Summary: "List the users in a room",
	}, a.listPresence)
}

func (a *API) listRooms(ctx context.Context, in *roomsInput) (*RoomList, error) {
	after, problem := rest.ReadCursor(in.Cursor)
	if problem != nil {
		return nil, problem
	}
	page, err := a.opts.Chat.RoomsOf(ctx, in.Prefix, after, in.Limit)
	if err != nil {
		return nil, err
	}
	list := &RoomList{Rooms: make([]Room, 0, len(page.Rooms)), Missing: page.Missing}
	for _, r := range page.Rooms {
		list.Rooms = append(list.Rooms, Room{Room: r.Name, Count: r.Users, Sockets: r.Sockets})
	}
	if page.Next != "" {
		list.Next = rest.NewCursor(page.Next)
	}
	return list, nil
}

func (a *API) getRoom(ctx context.Context, in *roomInput) (*Room, error) {
	if p := checkRoom(in.Room); p != nil {
		return nil, p
	}
	r, err := a.opts.Chat.RoomOf(ctx, in.Room)
	if err != nil {
		return nil, err
	}
	return &Room{Room: r.Name, Count: r.Users, Sockets: r.Sockets}, nil
}

func (a *API) listPresence(ctx context.Context, in *presenceInput) (*MemberList, error) {
	if p := checkRoom(in.Room); p != nil {
		return nil, p
	}
	after, problem := rest.ReadCursor(in.Cursor)
	if problem != nil {
		return nil, problem
	}
	page, err := a.opts.Chat.Users(ctx, in.Room, after, in.Limit)
	if err != nil {
		return nil, err
	}
	list := &MemberList{Room: in.Room, Count: page.Count, Users: make([]Member, 0, len(page.Users))}
	for _, user := range page.Users {
		list.Users = append(list.Users, memberOf(user))
	}
	if page.Next != "" {
		list.Next = rest.NewCursor(page.Next)
	}
	return list, nil
}

func memberOf(user chat.Present) Member {
	return Member{ID: user.User, Name: user.Name, Since: user.Since, Devices: user.Devices, Data: user.Data}
}

// checkRoom returns the problem of the name of a room in a path.
func checkRoom(name string) *rest.Problem { return checkRoomAt("path.room", name) }

// checkRoomQuery returns the problem of the name of a room in a query.
func checkRoomQuery(name string) *rest.Problem { return checkRoomAt("query.room", name) }

func checkRoomAt(location, name string) *rest.Problem {
	if err := chat.CheckRoom(name); err != nil {
		return rest.Invalid(location, err.Error())
	}
	return nil
}

// checkUser returns the problem of the id of a user in a path.
func checkUser(id string) *rest.Problem {
	if err := chat.CheckUser(id); err != nil {
		return rest.Invalid("path.user", err.Error())
	}
	return nil
}
