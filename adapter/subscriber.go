package adapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// probeInterval is how long a silent connection is trusted. Then Redis is pinged, and a
// connection that stays silent for as long again is given up.
const probeInterval = 3 * time.Second

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

	complaints complaints

	mu        sync.RWMutex
	routes    map[string]handler // by channel or pattern
	patterns  map[string]bool    // the routes that are patterns
	confirmed map[string]bool
	connected *redis.PubSub // nil while there is no connection
	lastErr   error
}

func newSubscriber(client redis.UniversalClient, log *slog.Logger, stats *Stats) *subscriber {
	return &subscriber{
		client:     client,
		log:        log,
		stats:      stats,
		changed:    func() {},
		complaints: complaints{log: log},
		routes:     make(map[string]handler),
		patterns:   make(map[string]bool),
		confirmed:  make(map[string]bool),
		lastErr:    errNotConnected,
	}
}

// route is one subscription.
type route struct {
	name    string // channel, or pattern
	pattern bool
	handle  handler
}

// add subscribes to routes, now and after every reconnection.
func (s *subscriber) add(ctx context.Context, routes []route) {
	s.mu.Lock()
	for _, r := range routes {
		s.routes[r.name] = r.handle
		s.patterns[r.name] = r.pattern
	}
	connection := s.connected
	s.mu.Unlock()
	s.changed()

	if connection != nil {
		// A failure shows in run, which subscribes to everything on the next connection.
		_ = s.subscribe(ctx, connection, routes)
	}
}

// remove unsubscribes.
func (s *subscriber) remove(ctx context.Context, routes []route) {
	s.mu.Lock()
	for _, r := range routes {
		delete(s.routes, r.name)
		delete(s.patterns, r.name)
		delete(s.confirmed, r.name)
	}
	connection := s.connected
	s.mu.Unlock()
	s.changed()

	if connection == nil {
		return
	}
	for _, r := range routes {
		if r.pattern {
			_ = connection.PUnsubscribe(ctx, r.name)
		} else {
			_ = connection.Unsubscribe(ctx, r.name)
		}
	}
}

func (s *subscriber) subscribe(ctx context.Context, connection *redis.PubSub, routes []route) error {
	var names, patterns []string
	for _, r := range routes {
		if r.pattern {
			patterns = append(patterns, r.name)
		} else {
			names = append(names, r.name)
		}
	}
	if len(patterns) > 0 {
		if err := connection.PSubscribe(ctx, patterns...); err != nil {
			return err
		}
	}
	if len(names) > 0 {
		return connection.Subscribe(ctx, names...)
	}
	return nil
}

// health returns nil when every subscription is confirmed.
func (s *subscriber) health() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.connected == nil:
		return s.lastErr
	case len(s.confirmed) < len(s.routes):
		return fmt.Errorf("%d of %d subscriptions confirmed", len(s.confirmed), len(s.routes))
	default:
		return nil
	}
}

// run keeps a connection until ctx ends.
func (s *subscriber) run(ctx context.Context) {
	var pause backoff
	reported := false // an outage is logged once, not at every attempt
	for ctx.Err() == nil {
		err := s.session(ctx, func() {
			pause.reset()
			reported = false
			s.log.Info("connected to redis and subscribed")
		})
		if ctx.Err() != nil {
			return
		}
		if !reported {
			reported = true
			s.stats.Disconnects.Add(1)
			s.log.Warn("no connection to redis, trying again until there is: only clients of this node are reached", slog.Any("error", err))
		}
		pause.wait(ctx)
	}
}

// session subscribes to everything on a new connection and handles messages until an error.
func (s *subscriber) session(ctx context.Context, onUp func()) (err error) {
	connection := s.client.Subscribe(ctx)
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() }) // unblocks a read
	defer func() {
		stop()
		s.disconnected(err)
		_ = connection.Close()
	}()

	if err := s.subscribe(ctx, connection, s.connect(connection)); err != nil {
		return err
	}
	wasUp, probing := false, false
	for {
		message, err := connection.ReceiveTimeout(ctx, probeInterval)
		var timeout net.Error
		switch {
		case err == nil:
			probing = false
		case errors.As(err, &timeout) && timeout.Timeout() && !probing:
			probing = true
			if err := connection.Ping(ctx); err != nil {
				return err
			}
			continue
		default:
			return err
		}
		s.receive(message)
		if !wasUp && s.health() == nil {
			wasUp = true
			onUp()
		}
	}
}

// connect makes the connection the current one and returns all routes.
func (s *subscriber) connect(connection *redis.PubSub) []route {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected = connection
	clear(s.confirmed)
	routes := make([]route, 0, len(s.routes))
	for name, handle := range s.routes {
		routes = append(routes, route{name: name, pattern: s.patterns[name], handle: handle})
	}
	return routes
}

func (s *subscriber) disconnected(err error) {
	s.mu.Lock()
	s.connected = nil
	s.lastErr = err
	clear(s.confirmed)
	s.mu.Unlock()
	s.changed()
}

func (s *subscriber) receive(message any) {
	switch m := message.(type) {
	case *redis.Subscription:
		if m.Kind != "subscribe" && m.Kind != "psubscribe" {
			return
		}
		s.mu.Lock()
		if _, wanted := s.routes[m.Channel]; wanted {
			s.confirmed[m.Channel] = true
		}
		s.mu.Unlock()
		s.changed()
	case *redis.Message:
		s.stats.Received.Add(1)
		name := m.Channel
		if m.Pattern != "" {
			name = m.Pattern
		}
		s.mu.RLock()
		handle := s.routes[name]
		s.mu.RUnlock()
		if handle == nil {
			return // unsubscribed in the meantime
		}
		guard(s.log, func() { // acknowledgements and disconnections run the application's handlers
			if err := handle(m.Channel, []byte(m.Payload)); err != nil {
				s.stats.Malformed.Add(1)
				s.complaints.add(m.Channel, err)
			}
		})
	}
}

// complaints logs malformed messages at most once a minute: whoever can write to Redis must not
// fill the disk of every node.
type complaints struct {
	log   *slog.Logger
	last  time.Time
	since int
}

const complaintInterval = time.Minute

func (c *complaints) add(channel string, err error) {
	c.since++
	if now := time.Now(); now.Sub(c.last) >= complaintInterval {
		c.log.Warn("malformed message on redis ignored",
			slog.String("channel", channel), slog.Any("error", err), slog.Int("since_last_report", c.since))
		c.last, c.since = now, 0
	}
}
