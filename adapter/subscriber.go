package adapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

var errNotConnected = errors.New("not connected")

// handler processes a message of a channel.
type handler func(channel string, payload []byte) error

// subscriber keeps one subscribing connection to Redis for all namespaces and hands each message
// to the handler of its channel or pattern, one after the other, so that order is kept.
type subscriber struct {
	client  redis.UniversalClient
	log     *slog.Logger
	stats   *Stats
	changed func() // called when health may have changed
	lost    func() // called when a connection is lost

	// oneByOne names one channel in each command: on a Redis Cluster all of a command must be in one
	// slot.
	oneByOne bool
	// transient is where there are requests and answers alone, of which nobody misses an old one.
	transient bool

	backlog *backlog
	probe   *probe // nil for none

	complaints redisconn.Complaints

	mu        sync.RWMutex
	routes    map[string]route  // what is wanted, by channel or pattern
	asked     map[string]*asked // what Redis knows of that
	dirty     []string          // names of which it may not know
	flushing  bool
	missing   map[string]bool          // what health waits for
	waiting   map[string]chan struct{} // who waits for a confirmation
	connected *redis.PubSub            // nil while there is no connection
	lastErr   error
}

// newSubscriber makes one; the options have their defaults.
func newSubscriber(client redis.UniversalClient, log *slog.Logger, stats *Stats, opts *ClusterOptions) *subscriber {
	return &subscriber{
		backlog:    newBacklog(opts.MaxUnhandled, opts.MaxUnhandledBytes, newGaps(log, stats), stats),
		probe:      newProbe(opts.Prefix, stats),
		client:     client,
		log:        log,
		stats:      stats,
		changed:    func() {},
		lost:       func() {},
		complaints: newComplaints(log),
		routes:     make(map[string]route),
		asked:      make(map[string]*asked),
		missing:    make(map[string]bool),
		waiting:    make(map[string]chan struct{}),
		lastErr:    errNotConnected,
	}
}

// add subscribes to routes, now and after every reconnection.
func (s *subscriber) add(ctx context.Context, routes []route) {
	for _, r := range routes {
		s.put(r, true)
	}
	s.changed()
	_ = s.flush(ctx) // a failure ends the connection, and all is asked for on the next
}

// remove unsubscribes.
func (s *subscriber) remove(ctx context.Context, routes []route) {
	for _, r := range routes {
		s.take(r.name)
	}
	s.changed()
	_ = s.flush(ctx)
}

// health returns nil when every subscription is confirmed, and probes come back.
func (s *subscriber) health() error {
	if err := s.subscribed(); err != nil || s.probe == nil {
		return err
	}
	return s.probe.health()
}

// subscribed returns nil when every subscription is confirmed.
func (s *subscriber) subscribed() error {
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

// run keeps a connection until ctx ends.
func (s *subscriber) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { s.backlog.run(ctx, s.handle) }) // these two end with ctx
	if s.probe != nil {
		s.put(route{name: s.probe.channel, handle: func(string, []byte) error { return nil }}, true)
		running.Go(func() { s.runProbe(ctx) })
	}
	defer running.Wait()
	redisconn.Keep(ctx, func(up func()) error {
		return s.session(ctx, func() {
			up()
			s.log.Info("connected to redis and subscribed")
		})
	}, func(err error) {
		s.stats.Disconnects.Add(1)
		s.log.Warn("no connection to redis, trying again until there is: only clients of this node are reached", slog.Any("error", err))
	})
}

// session subscribes to everything on a new connection and handles messages until an error.
func (s *subscriber) session(ctx context.Context, onUp func()) (err error) {
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
			s.stats.Gaps.Add(1) // what others publish until the next connection is missed
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
				s.probe.restart()
			}
		}
	}
}

// connect makes the connection the current one, which is to be asked for everything.
func (s *subscriber) connect(connection *redis.PubSub) {
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

func (s *subscriber) disconnected(err error) {
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

func (s *subscriber) receive(message any) error {
	switch m := message.(type) {
	case *redis.Subscription:
		return s.answered(m)
	case *redis.Message:
		if s.probe != nil && m.Channel == s.probe.channel {
			if s.probe.returned(m.Payload) {
				s.changed()
			}
			return nil
		}
		s.stats.Received.Add(1)
		if s.backlog.empty() && s.foreign(m) {
			return nil // what is before it cannot change that
		}
		s.backlog.push(m)
	}
	return nil
}

// foreign tells whether a message is for nobody here, as far as its channel says it. It is called when all
// before it is handled, and spares the way to the handlers, which most messages of a large cluster are not
// worth.
func (s *subscriber) foreign(m *redis.Message) bool {
	r, ok := s.routeOf(m)
	return ok && r.foreign != nil && r.foreign(m.Channel)
}

// routeOf returns who has subscribed to a message.
func (s *subscriber) routeOf(m *redis.Message) (route, bool) {
	name := m.Channel
	if m.Pattern != "" {
		name = m.Pattern
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.routes[name]
	return r, ok
}

// handle hands a message to who has subscribed.
func (s *subscriber) handle(m *redis.Message) {
	r, ok := s.routeOf(m)
	if !ok {
		return // unsubscribed in the meantime
	}
	guard(s.log, func() { // acknowledgements and disconnections run the application's handlers
		if err := r.handle(m.Channel, []byte(m.Payload)); err != nil {
			s.stats.Malformed.Add(1)
			s.complaints.Add(1, slog.String("channel", m.Channel), slog.Any("error", err))
		}
	})
}

func newComplaints(log *slog.Logger) redisconn.Complaints {
	return redisconn.Complaints{Log: log, Message: "malformed message on redis ignored"}
}
