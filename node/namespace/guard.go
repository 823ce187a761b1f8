// Package namespace guards the namespaces of a Socket.IO server: each begins with the same middlewares, and a panic in the
// code of a program ends one client at most.
package namespace

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"chorus/adapter/rooms"
	"chorus/internal/library"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// errLibrary means that the library is not the version that this package is written for.
var errLibrary = errors.New("node: the Socket.IO library is built otherwise than this program expects: use the version in its go.mod")

// Guard makes every namespace start with the same middlewares, the token check among them, however the
// namespace comes into being. It also asks the functions that decide which namespaces may be created, and waits
// for their answers, which the library does not.
//
// The library copies the middlewares of a parent namespace into each child before it announces the child with
// "new_namespace". Middlewares that are added on that event would run behind those of the program, so they
// are added earlier: when the library makes the adapter of a namespace, which it does before it copies.
type Guard struct {
	io      *socket.Server // set by open
	inner   socket.AdapterConstructor
	first   []socket.NamespaceMiddleware // before those of the program
	timeout time.Duration                // for the answer of a function
	log     *slog.Logger
	panics  *panics

	mu       sync.Mutex
	patterns []library.Pattern // taken over from the library, in the order of their registration

	creating sync.Mutex // held to create a namespace
}

// NewGuard makes the adapters of all namespaces with inner. timeout is for functions that decide about namespaces; first are
// the middlewares before those of the program.
func NewGuard(inner socket.AdapterConstructor, timeout time.Duration, log *slog.Logger, first ...socket.NamespaceMiddleware) *Guard {
	n := &Guard{inner: inner, timeout: timeout, log: log, panics: newPanics(log)}
	n.first = append([]socket.NamespaceMiddleware{n.connectInOrder, rooms.Watch}, first...)
	return n
}

// Open begins to decide about the namespaces of a server, which must use it as its adapter.
func (n *Guard) Open(io *socket.Server) error {
	if _, ok := library.Patterns(io); !ok {
		return errLibrary
	}
	n.io = io
	decide := n.decide
	io.Of(socket.ParentNspNameMatchFn(&decide), nil)
	return io.Sockets().On("new_namespace", func(args ...any) {
		// Only a namespace made in a way that nobody has thought of is not guarded yet.
		n.guard(args[0].(socket.Namespace)) //nolint:errcheck,forcetypeassert // the library's contract for this event
	})
}

// New makes the adapter of a namespace. The library has not published the namespace yet, nor copied the
// middlewares of its parent.
func (n *Guard) New(nsp socket.Namespace) socket.Adapter {
	if patterns, ok := library.Patterns(nsp.Server()); ok {
		for _, p := range patterns {
			n.guard(p.Parent)
		}
	}
	n.guard(nsp)
	n.panics.watchNamespace(nsp)
	return n.inner.New(nsp)
}

// guard puts the first middlewares in front of those that a namespace has, once, and makes these safe.
func (n *Guard) guard(nsp socket.Namespace) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if fn, err := nsp.Fns().Get(0); err != nil || codeOf(fn) != codeOf(n.first[0]) {
		nsp.Fns().Unshift(n.first...)
	}
	n.panics.protect(nsp, len(n.first))
}

// Connecting is called before the library handles a CONNECT packet. It makes the middlewares safe that the program
// has added since the last time, and takes over the patterns that it has registered, so that the library asks
// decide alone.
func (n *Guard) Connecting(name string) {
	name, _, _ = strings.Cut(name, "?") // of a client of Socket.IO 2
	if library.HasNamespace(n.io, name) {
		n.guard(n.io.Of(name, nil))
	}
	patterns, _ := library.Patterns(n.io)
	if len(patterns) <= 1 {
		return
	}
	for _, p := range patterns[1:] { // the first one is decide
		n.guard(p.Parent)
		n.take(p)
	}
}

