package rooms

import (
	"maps"
	"slices"
	"sync"

	"chorus/adapter/wire"
	"chorus/engine"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// index knows which socket of this node is in which room. Both directions are kept under one
// lock: with two independent maps a join that meets the last leave of a room loses its member.
// It is safe for concurrent use.
type index struct {
	mu    sync.RWMutex
	rooms map[socket.Room]*room
	sids  map[socket.SocketId]*member
	all   cache         // of everybody
	last  wire.StreamID // of the messages to everybody, see note
	// connecting is how many members are in the room of their id and receive nothing yet.
	connecting int
}

// member is a socket that is in a room at least.
type member struct {
	id     socket.SocketId
	rooms  []*room                  // but its own
	own    bool                     // it is in the room of its id, which every socket has: see room
	chosen map[socket.Room]struct{} // rooms that the client joined by itself: see mark
	last   wire.StreamID            // of the messages to that room

	// Nil until the socket has connected: nothing is delivered before.
	socket *socket.Socket
	conn   *engine.Conn // nil with another engine
}

// room is a room with members. The room of a socket's id has none of its own but sockets that were
// put there besides; most such rooms are not there at all.
type room struct {
	name    socket.Room
	members map[*member]struct{}
	cache   cache
	last    wire.StreamID // of the messages to it
}

// change says what a join or leave did to one room.
type change struct {
	room   socket.Room
	moved  bool // the socket was not in the room before the join, or was in it before the leave
	edge   bool // the room came into being by the join, or ended with the leave
	socket socket.SocketId
}

func newIndex() *index {
	return &index{rooms: make(map[socket.Room]*room), sids: make(map[socket.SocketId]*member)}
}

// add puts a socket into rooms.
func (x *index) add(id socket.SocketId, rooms []socket.Room) []change {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.sids[id]
	if m == nil {
		m = &member{id: id}
		x.sids[id] = m
		x.all.drop()
	}
	changes := make([]change, 0, len(rooms))
	for _, name := range rooms {
		changes = append(changes, x.join(m, name))
	}
	return changes
}

// join puts a member into a room; x.mu is held.
func (x *index) join(m *member, name socket.Room) change {
	c := change{room: name, socket: m.id, edge: !x.exists(name)}
	if name == socket.Room(m.id) {
		if c.moved = !m.own; c.moved && m.socket == nil {
			x.connecting++
		}
		m.own = true
		return c
	}
	r := x.rooms[name]
	if r == nil {
		r = &room{name: name, members: make(map[*member]struct{}, 1)}
		x.rooms[name] = r
	}
	if r.has(m) {
		return c
	}
	c.moved = true
	r.members[m] = struct{}{}
	r.cache.drop()
	m.rooms = append(m.rooms, r)
	return c
}

// has reports whether a member is in the room; r may be nil.
func (r *room) has(m *member) bool {
	if r == nil {
		return false
	}
	_, ok := r.members[m]
	return ok
}

// drop forgets a room, of which the member has one entry. The newest ones are found first.
func (m *member) drop(r *room) {
	last := len(m.rooms) - 1
	for i := last; i >= 0; i-- {
		if m.rooms[i] == r {
			m.rooms[i], m.rooms[last] = m.rooms[last], nil
			m.rooms = m.rooms[:last]
			return
		}
	}
}

// mark notes that a client has joined rooms, in which it is, by itself. That ends when it leaves them.
func (x *index) mark(id socket.SocketId, rooms []socket.Room) {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.sids[id]
	if m == nil {
		return
	}
	for _, name := range rooms {
		if x.rooms[name].has(m) {
			if m.chosen == nil {
				m.chosen = make(map[socket.Room]struct{})
			}
			m.chosen[name] = struct{}{}
		}
	}
}

// marked returns the rooms that mark has noted.
func (x *index) marked(id socket.SocketId) []socket.Room {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if m := x.sids[id]; m != nil {
		return slices.Sorted(maps.Keys(m.chosen))
	}
	return nil
}

// attach makes a socket known that has connected: from now on it gets what its rooms get. It
// returns false when the socket has gone already.
func (x *index) attach(s *socket.Socket, conn *engine.Conn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.sids[s.Id()]
	if m == nil {
		return false
	}
	if m.own && m.socket == nil {
		x.connecting--
	}
	m.socket, m.conn = s, conn
	x.all.drop()
	for _, r := range m.rooms {
		r.cache.drop()
	}
	return true
}

// remove takes a socket out of one room.
func (x *index) remove(id socket.SocketId, name socket.Room) change {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.sids[id]
	if m == nil {
		return change{room: name, socket: id}
	}
	return x.leave(m, name)
}

// removeAll takes a socket out of every room and forgets it.
func (x *index) removeAll(id socket.SocketId) []change {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.sids[id]
	if m == nil {
		return nil
	}
	changes := make([]change, 0, len(m.rooms)+1)
	if m.own {
		changes = append(changes, x.leave(m, socket.Room(id)))
	}
	for i := len(m.rooms) - 1; i >= 0; i-- { // the last one is found first
		changes = append(changes, x.leave(m, m.rooms[i].name))
	}
	delete(x.sids, id)
	x.all.drop()
	return changes
}

// leave takes a member out of a room; x.mu is held.
func (x *index) leave(m *member, name socket.Room) change {
	c := change{room: name, socket: m.id}
	if name == socket.Room(m.id) {
		if c.moved, m.own = m.own, false; c.moved && m.socket == nil {
			x.connecting--
		}
		c.edge = c.moved && !x.exists(name)
		return c
	}
	r := x.rooms[name]
	if !r.has(m) {
		return c
	}
	c.moved = true
	m.drop(r)
	delete(m.chosen, name)
	delete(r.members, m)
	r.cache.drop()
	if len(r.members) == 0 {
		delete(x.rooms, name)
	}
	c.edge = !x.exists(name)
	return c
}
