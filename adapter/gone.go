package adapter

import (
	"slices"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	// goneFor is for how long at least a socket that has left all rooms may not join one: a handler or a
	// middleware of it may still run.
	goneFor = time.Minute
	// maxGone bounds how many such sockets are known.
	maxGone = 1 << 16
)

// goneSockets are the ids of sockets that have left all rooms because they have ended: a room that one of
// them joins later would stay for ever. They are kept in two sets, of which the older one is dropped.
type goneSockets struct {
	young, old map[socket.SocketId]struct{}
	since      time.Time // the beginning of young
}

func (g *goneSockets) add(id socket.SocketId) {
	if g.young == nil || len(g.young) >= maxGone/2 || time.Since(g.since) > goneFor {
		g.young, g.old, g.since = make(map[socket.SocketId]struct{}), g.young, time.Now()
	}
	g.young[id] = struct{}{}
}

// joins reports whether a socket may join rooms. With the room of its id it begins anew: it has its session
// again.
func (g *goneSockets) joins(id socket.SocketId, rooms []socket.Room) bool {
	_, young := g.young[id]
	_, old := g.old[id]
	if !young && !old {
		return true
	}
	if !slices.Contains(rooms, socket.Room(id)) {
		return false
	}
	delete(g.young, id)
	delete(g.old, id)
	return true
}
