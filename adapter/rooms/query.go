package rooms

import (
	"chorus/adapter/wire"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// exists reports whether a room has a member; x.mu is held.
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

// has reports whether a socket of this node is in the room.
func (x *index) has(name socket.Room) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.exists(name)
}

// hasAny reports whether a socket of this node is in one of the rooms; no rooms stands for all
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

// lastFor returns the last message that may have been for a socket that was in these rooms since then.
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

// inAny reports whether the member is in one of rooms; x.mu is held.
func (x *index) inAny(m *member, rooms []socket.Room) bool {
	for _, name := range rooms {
		if x.rooms[name].has(m) || m.own && name == socket.Room(m.id) {
			return true
		}
	}
	return false
}
