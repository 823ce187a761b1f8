package auth

import (
	"maps"
	"runtime"
	"sync"
	"weak"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// registry holds the claims of authenticated sockets. The library's Socket has no place for them:
// its data belongs to the application, which may replace it. The keys are weak, so an entry lives
// as long as its socket does and handlers of "disconnect" still find it.
var registry sync.Map // weak.Pointer[socket.Socket] -> *Claims

// FromSocket returns the verified claims of a socket, nil when it has not authenticated. It works
// in middlewares after this package's, in every handler, and after the socket has disconnected.
func FromSocket(s *socket.Socket) *Claims {
	if s == nil {
		return nil
	}
	claims, ok := registry.Load(weak.Make(s))
	if !ok {
		return nil
	}
	return claims.(*Claims) //nolint:errcheck,forcetypeassert // remember stores nothing else
}

// dataKey is the member of a socket's data that holds the claims. Node.js peers of the cluster see
// it as data.decoded in fetchSockets.
const dataKey = "decoded"

// remember hangs the claims on a socket. Data of the application that is not a map[string]any is
// left alone; a map is replaced by a copy, since another goroutine may be reading it.
func remember(s *socket.Socket, claims *Claims) {
	key := weak.Make(s)
	if _, known := registry.Swap(key, claims); !known {
		runtime.AddCleanup(s, func(key weak.Pointer[socket.Socket]) { registry.Delete(key) }, key)
	}
	switch data := s.Data().(type) {
	case nil:
		s.SetData(map[string]any{dataKey: claims})
	case map[string]any:
		extended := make(map[string]any, len(data)+1)
		maps.Copy(extended, data)
		extended[dataKey] = claims
		s.SetData(extended)
	}
}
