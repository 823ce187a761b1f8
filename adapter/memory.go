package adapter

import (
	"log/slog"
	"sync"

	"chorus/adapter/wire"
	"chorus/internal/library"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// NewMemory returns the adapter of a node that is alone: rooms and broadcasts in this process,
// no Redis. Its adapters are safe for concurrent use.
func NewMemory() socket.AdapterConstructor { return memoryConstructor{} }

type memoryConstructor struct{}

func (memoryConstructor) New(nsp socket.Namespace) socket.Adapter { return newLocal(nsp) }

// Memory is NewMemory with connection state recovery. It is safe for concurrent use.
type Memory struct {
	opts RecoveryOptions
	log  *slog.Logger

	mu         sync.Mutex
	recoveries []*recovery
}

// NewRecoveringMemory returns the adapter of a node that is alone and gives clients that return their
// sessions back. The log may be nil.
func NewRecoveringMemory(opts RecoveryOptions, log *slog.Logger) *Memory {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Memory{opts: opts.withDefaults(), log: log}
}

// New makes the adapter of a namespace; the library calls it.
func (m *Memory) New(nsp socket.Namespace) socket.Adapter {
	l := newLocal(nsp)
	l.recovery = newRecovery(l, m.opts, m.log)
	l.recovery.history = newHistory(historyLimits{
		messages: m.opts.History, bytes: m.opts.HistoryBytes, age: m.opts.MaxDisconnection + recoveryTimeout,
	})
	l.recovery.store = newMemorySessions(m.opts)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recoveries = append(m.recoveries, l.recovery)
	return l
}

// local is the part of every adapter that concerns the sockets of this node: the room index and
// the delivery to them. By itself it is the memory adapter.
type local struct {
	types.EventEmitter // create-room, join-room, leave-room and delete-room, as in the library

	nsp   socket.Namespace
	proto socket.Adapter
	index *index
	alive alive

	recovery *recovery // nil when no client gets its session back
}

func newLocal(nsp socket.Namespace) *local {
	l := &local{EventEmitter: types.NewEventEmitter(), nsp: nsp, index: newIndex()}
	l.proto = l
	l.alive.nsp, l.alive.end = nsp, l.DelAll
	watchAll(nsp)
	return l
}

// localOf returns the part of an adapter of this package that every one has, looking through those that wrap it.
func localOf(a socket.Adapter) (*local, bool) {
	for a != nil {
		if l, ok := a.(interface{ localPart() *local }); ok {
			return l.localPart(), true
		}
		w, ok := a.(interface{ Unwrap() socket.Adapter })
		if !ok {
			break
		}
		a = w.Unwrap()
	}
	return nil, false
}

func (l *local) localPart() *local { return l }

// Prototype and Proto are the library's way of overriding methods; nothing here depends on them.
func (l *local) Prototype(a socket.Adapter) { l.proto = a }

// Proto returns what Prototype set, by default the adapter itself.
func (l *local) Proto() socket.Adapter { return l.proto }

// Construct does nothing: the constructor has done it.
func (l *local) Construct(socket.Namespace) {}

// Init does nothing: there is nothing to start.
func (l *local) Init() {}

// Close does nothing: there is nothing to stop.
func (l *local) Close() {}

// Nsp returns the namespace of the adapter.
func (l *local) Nsp() socket.Namespace { return l.nsp }

// Rooms returns a copy of the rooms and their members on this node.
func (l *local) Rooms() *types.Map[socket.Room, *types.Set[socket.SocketId]] {
	return l.index.roomsSnapshot()
}

// Sids returns a copy of the sockets of this node and their rooms.
func (l *local) Sids() *types.Map[socket.SocketId, *types.Set[socket.Room]] {
	return l.index.sidsSnapshot()
}

// ServerCount returns 1: this node.
func (l *local) ServerCount() int64 { return 1 }

// AddAll puts a socket into rooms. For a socket that has ended it does nothing.
func (l *local) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) { l.add(id, rooms) }

// add reports whether the socket has joined.
func (l *local) add(id socket.SocketId, rooms *types.Set[socket.Room]) bool {
	if !l.alive.joins(id) {
		return false
	}
	if l.recovery != nil {
		l.recovery.joins(id, rooms.Keys())
	}
	l.joined(l.index.add(id, rooms.Keys()))
	// It may have ended meanwhile. The library empties a socket's rooms before it takes it out of the
	// namespace; what it joins in between is swept with the event "disconnect", which comes after both.
	if !l.alive.joins(id) {
		l.DelAll(id)
		return false
	}
	if s, ok := l.nsp.Sockets().Load(id); ok && rooms.Has(socket.Room(id)) {
		if l.recovery != nil {
			l.recovery.connect(s)
		} else {
			l.attach(s)
		}
		_ = s.Once("disconnect", func(...any) {
			l.sweep(s)
			if conn := connOf(s); conn != nil {
				conn.Unfollow(s) // not before: until now the end of the connection waits for the socket's queue
			}
		})
	}
	return true
}

func (l *local) joined(changes []change) {
	for _, c := range changes {
		if c.edge {
			l.Emit("create-room", c.room)
		}
		if c.moved {
			l.Emit("join-room", c.room, c.socket)
		}
	}
}

