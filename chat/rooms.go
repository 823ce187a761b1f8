package chat

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"weak"

	"chorus/adapter"
	"chorus/auth"
	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// DefaultMaxRooms is how many rooms a client may be in by its own "join".
const DefaultMaxRooms = 128

// join puts a client in a room. A room in which the program has put it already stays the program's.
func (c *Chat) join(s *socket.Socket, args []any) {
	args, ack := codec.SplitAck(args)
	room, err := onlyRoomOf(eventJoin, args)
	switch {
	case err != nil:
		ack(refusal(CodeBadRequest, err.Error()))
		return
	case !c.permits(s, auth.ActionJoin, room):
		ack(auth.Forbidden(auth.ActionJoin, room))
		return
	}
	rooms := c.members.of(s)
	if _, mine := rooms[room]; !mine && !s.Rooms().Has(socket.Room(room)) {
		if len(rooms) >= c.opts.MaxRooms && !forget(rooms, s) {
			ack(refusal(CodeTooManyRooms, fmt.Sprintf("a client may be in at most %d rooms: leave one first", c.opts.MaxRooms)))
			return
		}
		rooms[room] = struct{}{}
		s.Join(socket.Room(room))
		adapter.MarkOwn(s, socket.Room(room))
	}
	ack(accepted())
}

// leave takes a client out of a room that it has joined. Out of others, in which the program has put it,
// it does not get.
func (c *Chat) leave(s *socket.Socket, args []any) {
	args, ack := codec.SplitAck(args)
	room, err := onlyRoomOf(eventLeave, args)
	if err != nil {
		ack(refusal(CodeBadRequest, err.Error()))
		return
	}
	rooms := c.members.known(s)
	if _, mine := rooms[room]; mine {
		delete(rooms, room)
		s.Leave(socket.Room(room))
	}
	ack(accepted())
}

// Refreshed makes a client leave the rooms that it has joined and that its new token does not permit. It is for
// auth.MiddlewareOptions.Refreshed and runs where the handlers of the socket run.
func (c *Chat) Refreshed(s *socket.Socket, claims *auth.Claims) {
	rooms := c.members.known(s)
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		if claims.CanJoin(room) {
			continue
		}
		delete(rooms, room)
		s.Leave(socket.Room(room))
		_ = s.Emit(eventLeft, room, map[string]any{"code": auth.CodeForbidden}) // fails for reserved names only
	}
}

// recovered makes a client that has its session back a member of the rooms that it had joined, but for those
// that its new token does not permit. The others, into which the program has put it, stay the program's.
func (c *Chat) recovered(s *socket.Socket) {
	rooms := c.members.of(s)
	for _, room := range adapter.OwnRooms(s) {
		rooms[string(room)] = struct{}{}
	}
	if !c.opts.Open {
		c.Refreshed(s, auth.FromSocket(s))
	}
}

// forget drops the rooms out of which the program has taken a client, and tells whether there were any.
func forget(rooms map[string]struct{}, s *socket.Socket) bool {
	before, in := len(rooms), s.Rooms()
	maps.DeleteFunc(rooms, func(room string, _ struct{}) bool { return !in.Has(socket.Room(room)) })
	return len(rooms) < before
}

// memberships are the rooms that clients have joined, of those who have joined any. The library's Socket
// has no place for them: its data belongs to the program. The keys are weak, so an entry lives as long as
// its socket does. The rooms of a socket are touched by its handlers only, which run one after the other.
type memberships struct {
	rooms sync.Map // weak.Pointer[socket.Socket] -> map[string]struct{}
}

// of returns the rooms of a socket, to be changed.
func (m *memberships) of(s *socket.Socket) map[string]struct{} {
	if rooms := m.known(s); rooms != nil {
		return rooms
	}
	rooms, key := make(map[string]struct{}), weak.Make(s)
	m.rooms.Store(key, rooms)
	runtime.AddCleanup(s, func(key weak.Pointer[socket.Socket]) { m.rooms.Delete(key) }, key)
	return rooms
}

// known returns the rooms of a socket, nil when it has never joined one.
func (m *memberships) known(s *socket.Socket) map[string]struct{} {
	rooms, ok := m.rooms.Load(weak.Make(s))
	if !ok {
		return nil
	}
	return rooms.(map[string]struct{}) //nolint:errcheck,forcetypeassert // of stores nothing else
}
