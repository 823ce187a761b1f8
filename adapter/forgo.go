package adapter

import (
	"slices"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// RestoredRooms returns the rooms of a client that has its session back and has not connected yet, but for that of its
// id. own are those among them that MarkOwn has remembered.
func RestoredRooms(s *socket.Socket) (rooms, own []socket.Room) {
	r := recoveryOf(s.Nsp().Adapter())
	if r == nil {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	back := r.waiting[s.Id()]
	if back == nil || back.socket != s {
		return nil, nil
	}
	for room := range back.record.Rooms {
		if room != socket.Room(s.Id()) {
			rooms = append(rooms, room)
		}
	}
	return rooms, slices.Clone(back.record.Own)
}

// Forgo is for a middleware behind Recover: the client does not come back into these rooms, and gets nothing of what it
// has missed there.
func Forgo(s *socket.Socket, rooms ...socket.Room) {
	r := recoveryOf(s.Nsp().Adapter())
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	back := r.waiting[s.Id()]
	if back == nil || back.socket != s {
		return
	}
	for _, room := range rooms {
		delete(back.record.Rooms, room)
	}
	back.record.Own = slices.DeleteFunc(slices.Clone(back.record.Own), func(room socket.Room) bool { return slices.Contains(rooms, room) })
}
