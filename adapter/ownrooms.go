package adapter

import "github.com/zishang520/socket.io/servers/socket/v3"

// MarkOwn remembers that a client has joined a room, in which it is, by itself, and not because the program
// put it there. That ends when it leaves the room. Without connection state recovery it does nothing.
func MarkOwn(s *socket.Socket, room socket.Room) {
	if r := recoveryOf(s.Nsp().Adapter()); r != nil {
		r.markOwn(s.Id(), room)
	}
}

// OwnRooms returns the rooms that MarkOwn has remembered, also for a client that has its session back; all but
// that of its id if it was last with a Node.js server, which does not tell one from the other.
func OwnRooms(s *socket.Socket) []socket.Room {
	if r := recoveryOf(s.Nsp().Adapter()); r != nil {
		return r.ownRooms(s.Id())
	}
	return nil
}

func (r *recovery) markOwn(id socket.SocketId, room socket.Room) {
	r.mu.Lock()
	s := r.live[id]
	if s != nil {
		s.own[room] = struct{}{}
	}
	r.mu.Unlock()
	if s != nil {
		r.store.changed(s)
	}
}

func (r *recovery) ownRooms(id socket.SocketId) []socket.Room {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rooms []socket.Room
	if s := r.live[id]; s != nil {
		for room := range s.own {
			rooms = append(rooms, room)
		}
	}
	return rooms
}
