package adapter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"chorus/adapter/wire"
	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Options configures New. The zero value is useful.
type Options struct {
	// RequestTimeout ends requests to the other servers (FetchSockets, ServerSideEmit with
	// acknowledgement, ServerCount), counted from the call; default 5 s. A flags.Timeout of the
	// call itself goes before it.
	RequestTimeout time.Duration
	// TotalOrder makes a server deliver its own broadcasts when they come back from the transport: see
	// ClusterOptions.
	TotalOrder bool
	// Logger gets what goes wrong. Default: no log.
	Logger *slog.Logger
}

// Cluster makes the adapters of the namespaces of one server, which a transport connects to the other
// servers. It is safe for concurrent use.
type Cluster struct {
	transport Transport
	opts      Options
	log       *slog.Logger
	stats     *Stats

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu     sync.Mutex     // held to end ctx and to begin a request: none begins while Close waits
	wg     sync.WaitGroup // running requests, and the handlers of events
	events chan func()    // handlers of events from other servers, run one after the other
}

// maxPendingEvents bounds the server-side events whose handlers have not run yet.
const maxPendingEvents = 1024

// New returns the adapters of a server in a cluster. Close ends them and the transport.
func New(transport Transport, opts Options) *Cluster {
	if opts.RequestTimeout <= 0 {
		opts.RequestTimeout = DefaultRequestTimeout
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Cluster{transport: transport, opts: opts, log: opts.Logger, stats: &Stats{}, events: make(chan func(), maxPendingEvents)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.wg.Go(c.runEvents) // ends with Close
	return c
}

// New makes the adapter of a namespace; the library calls it.
func (c *Cluster) New(nsp socket.Namespace) socket.Adapter {
	a := &clusterAdapter{
		local:   newLocal(nsp),
		cluster: c,
		uid:     wire.NewServerName(),
		raw:     codec.Is(nsp.Server().Opts().Parser()),
	}
	if t, ok := c.transport.(redisTransport); ok && t.kept != nil {
		a.recovery = t.newRecovery(a)
	}
	_ = a.On("delete-room", func(args ...any) {
		if room, ok := args[0].(Room); ok {
			a.link.Follow([]Room{room})
		}
	})
	link, err := c.transport.Open(a)
	if err != nil {
		// The library has no way to say so.
		panic(fmt.Errorf("adapter: namespace %s: %w", nsp.Name(), err))
	}
	a.link = link
	return a
}

// Health returns nil while this server hears the cluster. Otherwise the error says what is missing.
func (c *Cluster) Health() error { return c.transport.Health() }

// Close closes the transport, which sends what still waits, and ends requests, for as long as ctx allows. It is
// idempotent.
func (c *Cluster) Close(ctx context.Context) error {
	err := c.transport.Close(ctx)
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	ended := make(chan struct{})
	go func() { // ends with the goroutines of c
		c.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		if err == nil {
			err = fmt.Errorf("adapter: closed while a handler still runs: %w", ctx.Err())
		}
	}
	return err
}

// request runs fn, which may wait for other servers, in a goroutine that Close waits foc. Its
// context ends with the timeout or with Close.
func (c *Cluster) request(timeout time.Duration, fn func(ctx context.Context)) {
	c.mu.Lock()
	closed := c.ctx.Err() != nil
	if !closed {
		c.wg.Go(func() {
			ctx, cancel := context.WithTimeout(c.ctx, timeout)
			defer cancel()
			guard(c.log, func() { fn(ctx) })
		})
	}
	c.mu.Unlock()
	if closed {
		fn(c.ctx) // it says so to its caller, without waiting
	}
}

// enqueueEvent has fn run after the events before it. It does not block: handlers are the
// application's and may wait for anything, broadcasts must not wait for them.
func (c *Cluster) enqueueEvent(fn func()) {
	select {
	case c.events <- fn:
	default:
		c.stats.EventsDropped.Add(1)
		c.log.Error("server-side event dropped: its handlers do not keep up", slog.Int("waiting", maxPendingEvents))
	}
}

func (c *Cluster) runEvents() {
	for {
		select {
		case <-c.ctx.Done():
			return
		case fn := <-c.events:
			guard(c.log, fn)
		}
	}
}

// guard runs fn and keeps a panic of the application's handlers in it from ending the node, as the
// library does for handlers of clients' events.
func guard(log *slog.Logger, fn func()) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("a handler of the application panicked", slog.Any("panic", p))
		}
	}()
	fn()
}
