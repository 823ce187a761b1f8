package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

// ErrNotConnected is the health of a listener that has not reached Redis yet.
var ErrNotConnected = errors.New("not connected")

// Subscriber keeps one subscribing connection to Redis for all namespaces and hands each message
// to the handler of its channel or pattern, one after the other, so that order is kept.
type Subscriber struct {
	hub     *Hub
	client  redis.UniversalClient // the hub's, or one of a single master
	log     *slog.Logger
	stats   *counters
	changed func() // called when health may have changed
	lost    func() // called when a connection is lost

	// oneByOne names one channel in each command: on a Redis Cluster all of a command must be in one
	// slot.
	oneByOne  bool
	transient bool // see NewSubscriber

	backlog *backlog
	probe   *Probe // nil for none

	complaints redisconn.Complaints

	mu        sync.RWMutex
	routes    map[string]Route  // what is wanted, by channel or pattern
	asked     map[string]*asked // what Redis knows of that
	dirty     []string          // names of which it may not know
	flushing  bool
	missing   map[string]bool          // what health waits for
	waiting   map[string]chan struct{} // closed when Redis confirms; by channel
	connected *redis.PubSub            // nil while there is no connection
	lastErr   error
}

// NewSubscriber returns the listener of a hub that subscribes to channels and patterns. transient is for requests and
// answers alone: a server that was away does not miss them.
func NewSubscriber(h *Hub, transient bool) *Subscriber {
	s := newSubscriber(h, h.client, h.log, transient)
	s.changed, s.lost = h.Refresh, h.Lost
	return s
}

func newSubscriber(h *Hub, client redis.UniversalClient, log *slog.Logger, transient bool) *Subscriber {
	return &Subscriber{
		hub:        h,
		backlog:    newBacklog(h.opts.MaxUnhandled, h.opts.MaxUnhandledBytes, newGaps(log, &h.stats), &h.stats),
		probe:      NewProbe(h, h.opts.Prefix+"-probe"),
		client:     client,
		log:        log,
		stats:      &h.stats,
		changed:    func() {},
		lost:       func() {},
		transient:  transient,
		complaints: redisconn.Complaints{Log: log, Message: "malformed message on redis ignored"},
		routes:     make(map[string]Route),
		asked:      make(map[string]*asked),
		missing:    make(map[string]bool),
		waiting:    make(map[string]chan struct{}),
		lastErr:    ErrNotConnected,
	}
}

// Add subscribes to routes, now and after every reconnection.
func (s *Subscriber) Add(routes ...Route) {
	for _, r := range routes {
		s.put(r, true)
	}
	s.changed()
	_ = s.flush(s.hub.ctx) // a failure ends the connection, and all is asked for on the next
}

// Remove unsubscribes.
func (s *Subscriber) Remove(routes ...Route) {
	for _, r := range routes {
		s.take(r.Name)
	}
	s.changed()
	_ = s.flush(s.hub.ctx)
}

// Health returns nil when every subscription is confirmed, and probes come back.
func (s *Subscriber) Health() error {
	if err := s.subscribed(); err != nil || s.probe == nil {
		return err
	}
	return s.probe.Health()
}

// subscribed returns nil when every subscription is confirmed.
func (s *Subscriber) subscribed() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.connected == nil:
		return s.lastErr
	case len(s.missing) > 0:
		return fmt.Errorf("%d of %d subscriptions confirmed", len(s.routes)-len(s.missing), len(s.routes))
	default:
		return nil
	}
}

// Run keeps a connection until ctx ends.
func (s *Subscriber) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { s.backlog.run(ctx, s.handle) }) // these two end with ctx
	if s.probe != nil {
		s.put(Route{Name: s.probe.channel, Handle: func(string, []byte) error { return nil }}, true)
		running.Go(func() { s.runProbe(ctx) })
	}
	defer running.Wait()
	redisconn.Keep(ctx, func(up func()) error {
		return s.session(ctx, func() {
			up()
			s.log.Info("connected to redis and subscribed")
		})
	}, func(err error) {
		s.stats.disconnects.Add(1)
		s.log.Warn("no connection to redis, trying again until there is: only clients of this node are reached", slog.Any("error", err))
	})
}

// session subscribes to everything on a new connection and handles messages until an error.
func (s *Subscriber) session(ctx context.Context, onUp func()) (err error) {
	connection := s.client.Subscribe(ctx)
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() }) // unblocks a read
	defer func() {
		stop()
		s.disconnected(err)
		_ = connection.Close()
		if ctx.Err() == nil {
			s.lost()
		}
	}()

	s.connect(connection)
	if err := s.flush(ctx); err != nil {
		return err
	}
	receiver, wasUp := redisconn.Receiver{Connection: connection}, false
	defer func() {
		if wasUp && !s.transient && ctx.Err() == nil {
			s.stats.gaps.Add(1) // what others publish until the next connection is missed
		}
	}()
	for {
		message, err := receiver.Next(ctx)
		if err != nil {
			return err
		}
		if err := s.receive(message); err != nil {
			return err
		}
		if !wasUp && s.subscribed() == nil {
			wasUp = true
			onUp()
			if s.probe != nil {
				s.probe.Restart()
			}
		}
	}
}

// connect makes the connection the current one, which is to be asked for everything.
func (s *Subscriber) connect(connection *redis.PubSub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected = connection
	clear(s.asked)
	s.dirty = s.dirty[:0]
	for name := range s.routes {
		s.dirty = append(s.dirty, name)
		s.missing[name] = true
	}
}

func (s *Subscriber) disconnected(err error) {
	s.mu.Lock()
	s.connected = nil
	s.lastErr = err
	clear(s.asked)
	for name := range s.waiting {
		s.release(name)
	}
	s.mu.Unlock()
	s.changed()
}

func (s *Subscriber) receive(message any) error {
	switch m := message.(type) {
	case *redis.Subscription:
		return s.answered(m)
	case *redis.Message:
		if s.probe != nil && m.Channel == s.probe.channel {
			if s.probe.Returned(m.Payload) {
				s.changed()
			}
			return nil
		}
		s.stats.received.Add(1)
		if s.backlog.empty() && s.unwanted(m) {
			return nil // what is before it cannot change that
		}
		s.backlog.push(m)
	}
	return nil
}

// unwanted reports whether a message is for no socket here, as far as its channel says it. It is called when all
// before it is handled, and spares the way to the handlers, which most messages of a large cluster are not
// worth.
func (s *Subscriber) unwanted(m *redis.Message) bool {
	r, ok := s.routeOf(m)
	return ok && r.Unwanted != nil && r.Unwanted(m.Channel)
}

// routeOf returns the subscription that a message belongs to.
func (s *Subscriber) routeOf(m *redis.Message) (Route, bool) {
	name := m.Channel
	if m.Pattern != "" {
		name = m.Pattern
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.routes[name]
	return r, ok
}

// handle hands a message to the handler of its subscription.
func (s *Subscriber) handle(m *redis.Message) {
	r, ok := s.routeOf(m)
	if !ok {
		return // unsubscribed in the meantime
	}
	s.hub.Handle(m.Channel, &s.complaints, func() error { return r.Handle(m.Channel, []byte(m.Payload)) })
}
