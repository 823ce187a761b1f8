package forward

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"chorus/engine"
	"chorus/registry"
)

// Sessions are those of this node.
type Sessions interface {
	Has(sid string) bool
	CancelPoll(sid string)  // the client has cancelled its poll at the node that passed it on
	ReleasePoll(sid string) // the node that passed the poll on ends: the client polls by another way
	Retire(sid string)      // the node that passes the WebSocket on ends: the client connects again
}

// Options configure New.
type Options struct {
	Nodes    *registry.Registry
	Sessions Sessions

	// Off passes nothing on, and lets no other node pass anything on to this one.
	Off bool

	// MaxOpen bounds the requests and WebSockets that are passed on at a time. Further requests are
	// answered with 503.
	MaxOpen int

	// AnswerTimeout bounds how long a client may take to read an answer.
	AnswerTimeout time.Duration

	Logger *slog.Logger
}

// Stats are counters; they only grow, except Open.
type Stats struct {
	Requests atomic.Uint64 // that were passed on
	Sockets  atomic.Uint64 // WebSockets that were passed on
	Failed   atomic.Uint64 // requests whose node could not be reached
	Refused  atomic.Uint64 // requests that were refused by MaxOpen
	Taken    atomic.Uint64 // links of other nodes to this one
	Strange  atomic.Uint64 // attempts to open a link without the key
	Open     atomic.Int64  // requests and WebSockets that are passed on at the moment
}

// Forwarder passes requests on. Its methods are safe for concurrent use.
type Forwarder struct {
	opts      Options
	log       *slog.Logger
	stats     Stats
	transport *http.Transport
	links     *links // of other nodes to this one
	buffers   sync.Pool

	reach   reach
	leaving atomic.Bool
	goes    sync.WaitGroup
	cancel  context.CancelFunc // ends the probes

	mu     sync.Mutex
	relays map[*relay]struct{}
	polls  map[*passing]struct{}
	closed bool
}

// New returns a Forwarder. Start begins its work.
func New(opts Options) *Forwarder {
	f := &Forwarder{
		opts: opts, log: opts.Logger, links: newLinks(), cancel: func() {},
		relays: make(map[*relay]struct{}), polls: make(map[*passing]struct{}),
	}
	f.reach.nodes = make(map[string]*reached)
	f.buffers.New = func() any { b := make([]byte, bufferBytes); return &b }
	f.transport = &http.Transport{
		DialContext:            f.dialByID,
		MaxIdleConnsPerHost:    maxIdleLinks,
		IdleConnTimeout:        idleLink,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return f
}

// Links between nodes are kept for a while. The other side keeps them for longer, so that no request meets
// its close.
const (
	maxIdleLinks = 256 // to each node
	idleLink     = 90 * time.Second
)

// tagChars is how much of the id of its node the id of a session begins with: 30 bits.
const tagChars = 6

// idChars is the length of the id of a session, the same as without other nodes.
const idChars = 20

// NewID returns the id of a new session of this node: 6 characters of the node and 84 random bits.
func (f *Forwarder) NewID(*http.Request) string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // never fails
	return (f.opts.Nodes.ID()[:tagChars] + base64.RawURLEncoding.EncodeToString(b[:]))[:idChars]
}

