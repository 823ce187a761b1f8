package adapter

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"chorus/adapter/rooms"
	"chorus/adapter/session"
	"chorus/adapter/wire"
	"chorus/codec"
	"chorus/internal/background"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// DefaultRequestTimeout is that of Options.
const DefaultRequestTimeout = 5 * time.Second

// Options configures New. The zero value is useful.
type Options struct {
	// RequestTimeout ends requests to the other servers (FetchSockets, ServerSideEmit with
	// acknowledgement, ServerCount), counted from the call; default 5 s. A flags.Timeout of the
	// call itself goes before it.
	RequestTimeout time.Duration
	// TotalOrder makes the clients of the whole cluster receive the messages of a room in one order: a server
	// delivers its own broadcasts when they come back from the transport, a round trip later. While Redis is away
	// they reach no client; what can still be published then waits, as everything else does. Broadcasts with
	// acknowledgement and those with the flag Local are delivered at once, outside of the order. All servers
	// must have it. Default: a server's own clients receive its messages at once.
	TotalOrder bool
	// Sessions makes clients resume their sessions; it is of the same transport. The order is total then. nil: none.
	Sessions *session.Keeper
	// Logger gets what goes wrong. Default: no log.
	Logger *slog.Logger
}

// Cluster makes the adapters of the namespaces of one server, which a transport connects to the other
// servers. It is safe for concurrent use.
type Cluster struct {
	transport Transport
	opts      Options
	log       *slog.Logger
	stats     counters

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu       sync.Mutex     // held to end ctx and to begin a goroutine: none begins while Close waits
	wg       sync.WaitGroup // running requests, and the handlers of events
	events   []func()       // handlers of events from other servers, which run one after the other
	handling bool           // a goroutine runs them
}

// maxPendingEvents bounds the server-side events whose handlers have not run yet.
const maxPendingEvents = 1024

// Stats are the figures of the adapters of a server: counters since they were made.
type Stats struct {
	Skipped       uint64 // broadcasts for rooms without a member here, not decoded
	EventsDropped uint64 // server-side events dropped because handlers did not keep up
}

type counters struct{ skipped, eventsDropped atomic.Uint64 }

// New returns the adapters of a server in a cluster. Close ends them and the transport.
func New(transport Transport, opts Options) *Cluster {
	if opts.RequestTimeout <= 0 {
		opts.RequestTimeout = DefaultRequestTimeout
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Sessions != nil {
		opts.TotalOrder = true
	}
	c := &Cluster{transport: transport, opts: opts, log: opts.Logger}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// New makes the adapter of a namespace; the library calls it.
func (c *Cluster) New(nsp socket.Namespace) socket.Adapter {
	a := &namespace{
		Local:   rooms.New(nsp),
		cluster: c,
		uid:     wire.NewServerName(),
		raw:     codec.Is(nsp.Server().Opts().Parser()),
	}
	a.Prototype(a)
	if c.opts.Sessions != nil {
		a.Keep(c.opts.Sessions.Open(session.Namespace{Local: a.Local, Server: a.uid, Raw: a.raw, Evict: a.evict}))
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

// Health returns nil while this server misses nothing of the cluster. Otherwise the error says what is missing.
func (c *Cluster) Health() error { return c.transport.Health() }

// Stats returns the figures of the adapters.
func (c *Cluster) Stats() Stats {
	return Stats{Skipped: c.stats.skipped.Load(), EventsDropped: c.stats.eventsDropped.Load()}
}

// Close writes the sessions that wait, closes the transport, which sends what still waits, and ends requests, for as
// long as ctx allows. It is idempotent.
func (c *Cluster) Close(ctx context.Context) error {
	if c.opts.Sessions != nil {
		c.opts.Sessions.Close(ctx)
	}
	err := c.transport.Close(ctx)
	c.mu.Lock()
	c.cancel()
	c.events = nil
	c.mu.Unlock()
	if late := background.Wait(ctx, &c.wg); late != nil && err == nil {
		err = fmt.Errorf("adapter: closed while a handler still runs: %w", late)
	}
	return err
}

// request runs fn, which may wait for other servers, in a goroutine that Close waits for. Its
// context ends with the timeout or with Close. A server that is alone does not wait, and needs no goroutine.
func (c *Cluster) request(timeout time.Duration, fn func(ctx context.Context)) {
	if _, alone := c.transport.(*Memory); alone {
		c.guard(func() { fn(c.ctx) })
		return
	}
	c.mu.Lock()
	closed := c.ctx.Err() != nil
	if !closed {
		c.wg.Go(func() {
			ctx, cancel := context.WithTimeout(c.ctx, timeout)
			defer cancel()
			c.guard(func() { fn(ctx) })
		})
	}
	c.mu.Unlock()
	if closed {
		fn(c.ctx) // it says so to its caller, without waiting
	}
}

// enqueueEvent runs fn after the events before it. It does not block: handlers are the
// application's and may wait for anything, broadcasts must not wait for them.
func (c *Cluster) enqueueEvent(fn func()) {
	c.mu.Lock()
	full := len(c.events) == maxPendingEvents
	if !full && c.ctx.Err() == nil {
		c.events = append(c.events, fn)
		if !c.handling {
			c.handling = true
			c.wg.Go(c.runEvents) // ends when no event waits
		}
	}
	c.mu.Unlock()
	if full {
		c.stats.eventsDropped.Add(1)
		c.log.Error("server-side event dropped: its handlers do not keep up", slog.Int("waiting", maxPendingEvents))
	}
}

func (c *Cluster) runEvents() {
	for {
		c.mu.Lock()
		if len(c.events) == 0 {
			c.events, c.handling = nil, false
			c.mu.Unlock()
			return
		}
		fn := c.events[0]
		c.events = c.events[1:]
		c.mu.Unlock()
		c.guard(fn)
	}
}

// guard runs fn and keeps a panic of the application's handlers in it from ending the process, as the
// library does for handlers of clients' events.
func (c *Cluster) guard(fn func()) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("a handler of the application panicked", slog.Any("panic", p))
		}
	}()
	fn()
}
