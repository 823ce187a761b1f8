package rooms

import (
	"chorus/adapter/wire"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Has reports whether a socket of this server is in the room.
func (r *Local) Has(room Room) bool { return r.index.has(room) }

// HasAny reports whether a socket of this server is in one of the rooms; no rooms stands for all sockets.
func (r *Local) HasAny(rooms []Room) bool { return r.index.hasAny(rooms) }

// Names returns the names of the rooms that have a member on this server.
func (r *Local) Names() []Room { return r.index.allRooms() }

// MarkOwn notes that a client has joined a room, in which it is, by itself, and not because the program
// put it there. That ends when it leaves the room.
func (r *Local) MarkOwn(id socket.SocketId, room Room) { r.index.mark(id, []Room{room}) }

// Own returns the rooms that MarkOwn has noted, sorted.
func (r *Local) Own(id socket.SocketId) []Room { return r.index.marked(id) }

// Note remembers a message to rooms, no rooms standing for all, as the last that they got.
func (r *Local) Note(rooms []Room, id wire.StreamID) { r.index.note(rooms, id) }

// LastFor returns the last message that may have been for a socket which has been in these rooms since then.
func (r *Local) LastFor(rooms map[Room]wire.StreamID, start wire.StreamID) wire.StreamID {
	return r.index.lastFor(rooms, start)
}

// Enter lets a socket join rooms while middlewares decide about it, and Forget ends that.
func (r *Local) Enter(s *socket.Socket) { r.alive.enter(s) }

// Forget takes an id out of those that Enter has let in.
func (r *Local) Forget(id socket.SocketId) { r.alive.leave(id) }
