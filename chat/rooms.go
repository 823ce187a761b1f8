package chat

import (
	"fmt"
	"maps"
	"slices"

	"chorus/adapter"
	"chorus/auth"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// DefaultMaxRooms is how many rooms a client may join.
const DefaultMaxRooms = 128

// membership is a room that a client has joined by itself.
type membership struct{}

// joinOptions are the last argument of "join".
type joinOptions struct {
	Since    *string `json:"since"`
	History  int     `json:"history"`
	Presence bool    `json:"presence"`
}

// join puts a client in a room. A room in which the program has put it already stays the program's.
func (c *Chat) join(ca *call) error {
	room, err := ca.room(eventJoin)
	if err != nil {
		return err
	}
	if _, err := option[joinOptions](ca, eventJoin, 1); err != nil {
		return err
	}
	if !ca.permits(auth.ActionJoin, room) {
		return forbidden(auth.ActionJoin, room)
	}
	if err := ca.enter(room); err != nil {
		return err
	}
	ca.ok(map[string]any{"room": room})
	return nil
}

// enter makes the client a member of a room.
func (cl *client) enter(room string) error {
	if cl.member(room) {
		return nil
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.gone {
		return nil
	}
	if most := cl.chat.opts.MaxRooms; len(cl.rooms) >= most && !cl.forget() {
		return &Error{Code: CodeTooManyRooms, Message: fmt.Sprintf("a client may be in at most %d rooms: leave one first", most), Details: map[string]any{"limit": most}}
	}
	if cl.rooms == nil {
		cl.rooms = make(map[string]*membership)
	}
	cl.rooms[room] = &membership{}
	cl.socket.Join(socket.Room(room))
	adapter.MarkOwn(cl.socket, socket.Room(room))
	return nil
}

// member reports whether the client is in a room, by itself or by the program.
func (cl *client) member(room string) bool {
	return cl.joined(room) || cl.socket.Rooms().Has(socket.Room(room))
}

// joined reports whether the client has joined a room by itself.
func (cl *client) joined(room string) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.rooms[room] != nil
}

// leave takes a client out of a room that it has joined. It does not take it out of a room in which the program has
// put it.
func (c *Chat) leave(ca *call) error {
	room, err := ca.room(eventLeave)
	if err != nil {
		return err
	}
	ca.exit(room)
	ca.ok(nil)
	return nil
}

// exit ends the membership in a room, if the client has joined it.
func (cl *client) exit(room string) {
	cl.mu.Lock()
	_, mine := cl.rooms[room]
	delete(cl.rooms, room)
	cl.mu.Unlock()
	if mine {
		cl.socket.Leave(socket.Room(room))
	}
}

// expel makes the client leave a room and tells it why.
func (cl *client) expel(room string, why *Error) {
	cl.exit(room)
	_ = cl.socket.Emit(eventLeft, room, map[string]any{"code": why.Code, "message": why.Message}) // fails for reserved names only
}

// Refreshed makes a client leave the rooms that it has joined and that its new token does not permit. It is for
// auth.MiddlewareOptions.Refreshed and runs where the handlers of the socket run.
func (c *Chat) Refreshed(s *socket.Socket, claims *auth.Claims) {
	if cl := clientOf(s); cl != nil {
		cl.review(claims)
	}
}

// review makes the client leave the rooms that its token does not permit.
func (cl *client) review(claims *auth.Claims) {
	cl.mu.Lock()
	rooms := slices.Sorted(maps.Keys(cl.rooms))
	cl.mu.Unlock()
	for _, room := range rooms {
		if !permitted(claims, auth.ActionJoin, room) {
			cl.expel(room, forbidden(auth.ActionJoin, room))
		}
	}
}

// recovered makes a client that has its session back a member of the rooms that it had joined, but for those that its
// new token does not permit. Rooms into which the program has put it stay the program's.
func (cl *client) recovered() {
	cl.mu.Lock()
	for _, room := range adapter.OwnRooms(cl.socket) {
		if cl.rooms == nil {
			cl.rooms = make(map[string]*membership)
		}
		cl.rooms[string(room)] = &membership{}
	}
	cl.mu.Unlock()
	if !cl.chat.opts.Open {
		cl.review(cl.claims())
	}
}

// forget drops the rooms out of which the program has taken the client, and reports whether there were any; cl.mu is
// held.
func (cl *client) forget() bool {
	before, in := len(cl.rooms), cl.socket.Rooms()
	maps.DeleteFunc(cl.rooms, func(room string, _ *membership) bool { return !in.Has(socket.Room(room)) })
	return len(cl.rooms) < before
}
