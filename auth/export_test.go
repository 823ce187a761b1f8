package auth

import (
	"net/http"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Held returns how many sockets the adapter of a namespace holds.
func Held(nsp socket.Namespace) int {
	h := holdsOf(nsp.Adapter())
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.held)
}

// Hold and Release are the two ends of a hold, for tests of the adapter alone.
func Hold(a socket.Adapter, id socket.SocketId, timeout time.Duration, expired func()) bool {
	return holdsOf(a).hold(id, timeout, expired)
}

func Release(a socket.Adapter, id socket.SocketId) bool { return holdsOf(a).release(id, func() {}) }

// Registered returns how many sockets have claims.
func Registered() int {
	n := 0
	registry.Range(func(any, any) bool { n++; return true })
	return n
}

// Remember hangs claims on a socket.
func Remember(s *socket.Socket, claims *Claims) { remember(s, claims) }

// LiveSessions is a Middleware, and how many sessions it tends.
func LiveSessions(v *Verifier, opts MiddlewareOptions) (socket.NamespaceMiddleware, func() int) {
	m := newMiddleware(v, opts)
	return m.connect, func() int {
		m.sessions.mu.Lock()
		defer m.sessions.mu.Unlock()
		return len(m.sessions.live)
	}
}

// Watched returns how many sockets the adapter of a namespace will tell of their end.
func Watched(nsp socket.Namespace) int {
	h := holdsOf(nsp.Adapter())
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.left)
}

// RefuseHTTP answers a request as [HTTP] does.
func RefuseHTTP(w http.ResponseWriter, err error, scope string) { refuseHTTP(w, err, scope) }
