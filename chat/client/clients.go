package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"chorus/adapter"
	"chorus/chat/lane"
	"chorus/chat/rule"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Clients are those of this node, and what they share.
type Clients struct {
	Options     Options
	Namespace   socket.Namespace
	Publisher   adapter.Publisher
	Store       store.Store
	Policies    *rule.Policies
	Lanes       *lane.Lanes
	requests    map[string]requests        // of each namespace, by its name
	Relayed     func(name string) *Request // nil without Options.Relay
	Greet       func(*Client)              // is called with each client that begins
	CountOnline bool                       // count the users that are online, for declared events that contain the count
	hooks       hooks
	stats       Stats

	Running context.Context // ends with Close
	stop    context.CancelFunc
	tasks   sync.WaitGroup

	mu         sync.Mutex
	namespaces []socket.Namespace
}

// New returns the clients of a namespace, whose adapter must be one of package adapter. start begins their work.
func New(nsp socket.Namespace, opts Options) (*Clients, error) {
	publisher, ok := adapter.Of(nsp)
	if !ok {
		return nil, errors.New("chat: the adapter of the namespace is not one of package adapter")
	}
	if opts.Store == nil {
		return nil, errors.New("chat: Options.Store is missing")
	}
	c := &Clients{
		Options: opts.withDefaults(), Namespace: nsp, Publisher: publisher, Store: opts.Store,
		Policies: rule.NewPolicies(opts.Rooms, opts.DirectHistory), requests: make(map[string]requests),
	}
	c.Running, c.stop = context.WithCancel(context.Background())
	c.Lanes = lane.New(lane.Options{
		Namespace: nsp, Publisher: publisher, Feed: c.Store, Policies: c.Policies, Presence: c.Options.Presence, Typing: c.Options.Typing,
		Logger: c.Options.Logger, Delivered: c.delivered,
		Untold: func(users int) { c.stats.Untold.Add(uint64(users)) }, //nolint:gosec // not negative
	})
	return c, nil
}

// Start has the sink receive what the store brings.
func (c *Clients) Start(sink store.Sink) {
	c.Store.Start(sink)
	c.Task(func() { c.Lanes.Run(c.Running) }) // ends with Close
}

// Task runs fn in a goroutine for which Close waits. fn ends with running, or by itself.
func (c *Clients) Task(fn func()) { c.tasks.Go(fn) }

// Handle adds requests to those of a namespace. One takes the place of another one of the same name.
func (c *Clients) Handle(namespace string, rows []Request) {
	of := c.requests[namespace]
	if of == nil {
		of = make(requests)
		c.requests[namespace] = of
	}
	for i := range rows {
		of[rows[i].Name] = &rows[i]
	}
}

// Open has the Chat serve the clients of a namespace. New does it for its own; a program calls it for each other
// namespace with declared events.
func (c *Clients) Open(nsp socket.Namespace) error {
	connected := func(args ...any) {
		if cl := Of(args[0].(*socket.Socket)); cl != nil { //nolint:errcheck,forcetypeassert // the library's contract for this event
			cl.begin()
		}
	}
	c.mu.Lock()
	c.namespaces = append(c.namespaces, nsp)
	c.mu.Unlock()
	// A client that authenticates by event comes into rooms when it has done so.
	return errors.Join(nsp.On("connection", connected), nsp.On("authenticated", connected))
}

// Opened returns the namespaces that the Chat serves.
func (c *Clients) Opened() []socket.Namespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]socket.Namespace{}, c.namespaces...)
}

// Close ends the goroutines. The store need not hear of each client that leaves with the node. It is idempotent.
func (c *Clients) Close() {
	c.stop()
	c.tasks.Wait()
}

// Context bounds what a request waits for Redis.
func (c *Clients) Context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Running, c.Options.Timeout)
}

// Debug logs at level debug.
func (c *Clients) Debug(message string, attrs ...slog.Attr) {
	c.Options.Logger.LogAttrs(context.Background(), slog.LevelDebug, message, attrs...)
}
