package auth

import (
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Adapter wraps an adapter so that a socket that has connected and not authenticated yet is in no room, not even in that
// of all sockets and that of its own id. Adapters find recipients in their rooms only, so no broadcast of any node
// reaches such a socket, and no node finds it with fetchSockets, socketsJoin or disconnectSockets. [ModeEvent] and
// [ModeBoth] need it.
//
// The wrapped adapter restores no sessions: the library would put a recovered socket into its rooms before anything has
// verified its token. See MiddlewareOptions.Verified.
func Adapter(inner socket.AdapterConstructor) socket.AdapterConstructor {
	return holdsConstructor{inner}
}

type holdsConstructor struct{ inner socket.AdapterConstructor }

func (c holdsConstructor) New(nsp socket.Namespace) socket.Adapter {
	return &holds{Adapter: c.inner.New(nsp), held: make(map[socket.SocketId]*hold), left: make(map[socket.SocketId]func())}
}

// holds is an adapter that holds some sockets out of all rooms. The Proto of the inner adapter does not change: it may
// rely on its own methods there.
type holds struct {
	socket.Adapter

	mu   sync.Mutex
	held map[socket.SocketId]*hold
	left map[socket.SocketId]func() // called when the socket leaves all rooms, as it does at its end
}

// hold keeps one socket out. Its fields are guarded by the mutex of holds.
type hold struct {
	timer     *time.Timer
	timeout   time.Duration
	releasing bool // rooms are open to the socket, and release has not returned yet
	gone      bool // DelAll came while release was at work
}

// holdsOf returns the holds of an adapter, also when other adapters wrap it; nil when there are none.
func holdsOf(a socket.Adapter) *holds {
	for {
		if h, ok := a.(*holds); ok {
			return h
		}
		wrapper, ok := a.(interface{ Unwrap() socket.Adapter })
		if !ok {
			return nil
		}
		a = wrapper.Unwrap()
	}
}

// Unwrap returns the inner adapter.
func (a *holds) Unwrap() socket.Adapter { return a.Adapter }

// hold keeps a socket out of all rooms from now on and calls expired, in a goroutine of its own,
// when neither release nor DelAll comes within the timeout. It does nothing and returns false when
// a socket of this id is held already.
func (a *holds) hold(id socket.SocketId, timeout time.Duration, expired func()) bool {
	if !a.begin(id, timeout, expired) {
		return false
	}
	a.Adapter.DelAll(id) // what earlier middlewares made it join
	return true
}

func (a *holds) begin(id socket.SocketId, timeout time.Duration, expired func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held[id] != nil {
		return false
	}
	a.held[id] = &hold{timeout: timeout, timer: time.AfterFunc(timeout, expired)}
	return true
}

// extend starts the timeout of a held socket once more.
func (a *holds) extend(id socket.SocketId) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h := a.held[id]; h != nil {
		h.timer.Reset(h.timeout)
	}
}

// release lets a held socket into rooms, that of its id first, and reports whether it is still there; left is then called at its end. Its disconnection may come at any moment: a DelAll in between
// is left to release, so that the inner adapter, which is called without a lock, does not add and delete
// at the same time.
func (a *holds) release(id socket.SocketId, left func()) bool {
	h := a.open(id)
	if h == nil {
		return false
	}
	a.Adapter.AddAll(id, types.NewSet(socket.Room(id)))
	if a.settle(id, h, left) {
		return true
	}
	a.Adapter.DelAll(id)
	return false
}

// open opens the rooms to a held socket.
func (a *holds) open(id socket.SocketId) *hold {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.held[id]
	if h != nil {
		h.timer.Stop()
		h.releasing = true
	}
	return h
}

// settle ends the hold of a released socket, unless DelAll has done so.
func (a *holds) settle(id socket.SocketId, h *hold, left func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h.gone {
		return false
	}
	delete(a.held, id)
	a.left[id] = left
	return true
}

// watch has left called at the end of a socket that is not held, be it connected or refused by a later
// middleware.
func (a *holds) watch(id socket.SocketId, left func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left[id] = left
}

// leave returns what is to be called at the end of a socket.
func (a *holds) leave(id socket.SocketId) func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	left, ok := a.left[id]
	if !ok {
		return func() {}
	}
	delete(a.left, id)
	return left
}

// drop ends a hold without releasing the socket. It returns false when release is at work, which
// then takes the socket out of its rooms.
func (a *holds) drop(id socket.SocketId) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.held[id]
	if h == nil {
		return true
	}
	h.timer.Stop()
	h.gone = true
	delete(a.held, id)
	return !h.releasing
}

// knows reports whether there is a socket of this id already, held or released.
func (a *holds) knows(id socket.SocketId) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held[id] != nil || a.left[id] != nil
}

// has reports whether a socket is held.
func (a *holds) has(id socket.SocketId) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.held[id]
	return h != nil && !h.releasing
}

// AddAll puts a socket into rooms; for a held one it does nothing.
func (a *holds) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	if !a.has(id) {
		a.Adapter.AddAll(id, rooms)
	}
}

// DelAll takes a socket that disconnects out of all its rooms, and ends its hold.
func (a *holds) DelAll(id socket.SocketId) {
	if a.drop(id) {
		a.Adapter.DelAll(id)
	}
	a.leave(id)()
}

// RestoreSession finds nothing, see [Adapter].
func (a *holds) RestoreSession(socket.PrivateSessionId, string) (*socket.Session, error) {
	return nil, nil
}
