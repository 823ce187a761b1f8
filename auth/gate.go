package auth

import (
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Gate puts a gate in front of an adapter: a socket that has connected and not authenticated yet
// gets into no room, not even that of all sockets and that of its own id. Adapters find receivers
// in their rooms only, so no broadcast of any node reaches such a socket, and no node finds it
// with fetchSockets, socketsJoin or disconnectSockets. [ModeEvent] and [ModeBoth] need it.
//
// Sessions are not restored through a gate: the library would put a recovered socket into its rooms
// before anybody has looked at its token. See MiddlewareOptions.Verified.
func Gate(inner socket.AdapterConstructor) socket.AdapterConstructor {
	return gateConstructor{inner}
}

type gateConstructor struct{ inner socket.AdapterConstructor }

func (c gateConstructor) New(nsp socket.Namespace) socket.Adapter {
	return &gate{Adapter: c.inner.New(nsp), held: make(map[socket.SocketId]*hold), left: make(map[socket.SocketId]func())}
}

// gate is an adapter in which some sockets are held. The inner adapter's Proto is left to itself:
// it may count on finding its own methods there.
type gate struct {
	socket.Adapter

	mu   sync.Mutex
	held map[socket.SocketId]*hold
	left map[socket.SocketId]func() // what to call when the socket leaves all rooms, as it does at its end
}

// hold keeps one socket out. Its fields are guarded by the gate's mutex.
type hold struct {
	timer     *time.Timer
	timeout   time.Duration
	admitting bool // rooms are open to it, and admit is not through yet
	gone      bool // DelAll came while admit was at work
}

// gateOf returns the gate of an adapter, looking through adapters that wrap another one; nil when
// there is none.
func gateOf(a socket.Adapter) *gate {
	for {
		if g, ok := a.(*gate); ok {
			return g
		}
		wrapper, ok := a.(interface{ Unwrap() socket.Adapter })
		if !ok {
			return nil
		}
		a = wrapper.Unwrap()
	}
}

// Unwrap returns the adapter behind the gate.
func (g *gate) Unwrap() socket.Adapter { return g.Adapter }

// hold keeps a socket out of all rooms from now on and calls expired, in a goroutine of its own,
// when neither admit nor DelAll comes within the timeout. It does nothing and returns false when
// a socket of this id is held already.
func (g *gate) hold(id socket.SocketId, timeout time.Duration, expired func()) bool {
	if !g.begin(id, timeout, expired) {
		return false
	}
	g.Adapter.DelAll(id) // what earlier middlewares made it join
	return true
}

func (g *gate) begin(id socket.SocketId, timeout time.Duration, expired func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held[id] != nil {
		return false
	}
	g.held[id] = &hold{timeout: timeout, timer: time.AfterFunc(timeout, expired)}
	return true
}

// again starts the timeout of a held socket once more.
func (g *gate) again(id socket.SocketId) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h := g.held[id]; h != nil {
		h.timer.Reset(h.timeout)
	}
}

// admit lets a held socket into rooms, the one of its id first, and tells whether it is still
// there; left is then called at its end. Its disconnection may come at any moment: a DelAll in between
// is left to admit, so that the inner adapter, which is called without a lock, does not add and delete
// at the same time.
func (g *gate) admit(id socket.SocketId, left func()) bool {
	h := g.open(id)
	if h == nil {
		return false
	}
	g.Adapter.AddAll(id, types.NewSet(socket.Room(id)))
	if g.settle(id, h, left) {
		return true
	}
	g.Adapter.DelAll(id)
	return false
}

// open opens the rooms to a held socket.
func (g *gate) open(id socket.SocketId) *hold {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.held[id]
	if h != nil {
		h.timer.Stop()
		h.admitting = true
	}
	return h
}

// settle ends the hold of a socket that was let in, unless DelAll has done so.
func (g *gate) settle(id socket.SocketId, h *hold, left func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h.gone {
		return false
	}
	delete(g.held, id)
	g.left[id] = left
	return true
}

// watch has left called at the end of a socket that is not held, be it connected or refused by a later
// middleware.
func (g *gate) watch(id socket.SocketId, left func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left[id] = left
}

// leave returns what is to be called at the end of a socket.
func (g *gate) leave(id socket.SocketId) func() {
	g.mu.Lock()
	defer g.mu.Unlock()
	left, ok := g.left[id]
	if !ok {
		return func() {}
	}
	delete(g.left, id)
	return left
}

// drop ends a hold without letting the socket in. It returns false when admit is at work, which
// then takes the socket out of its rooms.
func (g *gate) drop(id socket.SocketId) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.held[id]
	if h == nil {
		return true
	}
	h.timer.Stop()
	h.gone = true
	delete(g.held, id)
	return !h.admitting
}

// knows tells whether a socket of this id is here already, held or let in.
func (g *gate) knows(id socket.SocketId) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held[id] != nil || g.left[id] != nil
}

// holds tells whether a socket is kept out.
func (g *gate) holds(id socket.SocketId) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.held[id]
	return h != nil && !h.admitting
}

// AddAll puts a socket into rooms; for a held one it does nothing.
func (g *gate) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	if !g.holds(id) {
		g.Adapter.AddAll(id, rooms)
	}
}

// DelAll takes a socket that disconnects out of all its rooms, and ends its hold.
func (g *gate) DelAll(id socket.SocketId) {
	if g.drop(id) {
		g.Adapter.DelAll(id)
	}
	g.leave(id)()
}

// RestoreSession finds nothing, see [Gate].
func (g *gate) RestoreSession(socket.PrivateSessionId, string) (*socket.Session, error) {
	return nil, nil
}