// sweep takes a socket that has disconnected out of what it has joined meanwhile.
func (l *local) sweep(s *socket.Socket) {
	if l.recovery == nil {
		l.DelAll(s.Id())
		return
	}
	_, changes := l.recovery.sweep(s)
	l.left(changes...)
}

// attach has a socket that has connected get what its rooms get.
func (l *local) attach(s *socket.Socket) {
	library.ReleaseQueue(s)
	library.StopConnectTimer(s.Client())
	s.Enqueue(func() { library.TrimQueue(s) }) // behind what it has to do to connect
	conn := connOf(s)
	if conn != nil {
		conn.Follow(s)
	}
	if !l.index.attach(s, conn) && conn != nil {
		conn.Unfollow(s)
	}
}

// Del takes a socket out of a room.
func (l *local) Del(id socket.SocketId, room socket.Room) {
	l.left(l.index.remove(id, room))
	if l.recovery != nil {
		l.recovery.leaves(id, room)
	}
}

// DelAll takes a socket out of all its rooms.
func (l *local) DelAll(id socket.SocketId) {
	l.alive.leave(id)
	_, changes := l.index.removeAll(id)
	if l.recovery != nil {
		l.recovery.gone(id)
	}
	l.left(changes...)
}

func (l *local) left(changes ...change) {
	for _, c := range changes {
		if c.moved {
			l.Emit("leave-room", c.room, c.socket)
		}
		if c.edge {
			l.Emit("delete-room", c.room)
		}
	}
}

// Sockets returns the ids of the connected sockets of this node that are in at least one of the
// rooms; no rooms stands for all.
func (l *local) Sockets(rooms *types.Set[socket.Room]) *types.Set[socket.SocketId] {
	ids := types.NewSet[socket.SocketId]()
	for _, s := range l.match(&socket.BroadcastOptions{Rooms: rooms}) {
		ids.Add(s.Id())
	}
	return ids
}

// SocketRooms returns a copy of the rooms of a socket, nil when it is in none.
func (l *local) SocketRooms(id socket.SocketId) *types.Set[socket.Room] {
	return l.index.roomsOf(id)
}

// FetchSockets hands the matching sockets of this node to the callback, at once.
func (l *local) FetchSockets(opts *socket.BroadcastOptions) func(func([]socket.SocketDetails, error)) {
	return func(callback func([]socket.SocketDetails, error)) { callback(l.details(opts), nil) }
}

// AddSockets makes the matching sockets of this node join rooms.
func (l *local) AddSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	for _, s := range l.match(opts) {
		s.Join(rooms...)
	}
}

// DelSockets makes the matching sockets of this node leave rooms.
func (l *local) DelSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	for _, s := range l.match(opts) {
		for _, room := range rooms {
			s.Leave(room)
		}
	}
}

// DisconnectSockets disconnects the matching sockets of this node; with closeTransport their
// connections are closed as well.
func (l *local) DisconnectSockets(opts *socket.BroadcastOptions, closeTransport bool) {
	for _, s := range l.match(opts) {
		s.Disconnect(closeTransport)
	}
}

// ServerSideEmit reaches the other servers of the cluster, of which there are none: an
// acknowledgement is called at once with no answers.
func (l *local) ServerSideEmit(packet []any) error {
	if _, ack := splitAck(packet); ack != nil {
		ack([]any{}, nil)
	}
	return nil
}

// splitAck separates the acknowledgement callback, if there is one, from the event and its
// arguments.
func splitAck(packet []any) ([]any, socket.Ack) {
	if n := len(packet); n > 0 {
		if ack, ok := packet[n-1].(socket.Ack); ok {
			return packet[:n-1], ack
		}
	}
	return packet, nil
}

// PersistSession keeps the session of a client whose connection broke.
func (l *local) PersistSession(session *socket.SessionToPersist) {
	if l.recovery != nil {
		l.recovery.drops(session.Sid)
	}
}

// RestoreSession finds nothing: the library asks before any middleware has looked at the client. See Recover.
func (l *local) RestoreSession(socket.PrivateSessionId, string) (*socket.Session, error) {
	return nil, nil
}

// Publish implements [Publisher]: the clients of this node are all there are.
func (l *local) Publish(packet *parser.Packet, opts *socket.BroadcastOptions, done func(error)) {
	l.publish(packet, opts, "", done)
}

// PublishLatest implements [Publisher].
func (l *local) PublishLatest(name string, packet *parser.Packet, opts *socket.BroadcastOptions, done func(error)) {
	l.publish(packet, opts, name, done)
}

func (l *local) publish(packet *parser.Packet, opts *socket.BroadcastOptions, latest string, done func(error)) {
	if err := l.post(packet, opts, latest); done != nil {
		done(err)
	}
}

// match returns the connected sockets of this node that opts selects.
func (l *local) match(opts *socket.BroadcastOptions) []*socket.Socket {
	rooms, except := wire.Targets(opts)
	ids := l.index.selectIDs(rooms, except)
	sockets := make([]*socket.Socket, 0, len(ids))
	for _, id := range ids {
		if s, ok := l.nsp.Sockets().Load(id); ok && s.Connected() {
			sockets = append(sockets, s)
		}
	}
	return sockets
}

func (l *local) details(opts *socket.BroadcastOptions) []socket.SocketDetails {
	matched := l.match(opts)
	details := make([]socket.SocketDetails, len(matched))
	for i, s := range matched {
		details[i] = s
	}
	return details
}
