// Package rooms has the sockets of this server by room, and delivers broadcasts to them. It knows nothing of other
// servers.
package rooms

import (
	"chorus/adapter/wire"
	"chorus/engine"
	"chorus/internal/library"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Room is a room of a namespace. Each socket is also in a room named by its own id.
type Room = socket.Room

// Local has the rooms of one namespace on this server. It is an adapter of the library for a server that is alone;
// package adapter embeds it and overrides what concerns other servers. It is safe for concurrent use.
type Local struct {
	types.EventEmitter // create-room, join-room, leave-room and delete-room, as in the library

	nsp      socket.Namespace
	proto    socket.Adapter
	index    *index
	alive    alive
	sessions Sessions
	ordered  bool
}

var _ socket.Adapter = (*Local)(nil)

// New returns the rooms of a namespace. It adds Watch to the namespace.
func New(nsp socket.Namespace) *Local {
	r := &Local{EventEmitter: types.NewEventEmitter(), nsp: nsp, index: newIndex()}
	r.proto = r
	r.sessions = noSessions{r}
	r.alive.nsp, r.alive.end = nsp, r.DelAll
	watchAll(nsp)
	return r
}

// Keep makes clients resume their sessions. It is called before there are sockets. With sessions a delivery happens
// under a lock of the transport, so that the listeners of OnAnyOutgoing, which may publish in turn, run in the queue
// of their socket.
func (r *Local) Keep(s Sessions) { r.sessions, r.ordered = s, true }

// Sessions returns what Keep has set, else an implementation that does nothing.
func (r *Local) Sessions() Sessions { return r.sessions }

// Of returns the rooms behind an adapter, looking through adapters that wrap another one
// (Unwrap() socket.Adapter); false when the adapter is not one of this project.
func Of(a socket.Adapter) (*Local, bool) {
	for a != nil {
		if r, ok := a.(interface{ local() *Local }); ok {
			return r.local(), true
		}
		w, ok := a.(interface{ Unwrap() socket.Adapter })
		if !ok {
			break
		}
		a = w.Unwrap()
	}
	return nil, false
}

// local returns r, also from an adapter that embeds it.
func (r *Local) local() *Local { return r }

// Prototype and Proto are the library's way of overriding methods; nothing here depends on them.
func (r *Local) Prototype(a socket.Adapter) { r.proto = a }

// Proto returns what Prototype set, by default the adapter itself.
func (r *Local) Proto() socket.Adapter { return r.proto }

// Construct does nothing: New has done it.
func (r *Local) Construct(socket.Namespace) {}

// Init does nothing: there is nothing to start.
func (r *Local) Init() {}

// Close does nothing: there is nothing to stop.
func (r *Local) Close() {}

// Nsp returns the namespace of the adapter.
func (r *Local) Nsp() socket.Namespace { return r.nsp }

// Rooms returns a copy of the rooms and their members on this server.
func (r *Local) Rooms() *types.Map[Room, *types.Set[socket.SocketId]] {
	return r.index.roomsSnapshot()
}

// Sids returns a copy of the sockets of this server and their rooms.
func (r *Local) Sids() *types.Map[socket.SocketId, *types.Set[Room]] {
	return r.index.sidsSnapshot()
}

// ServerCount returns 1: this server.
func (r *Local) ServerCount() int64 { return 1 }

// AddAll puts a socket into rooms. For a socket that has ended it does nothing.
func (r *Local) AddAll(id socket.SocketId, rooms *types.Set[Room]) { r.Add(id, rooms) }

// Add is AddAll and reports whether the socket has joined.
func (r *Local) Add(id socket.SocketId, rooms *types.Set[Room]) bool {
	if !r.alive.joins(id) {
		return false
	}
	r.sessions.Joining(id, rooms.Keys())
	r.joined(r.index.add(id, rooms.Keys()))
	// It may have ended meanwhile. The library empties a socket's rooms before it takes it out of the
	// namespace; what it joins in between is swept with the event "disconnect", which comes after both.
	if !r.alive.joins(id) {
		r.DelAll(id)
		return false
	}
	if s, ok := r.nsp.Sockets().Load(id); ok && rooms.Has(Room(id)) {
		r.sessions.Connect(s)
		_ = s.Once("disconnect", func(...any) {
			r.sweep(s)
			if conn := connOf(s); conn != nil {
				conn.Unfollow(s) // not before: until now the end of the connection waits for the socket's queue
			}
		})
	}
	return true
}

// Restore puts a socket into the rooms of its session. chosen are those that the client joined by itself.
func (r *Local) Restore(id socket.SocketId, rooms, chosen []Room) {
	changes := r.index.add(id, rooms)
	r.index.mark(id, chosen)
	r.joined(changes)
}

func (r *Local) joined(changes []change) {
	for _, c := range changes {
		if c.edge {
			r.Emit("create-room", c.room)
		}
		if c.moved {
			r.Emit("join-room", c.room, c.socket)
		}
	}
}

// sweep takes a socket that has disconnected out of what it has joined meanwhile.
func (r *Local) sweep(s *socket.Socket) {
	var changes []change
	r.sessions.Sweep(s, func() { changes = r.index.removeAll(s.Id()) })
	r.left(changes...)
}

// Attach makes a socket that has connected receive the messages of its rooms.
func (r *Local) Attach(s *socket.Socket) {
	library.ReleaseQueue(s)
	library.StopConnectTimer(s.Client())
	s.Enqueue(func() { library.TrimQueue(s) }) // behind what it has to do to connect
	conn := connOf(s)
	if conn != nil {
		conn.Follow(s)
	}
	if !r.index.attach(s, conn) && conn != nil {
		conn.Unfollow(s)
	}
}

// Del takes a socket out of a room.
func (r *Local) Del(id socket.SocketId, room Room) {
	r.left(r.index.remove(id, room))
	r.sessions.Left(id, room)
}

// DelAll takes a socket out of all its rooms.
func (r *Local) DelAll(id socket.SocketId) {
	r.alive.leave(id)
	changes := r.index.removeAll(id)
	r.sessions.Ended(id, false)
	r.left(changes...)
}

func (r *Local) left(changes ...change) {
	for _, c := range changes {
		if c.moved {
			r.Emit("leave-room", c.room, c.socket)
		}
		if c.edge {
			r.Emit("delete-room", c.room)
		}
	}
}

// Sockets returns the ids of the connected sockets of this server that are in at least one of the
// rooms; no rooms stands for all.
func (r *Local) Sockets(rooms *types.Set[Room]) *types.Set[socket.SocketId] {
	ids := types.NewSet[socket.SocketId]()
	for _, s := range r.Match(&socket.BroadcastOptions{Rooms: rooms}) {
		ids.Add(s.Id())
	}
	return ids
}

// SocketRooms returns a copy of the rooms of a socket, nil when it is in none.
func (r *Local) SocketRooms(id socket.SocketId) *types.Set[Room] {
	return r.index.roomsOf(id)
}

// FetchSockets hands the matching sockets of this server to the callback, at once.
func (r *Local) FetchSockets(opts *socket.BroadcastOptions) func(func([]socket.SocketDetails, error)) {
	return func(callback func([]socket.SocketDetails, error)) { callback(r.Details(opts), nil) }
}

// AddSockets makes the matching sockets of this server join rooms.
func (r *Local) AddSockets(opts *socket.BroadcastOptions, rooms []Room) {
	for _, s := range r.Match(opts) {
		s.Join(rooms...)
	}
}

// DelSockets makes the matching sockets of this server leave rooms.
func (r *Local) DelSockets(opts *socket.BroadcastOptions, rooms []Room) {
	for _, s := range r.Match(opts) {
		for _, room := range rooms {
			s.Leave(room)
		}
	}
}

// DisconnectSockets disconnects the matching sockets of this server; with closeTransport their
// connections are closed as well.
func (r *Local) DisconnectSockets(opts *socket.BroadcastOptions, closeTransport bool) {
	for _, s := range r.Match(opts) {
		s.Disconnect(closeTransport)
		// A socket that connects just now is not among those of its connection yet: the library closed the
		// connection without it, and it could come back to its session.
		s.Disconnect(false)
	}
}

// ServerSideEmit reaches the other servers, of which there are none.
func (r *Local) ServerSideEmit([]any) error { return nil }

// PersistSession keeps the session of a client whose connection broke.
func (r *Local) PersistSession(session *socket.SessionToPersist) { r.sessions.Ended(session.Sid, true) }

// RestoreSession finds nothing: the library asks before any middleware has looked at the client. Package session
// resumes a session in a middleware.
func (r *Local) RestoreSession(socket.PrivateSessionId, string) (*socket.Session, error) {
	return nil, nil
}

// Broadcast sends a packet to the matching sockets of this server.
func (r *Local) Broadcast(packet *parser.Packet, opts *socket.BroadcastOptions) {
	o := wire.NewOptions(opts)
	r.Deliver(packet, &o, "")
}

// Match returns the connected sockets of this server that opts selects.
func (r *Local) Match(opts *socket.BroadcastOptions) []*socket.Socket {
	rooms, except := wire.Targets(opts)
	return r.matching(rooms, except)
}

func (r *Local) matching(rooms, except []Room) []*socket.Socket {
	ids := r.index.selectIDs(rooms, except)
	sockets := make([]*socket.Socket, 0, len(ids))
	for _, id := range ids {
		if s, ok := r.nsp.Sockets().Load(id); ok && s.Connected() {
			sockets = append(sockets, s)
		}
	}
	return sockets
}

// Details returns what Match does as the library's FetchSockets needs it.
func (r *Local) Details(opts *socket.BroadcastOptions) []socket.SocketDetails {
	matched := r.Match(opts)
	details := make([]socket.SocketDetails, len(matched))
	for i, s := range matched {
		details[i] = s
	}
	return details
}

// connOf returns a socket's connection, nil when it is another engine's.
func connOf(s *socket.Socket) *engine.Conn {
	conn, _ := s.Conn().(*engine.Conn)
	return conn
}
