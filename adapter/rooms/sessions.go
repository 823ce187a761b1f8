package rooms

import "github.com/zishang520/socket.io/servers/socket/v3"

// Sessions keeps what a client needs to resume its session after its connection broke. Its methods are safe for
// concurrent use.
type Sessions interface {
	// Connect is called when a socket has connected and is in its rooms. The socket receives nothing until Sessions
	// calls [Local.Attach].
	Connect(s *socket.Socket)
	// Joining is called before a socket joins rooms, and Left after it has left one.
	Joining(id socket.SocketId, rooms []Room)
	Left(id socket.SocketId, room Room)
	// Ended is called when a socket has left all rooms, and before that, with resumable, when its connection broke.
	Ended(id socket.SocketId, resumable bool)
	// Sweep calls sweep, which takes a socket that has disconnected out of what it has joined meanwhile, unless another
	// socket has resumed with its id.
	Sweep(s *socket.Socket, sweep func())
}

// noSessions is for servers on which no client resumes its session.
type noSessions struct{ rooms *Local }

var _ Sessions = noSessions{}

func (n noSessions) Connect(s *socket.Socket)           { n.rooms.Attach(s) }
func (noSessions) Joining(socket.SocketId, []Room)      {}
func (noSessions) Left(socket.SocketId, Room)           {}
func (noSessions) Ended(socket.SocketId, bool)          {}
func (noSessions) Sweep(_ *socket.Socket, sweep func()) { sweep() }
