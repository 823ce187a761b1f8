package auth_test

import (
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/auth"
	"chorus/codec"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// server is a Socket.IO server of the library behind a real HTTP server.
type server struct {
	*socket.Server
	http *httptest.Server

	mu   sync.Mutex
	open map[string]chan struct{} // the sessions and sockets that the library knows
}

// adapters are those that holds are tested with.
var adapters = map[string]socket.AdapterConstructor{
	"library": &socket.AdapterBuilder{},
	"memory":  adapter.NewMemory(),
}

// parsers are those that events are read with.
var parsers = map[string]parser.Parser{
	"library": parser.NewParser(),
	"codec":   codec.New(codec.Options{}),
}

// withParser makes a server use a parser.
func withParser(p parser.Parser) func(*socket.ServerOptions) {
	return func(opts *socket.ServerOptions) { opts.SetParser(p) }
}

// serve runs a server with a middleware on the main namespace.
func serve(t *testing.T, opts auth.MiddlewareOptions) *server {
	t.Helper()
	io := listen(t, auth.Adapter(adapter.NewMemory()), nil)
	io.Use(auth.Middleware(newVerifier(t, nil), opts))
	return io
}

// listen runs a server without a middleware.
func listen(t *testing.T, rooms socket.AdapterConstructor, change func(*socket.ServerOptions)) *server {
	t.Helper()
	opts := socket.DefaultServerOptions()
	opts.SetAdapter(rooms)
	opts.SetServeClient(false)
	opts.SetAllowEIO3(true)
	if change != nil {
		change(opts)
	}
	io := &server{Server: socket.NewServer(nil, opts), open: make(map[string]chan struct{})}
	io.http = httptest.NewServer(io.ServeHandler(opts))
	// The engine sends its open packet before the library listens to the client; what a quick
	// client sends in between is lost. This listener comes after the library's own.
	if err := io.Engine().On("connection", func(args ...any) {
		close(io.opened("session " + args[0].(engine.Socket).Id()))
	}); err != nil {
		t.Fatal(err)
	}
	// Likewise the library sends CONNECT before it knows the socket, and closes the connection on an
	// event that comes in between.
	if err := io.Sockets().On("connection", func(args ...any) {
		close(io.opened("socket " + string(args[0].(*socket.Socket).Id())))
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		io.Close(nil)
		io.http.Close()
	})
	return io
}

// opened returns a channel that is closed when the library knows this "session SID" or "socket ID":
// a Socket.IO v2 client has the same id for both.
func (io *server) opened(name string) chan struct{} {
	io.mu.Lock()
	defer io.mu.Unlock()
	ch, ok := io.open[name]
	if !ok {
		ch = make(chan struct{})
		io.open[name] = ch
	}
	return ch
}

// connections returns the sockets that connect to a namespace.
func connections(t *testing.T, nsp socket.Namespace) <-chan *socket.Socket {
	t.Helper()
	return sockets(t, nsp, "connection")
}

// sockets returns the sockets with which an event is raised on a namespace.
func sockets(t *testing.T, nsp socket.Namespace, event string) <-chan *socket.Socket {
	t.Helper()
	ch := make(chan *socket.Socket, 16)
	if err := nsp.On(event, func(args ...any) { ch <- args[0].(*socket.Socket) }); err != nil {
		t.Fatal(err)
	}
	return ch
}

// disconnected returns a channel that is closed when the socket is gone.
func disconnected(t *testing.T, s *socket.Socket) <-chan struct{} {
	t.Helper()
	ch := make(chan struct{})
	var once sync.Once // the library raises the event twice when both ends close at a time
	if err := s.On("disconnect", func(...any) { once.Do(func() { close(ch) }) }); err != nil {
		t.Fatal(err)
	}
	return ch
}

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-ch:
		_ = ok
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// goodClaims returns a claim set that is good for a minute of real time.
func goodClaims(sub string) map[string]any {
	return map[string]any{"sub": sub, "exp": time.Now().Unix() + 60}
}
