package engine

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"chorus/engine/link"
	"chorus/engine/message"
	"chorus/engine/wheel"
	"chorus/internal/emitter"

	"github.com/rs/cors"
	eio "github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/config"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Server is an Engine.IO server: an http.Handler for all requests of its path, and an engine for
// the library's Server.Bind. It is safe for concurrent use. Its listeners hear
//   - "connection" with each new *Conn;
//   - "initial_headers" and "headers" with a *types.ParameterBag and the request's context, to add
//     headers to the first answer of a session, or to every one;
//   - "connection_error" with a *types.ErrorMessage when a request is refused.
type Server struct {
	emitter.Emitter

	opts    Options
	library config.ServerOptionsInterface // what the library asks for
	log     *slog.Logger
	stats   Stats
	handler http.Handler
	links   *link.Group
	wheel   *wheel.Wheel[*Conn]
	shards  []*shard
	next    atomic.Uint64 // the shard of the next connection
	ping    *Message
	pong    *Message
	noop    *Message

	clients *types.Map[string, eio.Socket]
	count   atomic.Int64
	sockets atomic.Int64 // queues that follow sessions

	incomplete incomplete

	mu          sync.Mutex
	middlewares []eio.Middleware
	addresses   map[string]int // sessions by address, when they are limited
	outside     int            // sessions that have joined no namespace, with Options.Admission
	outsideBy   map[string]int // the same by address
	closed      bool
	empty       sync.Cond // no session is left

	stop  chan struct{}  // closed when all sessions have ended
	ended chan struct{}  // closed when all goroutines have
	goes  sync.WaitGroup // every goroutine of the server, but the one that waits for them
}

// Stats counts what a server did since it was made. The fields may be read at any time.
type Stats struct {
	Received        atomic.Uint64 // messages from clients
	Sent            atomic.Uint64 // messages to clients, each counted once for each of them
	SlowConsumers   atomic.Uint64 // sessions closed because too much waited for them
	VolatileDropped atomic.Uint64 // volatile messages dropped for clients that were behind
	Replaced        atomic.Uint64 // messages that gave way to a newer one, see MessageOptions.Latest
	Refused         atomic.Uint64 // handshakes refused by MaxConnections and MaxConnectionsPerAddress
}

var (
	_ eio.BaseServer = (*Server)(nil)
	_ http.Handler   = (*Server)(nil)
)

// New returns a server. Its goroutines, one for each core and one for the timers, end with
// Close.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{
		opts:      opts,
		library:   libraryOptions(opts),
		log:       opts.Logger,
		wheel:     wheel.New(min(opts.PingInterval, opts.PingTimeout), max(opts.PingInterval+opts.PingTimeout, closeTimeout), (*Conn).onTimer),
		ping:      message.NewPacket(message.TypePing, ""),
		pong:      message.NewPacket(message.TypePong, ""),
		noop:      message.NewPacket(message.TypeNoop, ""),
		clients:   &types.Map[string, eio.Socket]{},
		addresses: make(map[string]int),
		outsideBy: make(map[string]int),
		stop:      make(chan struct{}),
		ended:     make(chan struct{}),
	}
	s.links = link.NewGroup(&s.goes)
	s.empty.L = &s.mu
	s.handler = http.HandlerFunc(s.serve)
	if opts.CORS != nil {
		s.handler = cors.New(*opts.CORS).Handler(s.handler)
	}
	for range runtime.GOMAXPROCS(0) {
		shard := newShard(s)
		s.shards = append(s.shards, shard)
		s.goes.Go(shard.run) // ends with Close
	}
	s.startPollers()
	s.goes.Go(func() { s.wheel.Run(s.stop) }) // ends with Close
	return s
}

// ServeHTTP serves a request of Engine.IO, whatever its path.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Stats returns the counters of the server.
func (s *Server) Stats() *Stats { return &s.stats }

// Buffered returns how many bytes of messages wait for the shards, each message counted once.
func (s *Server) Buffered() int {
	n := 0
	for _, shard := range s.shards {
		shard.mu.Lock()
		n += shard.bytes
		shard.mu.Unlock()
	}
	return n
}

// Close ends all sessions, lets no more begin, and has the server's goroutines end after them. It
// does not wait, and may be called by a listener.
func (s *Server) Close() eio.BaseServer {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		go s.drain() // ends with the sessions, each within closeTimeout
	}
	s.clients.Range(func(_ string, c eio.Socket) bool {
		c.Close(true)
		return true
	})
	return s
}

// Shutdown closes the server and returns when all of its goroutines have ended, or ctx has. It must
// not be called by a listener.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Close()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startPollers gives each shard a poller, where the system has them.
func (s *Server) startPollers() {
	for _, shard := range s.shards {
		p, err := s.links.NewPoller()
		if err != nil {
			if !errors.Is(err, errors.ErrUnsupported) {
				s.log.Warn("no poller: each WebSocket of this shard has a goroutine of its own", slog.Any("error", err))
			}
			continue
		}
		shard.poller = p
	}
}

// drain ends the goroutines when no session is left that they could have to do with.
func (s *Server) drain() {
	s.mu.Lock()
	for s.count.Load() > 0 {
		s.empty.Wait()
	}
	s.mu.Unlock()
	close(s.stop)
	for _, shard := range s.shards {
		shard.stop()
		if shard.poller != nil {
			shard.poller.Close()
		}
	}
	s.goes.Wait()
	close(s.ended)
}

// admit counts a new session in, or returns why it is refused.
func (s *Server) admit(c *Conn) *types.CodeMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return closed
	case s.count.Load() >= int64(s.opts.MaxConnections),
		s.opts.MaxConnectionsPerAddress > 0 && s.addresses[c.network()] >= s.opts.MaxConnectionsPerAddress:
		s.stats.Refused.Add(1)
		return tooMany
	}
	if refusal := s.admitOutside(c); refusal != nil {
		return refusal
	}
	s.count.Add(1)
	if s.opts.MaxConnectionsPerAddress > 0 {
		s.addresses[c.network()]++
	}
	s.clients.Store(c.id, c)
	return nil
}

// forget counts a session out.
func (s *Server) forget(c *Conn) {
	s.wheel.Remove(&c.timer)
	s.clients.Delete(c.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opts.MaxConnectionsPerAddress > 0 {
		if s.addresses[c.network()]--; s.addresses[c.network()] == 0 {
			delete(s.addresses, c.network())
		}
	}
	s.stepInside(c)
	if s.count.Add(-1) == 0 {
		s.empty.Broadcast()
	}
}

func (s *Server) logEnd(c *Conn, reason string, err error) {
	s.log.Debug("session ended",
		slog.String("reason", reason), slog.Any("error", err), slog.String("transport", c.Transport().Name()))
}

// newID returns 120 random bits in 20 characters.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
