package adapter_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/adapter"
	"chorus/adapter/internal/trial"
	"chorus/adapter/pubsub"
	hub "chorus/adapter/redis"
	"chorus/adapter/session"
	"chorus/adapter/sharded"
	"chorus/adapter/streams"
	"chorus/adapter/wire"
	"chorus/engine"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	eio "github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// node is a Socket.IO server of the library behind a real HTTP server, with the Redis adapter or,
// without a Redis, the memory adapter.
type node struct {
	*socket.Server
	t      *testing.T
	redis  *cluster // nil with the memory adapter
	client *redis.Client
	http   *httptest.Server

	mu   sync.Mutex
	open map[string]chan struct{} // the sessions and sockets that the library knows
}

// cluster is the adapters of a node, and what it is made of.
type cluster struct {
	*adapter.Cluster
	hub      interface{ Stats() hub.Stats }
	sessions *session.Keeper // nil without recovery
}

// stats are all figures of a node.
type stats struct {
	hub.Stats
	Skipped, EventsDropped uint64
}

func (c *cluster) Stats() stats {
	a := c.Cluster.Stats()
	return stats{c.hub.Stats(), a.Skipped, a.EventsDropped}
}

func (c *cluster) RecoveryStats() session.Stats { return c.sessions.Stats() }

// clusterOptions are those that tests change.
type clusterOptions struct {
	Prefix         string
	RequestTimeout time.Duration
	TotalOrder     bool
	MaxUnhandled   int
	Logger         *slog.Logger
}

func (o clusterOptions) hub() hub.Options {
	return hub.Options{Prefix: o.Prefix, MaxUnhandled: o.MaxUnhandled, Logger: o.Logger}
}

// newCluster returns the adapters of a node with a transport.
func newCluster(t adapter.Transport, h interface{ Stats() hub.Stats }, o clusterOptions, sessions *session.Keeper) *cluster {
	return &cluster{adapter.New(t, adapter.Options{RequestTimeout: o.RequestTimeout, TotalOrder: o.TotalOrder, Sessions: sessions, Logger: o.Logger}), h, sessions}
}

// settings change how a node is made.
type settings struct {
	clusterOptions
	own    bool // RedisOptions.OwnResponseChannel
	client func(*redis.Options)
	wrap   func(socket.AdapterConstructor) socket.AdapterConstructor
	parser parser.Parser // nil: the library's own
	unfit  bool          // do not wait until the node hears the cluster
	stock  bool          // on the library's own engine
	old    bool          // clients of Socket.IO 2 are let in

	recovery *session.Options // with streams
}

// shardedAddr has startNode take the sharded adapter.
func shardedAddr(addr string, mode wire.SubscriptionMode) string { return string(mode) + "@" + addr }

// startNode runs a node on the Redis at addr until the test ends.
func startNode(t *testing.T, addr string, s settings) *node {
	t.Helper()
	n := &node{t: t, open: make(map[string]chan struct{})}
	// As the program does it: without ContextTimeoutEnabled the client ignores deadlines.
	mode, addr, sharded := strings.Cut(addr, "@")
	if !sharded {
		mode, addr = "", mode
	}
	opts := &redis.Options{Addr: addr, ContextTimeoutEnabled: true}
	if s.client != nil {
		s.client(opts)
	}
	n.client = redis.NewClient(opts)
	switch {
	case mode == trialMode:
		n.redis = newTrial(t, addr, s.clusterOptions)
	case mode == streamsMode:
		n.redis = newStreams(n.client, s.clusterOptions, s.recovery)
	case sharded:
		n.redis = newSharded(t, n.client, wire.SubscriptionMode(mode), s.clusterOptions)
	default:
		transport := pubsub.New(n.client, pubsub.Options{Options: s.hub(), OwnResponseChannel: s.own})
		n.redis = newCluster(transport, transport.Hub, s.clusterOptions, nil)
	}
	n.run(n.client, s)
	return n
}

// startNodeOn runs a node on a Redis Cluster until the test ends.
func startNodeOn(t *testing.T, c *redisCluster, mode wire.SubscriptionMode, s settings) *node {
	t.Helper()
	client := c.client()
	n := &node{t: t, open: make(map[string]chan struct{}), redis: newSharded(t, client, mode, s.clusterOptions)}
	n.run(client, s)
	return n
}

// run serves until the test ends.
func (n *node) run(client redis.UniversalClient, s settings) {
	n.t.Helper()
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = n.redis.Close(ctx) // only the tests of an outage close with something left
		_ = client.Close()
	})
	var rooms socket.AdapterConstructor = n.redis
	if s.wrap != nil {
		rooms = s.wrap(rooms)
	}
	n.serve(rooms, s)
	if !s.unfit {
		n.awaitHealth()
	}
}

