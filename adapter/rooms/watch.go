package rooms

import (
	"reflect"
	"slices"
	"sync"
	"time"

	"chorus/internal/library"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// sweepEvery is how often the sockets that middlewares decide about are looked at, while there are any.
const sweepEvery = time.Second

// Watch is a middleware that runs before those of the program. It lets the sockets that they decide about
// join rooms, and has a socket leave them if its connection closes before it is connected. Each adapter adds it
// to its namespace and to the parent namespaces that the library knows; a program that keeps others adds it to those.
func Watch(s *socket.Socket, next func(*socket.ExtendedError)) {
	if r, ok := Of(s.Nsp().Adapter()); ok {
		r.Enter(s)
	}
	next(nil)
}

// watchAll adds Watch to a namespace that is being made, and to all parents: the library copies the
// middlewares of its parent to it later.
func watchAll(nsp socket.Namespace) {
	watchOnce(nsp)
	parents, _ := library.Patterns(nsp.Server())
	for _, p := range parents {
		watchOnce(p.Parent)
	}
}

func watchOnce(nsp socket.Namespace) {
	watches := func(fn socket.NamespaceMiddleware) bool {
		return reflect.ValueOf(fn).Pointer() == reflect.ValueOf(Watch).Pointer()
	}
	if !slices.ContainsFunc(nsp.Fns().All(), watches) {
		nsp.Fns().Unshift(Watch)
	}
}

// alive knows which sockets may join rooms: those of the namespace, and those that middlewares decide about
// while their connection is open. A room that another one joined would stay for ever.
type alive struct {
	nsp socket.Namespace
	end func(socket.SocketId) // called when a connection closes before its socket is connected

	mu       sync.Mutex
	watching bool // Watch has run: before, any socket may join
	deciding map[socket.SocketId]*socket.Socket
	timer    *time.Timer // calls sweep; nil while no middleware runs
}

// enter lets a socket join rooms while middlewares decide about it.
func (a *alive) enter(s *socket.Socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watching = true
	if a.deciding == nil {
		a.deciding = make(map[socket.SocketId]*socket.Socket)
	}
	a.deciding[s.Id()] = s
	if a.timer == nil {
		a.timer = time.AfterFunc(sweepEvery, a.sweep)
	}
}

// leave ends what enter began: the socket is in the namespace, or has ended.
func (a *alive) leave(id socket.SocketId) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.deciding, id)
}

// joins reports whether a socket may join rooms.
func (a *alive) joins(id socket.SocketId) bool {
	if _, connected := a.nsp.Sockets().Load(id); connected {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.deciding[id]
	return s != nil && s.Conn().ReadyState() != "closed" || !a.watching
}

// sweep ends the sockets whose connection has closed before their middlewares have called next. Those that
// are connected are no longer looked at.
func (a *alive) sweep() {
	var ended []socket.SocketId
	a.mu.Lock()
	for id, s := range a.deciding {
		switch {
		case s.Connected():
			delete(a.deciding, id)
		case s.Conn().ReadyState() == "closed":
			delete(a.deciding, id)
			ended = append(ended, id)
		}
	}
	if a.timer = nil; len(a.deciding) > 0 {
		a.timer = time.AfterFunc(sweepEvery, a.sweep)
	}
	a.mu.Unlock()
	for _, id := range ended {
		if _, connected := a.nsp.Sockets().Load(id); !connected { // or it came back with its old id
			a.end(id)
		}
	}
}