// isID reports whether an id has the form of NewID.
func isID(sid string) bool {
	if len(sid) != idChars {
		return false
	}
	for _, c := range sid[:tagChars] {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// owner returns the node that a session belongs to, unless that is this one or none that lives.
func (f *Forwarder) owner(ctx context.Context, sid string) (registry.Node, bool) {
	if !isID(sid) {
		return registry.Node{}, false
	}
	n, ok := f.opts.Nodes.Find(sid[:tagChars])
	if !ok || n.Address == "" { // a node that has started this moment, perhaps
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		if f.opts.Nodes.Sync(ctx) == nil {
			n, ok = f.opts.Nodes.Find(sid[:tagChars])
		}
	}
	return n, ok && n.ID != f.opts.Nodes.ID()
}

// lookupTimeout is how long a request for a node that is not known waits for Redis.
const lookupTimeout = 300 * time.Millisecond

// Middleware passes requests of sessions of other nodes on, and leaves all others to next. busy answers those
// beyond MaxOpen: see ServeBusy.
func (f *Forwarder) Middleware(next, busy http.Handler) http.Handler {
	if f.opts.Off {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sid := engine.SessionID(r)
		if sid == "" || r.Method == http.MethodOptions || f.opts.Sessions.Has(sid) {
			next.ServeHTTP(w, r)
			return
		}
		node, ok := f.owner(r.Context(), sid)
		if !ok || !f.reach.may(node.ID) {
			next.ServeHTTP(w, r)
			return
		}
		if f.stats.Open.Add(1) > int64(f.opts.MaxOpen) {
			f.stats.Open.Add(-1)
			f.stats.Refused.Add(1)
			busy.ServeHTTP(w, r)
			return
		}
		f.pass(w, r, &passing{sid: sid, node: node}, next) // the answer is written in the context of the request
	})
}

// Explain tells the client of a session that lives on another node why it is unknown here; empty when that
// is not so.
func (f *Forwarder) Explain(sid string) string {
	node, ok := f.owner(context.Background(), sid)
	switch {
	case !ok:
		return ""
	case f.opts.Off:
		return "the session is on another node, and cluster.forward is off: the load balancer must use sticky sessions"
	case !f.reach.may(node.ID):
		return "the session is on another node, which this node cannot reach: the load balancer must use sticky sessions, or cluster.advertise must name an address that the other nodes reach"
	}
	return ""
}

// Stats returns the counters.
func (f *Forwarder) Stats() *Stats { return &f.stats }

// Start serves the links of other nodes with server, whose handler gets the requests, and begins to probe
// the others. Close ends it.
func (f *Forwarder) Start(server *http.Server) {
	if f.opts.Off {
		return
	}
	f.reach.start()
	server.Handler = f.fromNodes(server.Handler)
	f.goes.Go(func() { _ = server.Serve(f.links) }) // ends with Close
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	f.goes.Go(func() { f.probe(ctx) }) // ends with Close
	f.goes.Go(func() {                 // ends with Close
		<-ctx.Done()
		_ = server.Close()
	})
}

// Leave has the clients whose polls this node passes on poll by another way.
func (f *Forwarder) Leave(ctx context.Context) {
	f.leaving.Store(true)
	f.mu.Lock()
	polls := make([]*passing, 0, len(f.polls))
	for p := range f.polls {
		polls = append(polls, p)
	}
	f.mu.Unlock()
	for _, p := range polls {
		f.tell(ctx, p, opRelease)
	}
}

// Sockets returns functions, one for each WebSocket that this node passes on, which have the client connect
// again by another way.
func (f *Forwarder) Sockets() []func(context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	moves := make([]func(context.Context), 0, len(f.relays))
	for r := range f.relays {
		moves = append(moves, func(ctx context.Context) { f.tell(ctx, r.passing, opRetire) })
	}
	return moves
}

// Close ends all links and what they carry, and waits for the goroutines.
func (f *Forwarder) Close() {
	f.leaving.Store(true)
	f.cancel()
	_ = f.links.Close()
	f.mu.Lock()
	f.closed = true
	for r := range f.relays {
		r.close()
	}
	f.mu.Unlock()
	f.transport.CloseIdleConnections()
	f.goes.Wait()
}

// links hands accepted links to the HTTP server.
type links struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newLinks() *links { return &links{conns: make(chan net.Conn), done: make(chan struct{})} }

// Accept implements net.Listener.
func (l *links) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// give hands a link over, and reports whether the server takes links.
func (l *links) give(conn net.Conn) bool {
	select {
	case l.conns <- conn:
		return true
	case <-l.done:
		return false
	}
}

// Close implements net.Listener.
func (l *links) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements net.Listener.
func (l *links) Addr() net.Addr { return &net.UnixAddr{Name: "links", Net: "links"} }