func newSharded(t *testing.T, client redis.UniversalClient, mode wire.SubscriptionMode, o clusterOptions) *cluster {
	t.Helper()
	transport, err := sharded.New(client, sharded.Options{Options: o.hub(), Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	return newCluster(transport, transport.Hub, o, nil)
}

// streamsMode before an address stands for the adapter with streams, see streamsAddr.
const streamsMode = "streams"

func streamsAddr(addr string) string { return streamsMode + "@" + addr }

func newStreams(client redis.UniversalClient, o clusterOptions, recovery *session.Options) *cluster {
	transport := streams.New(client, streams.Options{Options: o.hub()})
	var sessions *session.Keeper
	if recovery != nil {
		sessions = session.OnRedis(client, transport, session.RedisOptions{Options: *recovery})
	}
	return newCluster(transport, transport.Hub, o, sessions)
}

// trialMode before an address stands for the trial transport, whose hub is there.
const trialMode = "trial"

// trialStats are what the trial transport counts.
type trialStats struct{ *trial.Transport }

func (s trialStats) Stats() hub.Stats { return hub.Stats{Malformed: s.Malformed()} }

func newTrial(t *testing.T, addr string, o clusterOptions) *cluster {
	t.Helper()
	transport, err := trial.New(addr, o.Prefix)
	if err != nil {
		t.Fatal(err)
	}
	return newCluster(transport, trialStats{transport}, o, nil)
}

// serveAlone serves with the memory adapter and recovery.
func (n *node) serveAlone(recovery session.Options, s settings) {
	n.t.Helper()
	transport := &adapter.Memory{}
	n.serve(adapter.New(transport, adapter.Options{Sessions: session.InMemory(transport, recovery)}), s)
}

// startLonely runs a node with the memory adapter.
func startLonely(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, open: make(map[string]chan struct{})}
	n.serve(adapter.NewMemory(), settings{})
	return n
}

func (n *node) serve(rooms socket.AdapterConstructor, s settings) {
	n.t.Helper()
	opts := socket.DefaultServerOptions()
	if s.parser != nil {
		opts.SetParser(s.parser)
	}
	opts.SetAdapter(rooms)
	opts.SetServeClient(false)
	if s.recovery != nil {
		opts.SetConnectionStateRecovery(socket.DefaultConnectionStateRecovery())
	}
	n.Server = socket.NewServer(nil, opts)
	var handler http.Handler
	if s.stock {
		handler = n.ServeHandler(opts)
	} else {
		ours := engine.New(engine.Options{AllowEIO3: s.old})
		n.Bind(ours)
		handler = ours
		n.t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			n.on(ours.Shutdown(ctx))
		})
	}
	n.http = httptest.NewServer(handler)
	n.t.Cleanup(func() {
		n.Close(nil)
		n.http.Close()
	})
	// The library's engine sends its open packet before the library listens to the client; what a
	// quick client sends in between is lost. This listener comes after the library's own.
	n.on(n.Engine().On("connection", func(args ...any) {
		close(n.opened("session " + args[0].(eio.Socket).Id()))
	}))
	n.announce(n.Sockets())
	if s.recovery != nil {
		n.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
			owner, _ := s.Handshake().Auth["user"].(string)
			session.Resume(s, owner)
			if _, bad := s.Handshake().Auth["bad"]; bad {
				next(socket.NewExtendedError("refused", nil))
				return
			}
			next(nil)
		})
	}
}

// announce closes opened("socket ID") for each new socket of a namespace: the library sends CONNECT
// before it knows the socket.
func (n *node) announce(nsp socket.Namespace) {
	n.t.Helper()
	n.on(nsp.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		if !s.Recovered() { // its id is an old one
			close(n.opened("socket " + string(s.Id())))
		}
	}))
}

func (n *node) on(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) opened(name string) chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	ch, ok := n.open[name]
	if !ok {
		ch = make(chan struct{})
		n.open[name] = ch
	}
	return ch
}

// namespace returns a namespace of the node, subscribed and ready for clients.
func (n *node) namespace(name string) socket.Namespace {
	n.t.Helper()
	nsp := n.Of(name, nil)
	n.announce(nsp)
	n.awaitHealth()
	return nsp
}

func (n *node) awaitHealth() {
	n.t.Helper()
	eventually(n.t, "the node hears the cluster", func() bool { return n.redis.Health() == nil })
}

// fetched is what a FetchSockets brought.
type fetched struct {
	sockets []*socket.RemoteSocket
	err     error
}

// fetch runs FetchSockets and fails when the callback comes twice.
func fetch(t *testing.T, operator *socket.BroadcastOperator) fetched {
	t.Helper()
	ch := make(chan fetched, 2)
	operator.FetchSockets()(func(sockets []*socket.RemoteSocket, err error) { ch <- fetched{sockets, err} })
	got := receive(t, "the callback of FetchSockets", ch)
	if len(ch) > 0 {
		t.Error("FetchSockets calls back twice")
	}
	return got
}

// acked is what an acknowledgement brought.
type acked struct {
	values []any
	err    error
}

// acks returns an acknowledgement callback and the channel that gets what it is called with.
func acks() (socket.Ack, <-chan acked) {
	ch := make(chan acked, 16)
	return func(values []any, err error) { ch <- acked{values, err} }, ch
}

// short is a request timeout for requests that nobody answers.
const short = 700 * time.Millisecond
