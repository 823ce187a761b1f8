package adapter

import (
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// index knows which socket of this node is in which room. Both directions are kept under one
// lock: with two independent maps a join that meets the last leave of a room loses its member.
// It is safe for concurrent use.
type index struct {
	mu    sync.RWMutex
	rooms map[socket.Room]map[socket.SocketId]struct{}
	sids  map[socket.SocketId]map[socket.Room]struct{}
}

// change says what a join or leave did to one room.
type change struct {
	room   socket.Room
	moved  bool // the socket was not in the room before the join, or was in it before the leave
	edge   bool // the room came into being by the join, or ended with the leave
	socket socket.SocketId
}

func newIndex() *index {
	return &index{
		rooms: make(map[socket.Room]map[socket.SocketId]struct{}),
		sids:  make(map[socket.SocketId]map[socket.Room]struct{}),
	}
}

// add puts a socket into rooms.
func (x *index) add(id socket.SocketId, rooms []socket.Room) []change {
	x.mu.Lock()
	defer x.mu.Unlock()

	own := x.sids[id]
	if own == nil {
		own = make(map[socket.Room]struct{}, len(rooms))
		x.sids[id] = own
	}
	changes := make([]change, 0, len(rooms))
	for _, room := range rooms {
		members, existed := x.rooms[room]
		if !existed {
			members = make(map[socket.SocketId]struct{}, 1)
			x.rooms[room] = members
		}
		_, was := members[id]
		members[id] = struct{}{}
		own[room] = struct{}{}
		changes = append(changes, change{room: room, moved: !was, edge: !existed, socket: id})
	}
	return changes
}

// remove takes a socket out of one room.
func (x *index) remove(id socket.SocketId, room socket.Room) change {
	x.mu.Lock()
	defer x.mu.Unlock()

	delete(x.sids[id], room)
	return x.leave(id, room)
}

// removeAll takes a socket out of every room and forgets it.
func (x *index) removeAll(id socket.SocketId) []change {
	x.mu.Lock()
	defer x.mu.Unlock()

	own := x.sids[id]
	delete(x.sids, id)
	changes := make([]change, 0, len(own))
	for room := range own {
		changes = append(changes, x.leave(id, room))
	}
	return changes
}

// leave removes the membership on the room's side; x.mu is held.
func (x *index) leave(id socket.SocketId, room socket.Room) change {
	members, ok := x.rooms[room]
	if !ok {
		return change{room: room, socket: id}
	}
	_, was := members[id]
	delete(members, id)
	if len(members) > 0 {
		return change{room: room, moved: was, socket: id}
	}
	delete(x.rooms, room)
	return change{room: room, moved: was, edge: true, socket: id}
}

// has tells whether a socket of this node is in the room.
func (x *index) has(room socket.Room) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, ok := x.rooms[room]
	return ok
}

// hasAny tells whether a socket of this node is in one of the rooms; no rooms stands for all
// sockets of the namespace.
func (x *index) hasAny(rooms []socket.Room) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(rooms) == 0 {
		return len(x.sids) > 0
	}
	for _, room := range rooms {
		if _, ok := x.rooms[room]; ok {
			return true
		}
	}
	return false
}

// selectIDs returns the sockets that are in at least one of rooms (no rooms: all) and in none of
// except, each once.
func (x *index) selectIDs(rooms, except []socket.Room) []socket.SocketId {
	x.mu.RLock()
	defer x.mu.RUnlock()

	switch len(rooms) {
	case 0:
		ids := make([]socket.SocketId, 0, len(x.sids))
		for id := range x.sids {
			if !x.inAny(id, except) {
				ids = append(ids, id)
			}
		}
		return ids
	case 1:
		members := x.rooms[rooms[0]]
		ids := make([]socket.SocketId, 0, len(members))
		for id := range members {
			if !x.inAny(id, except) {
				ids = append(ids, id)
			}
		}
		return ids
	}

	seen := make(map[socket.SocketId]struct{})
	var ids []socket.SocketId
	for _, room := range rooms {
		for id := range x.rooms[room] {
			if _, twice := seen[id]; twice {
				continue
			}
			seen[id] = struct{}{}
			if !x.inAny(id, except) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// inAny tells whether the socket is in one of rooms; x.mu is held.
func (x *index) inAny(id socket.SocketId, rooms []socket.Room) bool {
	for _, room := range rooms {
		if _, ok := x.rooms[room][id]; ok {
			return true
		}
	}
	return false
}

// roomsOf returns a copy of the socket's rooms, nil for a socket that is in none.
func (x *index) roomsOf(id socket.SocketId) *types.Set[socket.Room] {
	x.mu.RLock()
	defer x.mu.RUnlock()

	own, ok := x.sids[id]
	if !ok {
		return nil
	}
	set := types.NewSet[socket.Room]()
	for room := range own {
		set.Add(room)
	}
	return set
}

// allRooms returns the names of the rooms that have a member on this node.
func (x *index) allRooms() []socket.Room {
	x.mu.RLock()
	defer x.mu.RUnlock()

	rooms := make([]socket.Room, 0, len(x.rooms))
	for room := range x.rooms {
		rooms = append(rooms, room)
	}
	return rooms
}

// roomsSnapshot copies the index by room, for the library's Adapter.Rooms.
func (x *index) roomsSnapshot() *types.Map[socket.Room, *types.Set[socket.SocketId]] {
	x.mu.RLock()
	defer x.mu.RUnlock()

	snapshot := &types.Map[socket.Room, *types.Set[socket.SocketId]]{}
	for room, members := range x.rooms {
		set := types.NewSet[socket.SocketId]()
		for id := range members {
			set.Add(id)
		}
		snapshot.Store(room, set)
	}
	return snapshot
}

// sidsSnapshot copies the index by socket, for the library's Adapter.Sids.
func (x *index) sidsSnapshot() *types.Map[socket.SocketId, *types.Set[socket.Room]] {
	x.mu.RLock()
	defer x.mu.RUnlock()

	snapshot := &types.Map[socket.SocketId, *types.Set[socket.Room]]{}
	for id, own := range x.sids {
		set := types.NewSet[socket.Room]()
		for room := range own {
			set.Add(room)
		}
		snapshot.Store(id, set)
	}
	return snapshot
}
