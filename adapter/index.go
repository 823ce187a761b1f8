package adapter

import (
	"sync"

	"chorus/adapter/wire"
	"chorus/engine"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
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
}

// member is a socket that is in a room at least.
type member struct {
	id    socket.SocketId
	rooms map[socket.Room]*room // but its own; nil while there are none
	own   bool                  // it is in the room of its id, which every socket has: see room
	last  wire.StreamID         // of the messages to that room

	// Nil until the socket has connected: nothing is delivered before.
	socket *socket.Socket
	conn   *engine.Conn // nil with another engine
}

// room is a room with members. The room of a socket's id has none of its own but sockets that were
// put there besides; most such rooms are not there at all.
type room struct {
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
		c.moved = !m.own
		m.own = true
		return c
	}
	r := x.rooms[name]
	if r == nil {
		r = &room{members: make(map[*member]struct{}, 1)}
		x.rooms[name] = r
	}
	if _, was := r.members[m]; was {
		return c
	}
	c.moved = true
	r.members[m] = struct{}{}
	r.cache.drop()
	if m.rooms == nil {
		m.rooms = make(map[socket.Room]*room, 1)
	}
	m.rooms[name] = r
	return c
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
func (x *index) removeAll(id socket.SocketId) (m *member, changes []change) {
	x.mu.Lock()
	defer x.mu.Unlock()
	m = x.sids[id]
	if m == nil {
		return nil, nil
	}
	changes = make([]change, 0, len(m.rooms)+1)
	if m.own {
		changes = append(changes, x.leave(m, socket.Room(id)))
	}
	for name := range m.rooms {
		changes = append(changes, x.leave(m, name))
	}
	delete(x.sids, id)
	x.all.drop()
	return m, changes
}

// leave takes a member out of a room; x.mu is held.
func (x *index) leave(m *member, name socket.Room) change {
	c := change{room: name, socket: m.id}
	if name == socket.Room(m.id) {
		c.moved, m.own = m.own, false
		c.edge = c.moved && !x.exists(name)
		return c
	}
	r := m.rooms[name]
	if r == nil {
		return c
	}
	c.moved = true
	delete(m.rooms, name)
	delete(r.members, m)
	r.cache.drop()
	if len(r.members) == 0 {
		delete(x.rooms, name)
	}
	c.edge = !x.exists(name)
	return c
}

// exists tells whether a room has a member; x.mu is held.
func (x *index) exists(name socket.Room) bool {
	if _, ok := x.rooms[name]; ok {
		return true
	}
	return x.owner(name) != nil
}

// owner returns the socket whose own room this is, when it is in it; x.mu is held.
func (x *index) owner(name socket.Room) *member {
	if m := x.sids[socket.SocketId(name)]; m != nil && m.own {
		return m
	}
	return nil
}

// has tells whether a socket of this node is in the room.
func (x *index) has(name socket.Room) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.exists(name)
}

// isSocket tells whether the room is a socket's own, on this node.
func (x *index) isSocket(name socket.Room) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.sids[socket.SocketId(name)] != nil
}

// hasAny tells whether a socket of this node is in one of the rooms; no rooms stands for all
// sockets of the namespace.
func (x *index) hasAny(rooms []socket.Room) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(rooms) == 0 {
		return len(x.sids) > 0
	}
	for _, name := range rooms {
		if x.exists(name) {
			return true
		}
	}
	return false
}

// note remembers a message to rooms, no rooms standing for all, as the last that they got.
func (x *index) note(rooms []socket.Room, id wire.StreamID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(rooms) == 0 {
		x.last = id
	}
	for _, name := range rooms {
		if r := x.rooms[name]; r != nil {
			r.last = id
		}
		if m := x.owner(name); m != nil {
			m.last = id
		}
	}
}

// lastFor returns the last message that may have been for somebody who has been in these rooms since then.
func (x *index) lastFor(rooms map[socket.Room]wire.StreamID, start wire.StreamID) (last wire.StreamID) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	count := func(id, since wire.StreamID) {
		if id.Compare(since) > 0 && id.Compare(last) > 0 {
			last = id
		}
	}
	count(x.last, start)
	for name, since := range rooms {
		if r := x.rooms[name]; r != nil {
			count(r.last, since)
		}
		if m := x.owner(name); m != nil {
			count(m.last, since)
		}
	}
	return last
}

