package adminui

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Name is the namespace in which the UI looks by default.
const Name = "/admin"

// ErrCredentials is what a UI is told that may not sign in. The UI knows this text.
var ErrCredentials = errors.New("invalid credentials")

// Options configure New. IO and SignIn are needed.
type Options struct {
	IO *socket.Server
	// SignIn says what a UI may do. An error is a refusal.
	SignIn func(context.Context, Credentials) (Access, error)
	// Figures are those of this node.
	Figures func() Figures
	// Server names this node.
	Server string
	// User names the user of a socket; default nobody.
	User func(*socket.Socket) map[string]any
	// MostSockets bounds the sockets of this node that are told one by one; default 1000. A node with more tells figures
	// alone.
	MostSockets int
	// MostEvents bounds the events of this node that are told in a second; default 100. Further ones are left out.
	MostEvents int
}

// Credentials are what a UI signs in with: a name and a password, or the session of an earlier sign-in.
type Credentials struct{ Username, Password, Session string }

// Access is what a UI may do.
type Access struct {
	ReadOnly bool
	// Session lets the UI come back without name and password.
	Session string
}

// Figures are those of a node.
type Figures struct {
	Connections, Polling   uint64 // open now
	Opened, Received, Sent uint64 // connections and messages; they only grow
}

// How often figures are told, and how long a node goes on telling after it last heard of a UI that is watching.
const (
	interval = 2 * time.Second
	patience = 3 * interval
)

// Server serves the UI on one node. Close ends it.
type Server struct {
	opts Options
	nsp  socket.Namespace

	watching atomic.Bool // a UI of some node is watching
	events   atomic.Int64

	mu      sync.Mutex
	heard   time.Time // of a UI that is watching, last
	last    Figures
	watched map[*socket.Socket]func() // sockets whose events are told, with what ends that

	stop  chan struct{}
	close sync.Once
	tasks sync.WaitGroup
}

// New opens the namespace.
func New(opts Options) (*Server, error) {
	if opts.IO == nil || opts.SignIn == nil || opts.Figures == nil {
		return nil, errors.New("adminui: Options.IO, Options.SignIn or Options.Figures is missing")
	}
	opts.MostSockets = cmp.Or(opts.MostSockets, 1000)
	opts.MostEvents = cmp.Or(opts.MostEvents, 100)
	s := &Server{opts: opts, watched: make(map[*socket.Socket]func()), stop: make(chan struct{})}
	s.last = opts.Figures()
	s.nsp = opts.IO.Of(Name, nil)
	s.nsp.Use(s.admit)
	err := errors.Join(
		s.nsp.On("connection", func(args ...any) { s.connected(args[0].(*socket.Socket)) }), //nolint:errcheck,forcetypeassert // the library's contract
		s.nsp.On(eventWatching, func(...any) { s.heardOf() }),
		s.nsp.On(eventHello, func(args ...any) { s.introduce(args) }),
		s.followNamespaces(),
	)
	if err != nil {
		return nil, err
	}
	s.tasks.Go(s.run) // ends with Close
	return s, nil
}

// Close ends the telling and waits for that. It is idempotent.
func (s *Server) Close() {
	s.close.Do(func() { close(s.stop) })
	s.tasks.Wait()
	s.unwatch()
}

// run tells figures, and other nodes that a UI is watching here.
func (s *Server) run() {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		if s.nsp.Sockets().Len() > 0 {
			_ = s.nsp.ServerSideEmit(eventWatching) // without Redis there are no others
			s.heardOf()
		}
		s.mu.Lock()
		over := time.Since(s.heard) > patience
		s.mu.Unlock()
		if over {
			s.unwatch()
			continue
		}
		s.events.Store(0)
		_ = s.nsp.Emit("server_stats", s.stats())
	}
}

// Events by which nodes tell each other.
const (
	eventWatching = "chorus:watching" // a UI is watching somewhere
	eventHello    = "chorus:hello"    // a UI is new somewhere: its socket
)

// heardOf begins to tell of sockets and events, for a while.
func (s *Server) heardOf() {
	s.mu.Lock()
	s.heard = time.Now()
	s.mu.Unlock()
	if !s.watching.CompareAndSwap(false, true) {
		return
	}
	for _, one := range s.sockets() {
		s.watch(one)
	}
}

// unwatch ends that.
func (s *Server) unwatch() {
	s.watching.Store(false)
	s.mu.Lock()
	ends := s.watched
	s.watched = make(map[*socket.Socket]func())
	s.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

// admit is the middleware of the namespace.
func (s *Server) admit(one *socket.Socket, next func(*socket.ExtendedError)) {
	text := func(name string) string {
		value, _ := one.Handshake().Auth[name].(string)
		return value
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	access, err := s.opts.SignIn(ctx, Credentials{Username: text("username"), Password: text("password"), Session: text("sessionId")})
	if err != nil {
		next(socket.NewExtendedError(ErrCredentials.Error(), nil))
		return
	}
	one.SetData(map[string]any{accessKey: access})
	next(nil)
}

const accessKey = "chorus.adminui"

// connected tells a new UI what there is.
func (s *Server) connected(one *socket.Socket) {
	data, _ := one.Data().(map[string]any)
	access, _ := data[accessKey].(Access)
	features := []string{"AGGREGATED_EVENTS", "ALL_EVENTS"}
	if !access.ReadOnly {
		features = append([]string{"EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT"}, features...)
		s.command(one)
	}
	if access.Session != "" {
		_ = one.Emit("session", access.Session)
	}
	_ = one.Emit("config", map[string]any{"supportedFeatures": features})
	s.heardOf()
	others := s.sockets()
	list := make([]any, 0, len(others))
	for _, other := range others {
		list = append(list, s.serialize(other))
	}
	_ = one.Emit("all_sockets", list)
	_ = one.Emit("server_stats", s.stats())
	_ = s.nsp.ServerSideEmit(eventWatching)
	_ = s.nsp.ServerSideEmit(eventHello, string(one.Id()))
}

// introduce tells a UI of another node about the sockets of this one.
func (s *Server) introduce(args []any) {
	if len(args) == 0 {
		return
	}
	id, ok := textOf(args[0])
	if !ok {
		return
	}
	s.heardOf()
	for _, one := range s.sockets() {
		_ = s.nsp.To(socket.Room(id)).Emit("socket_connected", s.serialize(one), now())
	}
	_ = s.nsp.To(socket.Room(id)).Emit("server_stats", s.stats())
}
