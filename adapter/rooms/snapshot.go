package rooms

import (
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

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
	for _, r := range m.rooms {
		set.Add(r.name)
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
func (x *index) counts() Counts {
	x.mu.RLock()
	defer x.mu.RUnlock()
	c := Counts{Rooms: len(x.rooms)}
	for _, r := range x.rooms {
		c.Members += len(r.members)
	}
	return c
}