// eachMember calls use with every member of a room; x.mu is held.
func (x *index) eachMember(name socket.Room, use func(*member)) {
	if m := x.owner(name); m != nil {
		use(m)
	}
	if r := x.rooms[name]; r != nil {
		for m := range r.members {
			use(m)
		}
	}
}

// selectIDs returns the sockets that are in at least one of rooms (no rooms: all) and in none of
// except, each once.
func (x *index) selectIDs(rooms, except []socket.Room) []socket.SocketId {
	x.mu.RLock()
	defer x.mu.RUnlock()

	var ids []socket.SocketId
	take := func(m *member) {
		if !x.inAny(m, except) {
			ids = append(ids, m.id)
		}
	}
	switch len(rooms) {
	case 0:
		for _, m := range x.sids {
			take(m)
		}
	case 1:
		x.eachMember(rooms[0], take)
	default:
		seen := make(map[*member]struct{})
		for _, name := range rooms {
			x.eachMember(name, func(m *member) {
				if _, twice := seen[m]; !twice {
					seen[m] = struct{}{}
					take(m)
				}
			})
		}
	}
	return ids
}

// inAny tells whether the member is in one of rooms; x.mu is held.
func (x *index) inAny(m *member, rooms []socket.Room) bool {
	for _, name := range rooms {
		if _, ok := m.rooms[name]; ok || m.own && name == socket.Room(m.id) {
			return true
		}
	}
	return false
}

// roomsOf returns a copy of the socket's rooms, nil for a socket that is in none.
func (x *index) roomsOf(id socket.SocketId) *types.Set[socket.Room] {
	x.mu.RLock()
	defer x.mu.RUnlock()
	m, ok := x.sids[id]
	if !ok {
		return nil
	}
	return m.roomSet()
}

func (m *member) roomSet() *types.Set[socket.Room] {
	set := types.NewSet[socket.Room]()
	if m.own {
		set.Add(socket.Room(m.id))
	}
	for name := range m.rooms {
		set.Add(name)
	}
	return set
}

// allRooms returns the names of the rooms that have a member on this node.
func (x *index) allRooms() []socket.Room {
	x.mu.RLock()
	defer x.mu.RUnlock()
	rooms := make([]socket.Room, 0, len(x.rooms)+len(x.sids))
	for name := range x.rooms {
		rooms = append(rooms, name)
	}
	for id, m := range x.sids {
		if _, twice := x.rooms[socket.Room(id)]; m.own && !twice {
			rooms = append(rooms, socket.Room(id))
		}
	}
	return rooms
}

// roomsSnapshot copies the index by room, for the library's Adapter.Rooms.
func (x *index) roomsSnapshot() *types.Map[socket.Room, *types.Set[socket.SocketId]] {
	snapshot := &types.Map[socket.Room, *types.Set[socket.SocketId]]{}
	for _, name := range x.allRooms() {
		set := types.NewSet[socket.SocketId]()
		x.mu.RLock()
		x.eachMember(name, func(m *member) { set.Add(m.id) })
		x.mu.RUnlock()
		if set.Len() > 0 { // else it ended meanwhile
			snapshot.Store(name, set)
		}
	}
	return snapshot
}

// sidsSnapshot copies the index by socket, for the library's Adapter.Sids.
func (x *index) sidsSnapshot() *types.Map[socket.SocketId, *types.Set[socket.Room]] {
	x.mu.RLock()
	defer x.mu.RUnlock()
	snapshot := &types.Map[socket.SocketId, *types.Set[socket.Room]]{}
	for id, m := range x.sids {
		snapshot.Store(id, m.roomSet())
	}
	return snapshot
}

// counts returns how many rooms there are besides those that each socket has, and their members: a
// socket in three rooms counts three times.
func (x *index) counts() RoomCounts {
	x.mu.RLock()
	defer x.mu.RUnlock()
	c := RoomCounts{Rooms: len(x.rooms)}
	for _, r := range x.rooms {
		c.Members += len(r.members)
	}
	return c
}
