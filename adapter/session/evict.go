package session

import (
	"strconv"
	"strings"

	"chorus/adapter/rooms"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// evictionOf names the socket that had a session before its client returned for another time: the client
// may be here again, as the same socket, when the other server is told. No room has such a name.
func evictionOf(pid socket.PrivateSessionId, turn uint64) rooms.Room {
	return rooms.Room(evictionPrefix + string(pid) + "\x00" + strconv.FormatUint(turn, 10))
}

const evictionPrefix = "\x00session\x00"

// Evicted ends the socket of a session that is another server's now, and reports whether the rooms of a message mean
// that.
func Evicted(r *rooms.Local, names []rooms.Room) bool {
	s, ok := r.Sessions().(*sessions)
	if !ok || len(names) != 1 {
		return false
	}
	eviction, ok := strings.CutPrefix(string(names[0]), evictionPrefix)
	if !ok {
		return false
	}
	pid, _, _ := strings.Cut(eviction, "\x00")
	s.mu.Lock()
	var old *session
	if p := s.byPid[socket.PrivateSessionId(pid)]; p != nil && p.here != nil && evictionOf(p.here.pid, p.here.turn) == names[0] {
		old = p.here
		s.end(old)
	}
	s.mu.Unlock()
	if old != nil {
		old.socket.Conn().Close(true)
	}
	return true
}
