package session

import (
	"slices"

	"chorus/adapter/rooms"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// RestoredRooms returns the rooms of a client that resumes its session and has not connected yet, but for that of its
// id. own are those among them that the client has joined by itself.
func RestoredRooms(s *socket.Socket) (all, own []rooms.Room) {
	whileResuming(s, func(c *catchUp) {
		for room := range c.record.Rooms {
			if room != rooms.Room(s.Id()) {
				all = append(all, room)
			}
		}
		own = slices.Clone(c.record.Own)
	})
	return all, own
}

// Forgo is for a middleware behind Resume: the client does not return into these rooms, and gets nothing of what it
// has missed there.
func Forgo(s *socket.Socket, names ...rooms.Room) {
	whileResuming(s, func(c *catchUp) {
		for _, room := range names {
			delete(c.record.Rooms, room)
		}
		c.record.Own = slices.DeleteFunc(slices.Clone(c.record.Own), func(room rooms.Room) bool { return slices.Contains(names, room) })
	})
}

// whileResuming calls use, under the lock, for a socket that has taken over a session and has not connected yet.
func whileResuming(s *socket.Socket, use func(*catchUp)) {
	r := of(s.Nsp().Adapter())
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if session := r.bySocket[s.Id()]; session != nil && session.state == resuming && session.socket == s {
		use(session.back)
	}
}
