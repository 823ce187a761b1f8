package auth

import (
	"net/http"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// SetNow gives a verifier a clock.
func SetNow(v *Verifier, now func() time.Time) { v.now = now }

// Held returns how many sockets the gate of a namespace holds.
func Held(nsp socket.Namespace) int {
	g := gateOf(nsp.Adapter())
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.held)
}

// Hold and Admit are the two ends of a hold, for tests of the gate alone.
func Hold(a socket.Adapter, id socket.SocketId, timeout time.Duration, expired func()) bool {
	return gateOf(a).hold(id, timeout, expired)
}

func Admit(a socket.Adapter, id socket.SocketId) bool { return gateOf(a).admit(id, func() {}) }

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

// Watched returns how many sockets the gate of a namespace will tell of their end.
func Watched(nsp socket.Namespace) int {
	g := gateOf(nsp.Adapter())
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.left)
}

// RefuseHTTP answers a request as [HTTP] does.
func RefuseHTTP(w http.ResponseWriter, err error, scope string) { refuseHTTP(w, err, scope) }

// ReadJWKS returns how many keys of a JWKS can be used.
func ReadJWKS(data []byte) (int, error) {
	keys, _, err := parseJWKSet(data)
	return len(keys), err
}