func (n *Guard) take(p library.Pattern) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.ContainsFunc(n.patterns, func(known library.Pattern) bool { return known.Match == p.Match }) {
		n.patterns = append(n.patterns, p)
	}
	library.RemovePattern(n.io, p)
}

// decide is the one pattern that the library knows. It asks the patterns of the program in turn, and the first
// that permits the name creates the namespace. The connection is not read meanwhile.
func (n *Guard) decide(name string, auth map[string]any, next func(error, bool)) {
	n.mu.Lock()
	patterns := slices.Clone(n.patterns)
	n.mu.Unlock()
	for _, p := range patterns {
		if n.permits(p, name, auth) {
			n.create(p.Parent, name)
			next(nil, true) // the library finds the namespace
			return
		}
	}
	next(nil, false)
}

// create makes a namespace unless it exists: two clients may ask for it at a time.
func (n *Guard) create(parent socket.ParentNamespace, name string) {
	n.creating.Lock()
	defer n.creating.Unlock()
	if !library.HasNamespace(n.io, name) {
		n.guard(parent)
		n.guard(parent.CreateChild(name)) // listeners of "new_namespace" may have added middlewares
	}
}

// permits waits for the answer of a pattern. No answer in time, an error and a panic are refusals.
func (n *Guard) permits(p library.Pattern, name string, auth map[string]any) bool {
	answer := make(chan bool, 1)
	n.ask(p, name, auth, func(err error, allowed bool) {
		select {
		case answer <- err == nil && allowed:
		default: // the first answer counts
		}
	})
	timer := time.NewTimer(n.timeout)
	defer timer.Stop()
	select {
	case allowed := <-answer:
		return allowed
	case <-timer.C:
		n.log.Warn("the function of a namespace did not answer in time: refused", slog.String("namespace", name))
		return false
	}
}

func (n *Guard) ask(p library.Pattern, name string, auth map[string]any, next func(error, bool)) {
	defer func() {
		if reason := recover(); reason != nil {
			n.panics.report("the function of a namespace", name, reason)
			next(nil, false)
		}
	}()
	(*p.Match)(name, auth, next)
}

// connectInOrder is the first middleware. It keeps the connection from being read until the handlers of the
// socket stand: the library acknowledges a CONNECT packet before it knows the socket by its namespace,
// and an event that came right behind would close the connection. A middleware that panics refuses the client.
func (n *Guard) connectInOrder(s *socket.Socket, next func(*socket.ExtendedError)) {
	library.ReplaceEmitter(s)
	n.panics.watchSocket(s)
	library.ReleaseQueue(s) // the first middleware sees every socket, also those that are refused
	if s.Conn().Protocol() == 3 {
		library.WatchConnectTimer(s.Client())
	}
	library.ShapeHandshake(s)
	connected := make(chan bool, 1)
	s.Enqueue(func() {
		// next enqueues the rest of the connection, this comes behind it.
		defer s.Enqueue(func() { connected <- s.Connected() })
		defer func() {
			if reason := recover(); reason != nil {
				n.panics.report("a middleware of a namespace", s.Nsp().Name(), reason)
				s.Enqueue(func() { refuseSocket(s, next) })
			}
		}()
		next(nil)
	})
	if !<-connected {
		holdPackets(s)
	}
}

// holdPackets keeps that order for a middleware that calls next in a goroutine, so that its socket connects later. Each
// packet of the client waits until the queue of the socket has done what it is doing: that may be the rest of the
// connection. The queue of a socket that is refused ends.
func holdPackets(s *socket.Socket) {
	conn, ok := s.Conn().(interface {
		First(types.EventName, types.EventListener)
	})
	end := library.QueueEnd(s)
	if !ok || end == nil || s.Conn().ReadyState() != "open" {
		return
	}
	conn.First("data", func(...any) {
		connected := make(chan bool, 1)
		s.Enqueue(func() { connected <- s.Connected() })
		select {
		case done := <-connected:
			if !done {
				holdPackets(s)
			}
		case <-end:
		}
	})
}
