// Package redis keeps the state of the chat product in the Redis of a cluster.
//
// Each operation is one Lua script, which also publishes what it did: so the order of Redis is the order that every
// node sees, and a message with history costs one round trip. All keys of a room are in one slot of a Redis Cluster.
package redis

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"chorus/chat/notice"
	"chorus/chat/redis/outbox"
	"chorus/chat/redis/presence"
	"chorus/chat/redis/script"
	"chorus/chat/store"
	"chorus/registry"

	"github.com/redis/go-redis/v9"
)

// Options configure New. Client and Nodes are needed.
type Options struct {
	// Client of the cluster's Redis. The caller closes it, after the store.
	Client redis.UniversalClient

	// Nodes that are alive: presence of others is removed.
	Nodes *registry.Registry

	// Prefix of keys and channels; default "socket.io".
	Prefix string

	store.Limits

	// Targets are the back ends that are told what happens; default none.
	Targets *notice.Targets

	// Logger gets the begin and the end of outages; default no log.
	Logger *slog.Logger
}

// Stats are counters and gauges.
type Stats struct {
	Gaps           atomic.Uint64 // logs of which messages were read again after a gap of the feed
	Lost           atomic.Uint64 // topics of which something was missed for good
	Malformed      atomic.Uint64 // payloads that were not understood
	SignalsDropped atomic.Uint64 // signals that were not sent, because too many waited
	Overloaded     atomic.Uint64 // operations refused, because too many waited
	Errors         atomic.Uint64 // operations that Redis did not do
	Disconnects    atomic.Uint64 // losses of the subscribing connection
	Cleaned        atomic.Uint64 // users who left because their node died
}

// Store implements store.Store.
type Store struct {
	store.Presence // users

	opts    Options
	client  redis.UniversalClient
	log     *slog.Logger
	stats   Stats
	keys    script.Keys
	calls   *script.Calls
	feed    *feed
	appends appends
	users   *presence.Users
	outbox  *outbox.Outbox // in a Redis Cluster

	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
}

var _ store.Store = (*Store)(nil)

// New returns a store. Start begins its work; it does not wait for Redis.
func New(opts Options) *Store {
	opts.Prefix = cmp.Or(opts.Prefix, registry.DefaultPrefix)
	opts.Limits = opts.WithDefaults()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{opts: opts, client: opts.Client, log: opts.Logger}
	s.keys = script.Keys(opts.Prefix)
	s.calls = script.New(opts.Client, &s.stats.Overloaded, &s.stats.Errors)
	s.feed = newFeed(s)
	s.appends = appends{s: s, waiting: make(map[string][]*appending)}
	s.users = presence.New(presence.Options{
		Client: opts.Client, Calls: s.calls, Keys: s.keys, Nodes: opts.Nodes, Logger: opts.Logger, StatusBytes: opts.StatusBytes,
		Spec: s.presenceSpec, Relay: s.relay, Cleaned: &s.stats.Cleaned, Malformed: &s.stats.Malformed,
	})
	s.Presence = s.users
	if _, cluster := opts.Client.(*redis.ClusterClient); cluster && opts.Targets != nil {
		s.outbox = outbox.New(outbox.Options{Calls: s.calls, Keys: s.keys, Node: opts.Nodes.ID(), Malformed: &s.stats.Malformed})
	}
	return s
}

// Start implements store.Store.
func (s *Store) Start(sink store.Sink) {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.feed.sink = sink
	s.wg.Go(func() { s.calls.Run(ctx) }) // these end with Close
	s.wg.Go(func() { s.feed.run(ctx) })
	s.wg.Go(func() { s.feed.send(ctx) })
	s.wg.Go(func() { s.users.Run(ctx) })
	if s.outbox != nil {
		s.wg.Go(func() { s.outbox.Run(ctx) })
	}
}

// Stats returns the counters.
func (s *Store) Stats() *Stats { return &s.stats }

// Close implements store.Store.
func (s *Store) Close(ctx context.Context) error {
	s.once.Do(func() {
		if s.cancel != nil {
			s.cancel()
		}
	})
	done := make(chan struct{})
	go func() { // ends when the goroutines have
		defer close(done)
		s.wg.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("chat: close the store: %w", ctx.Err())
	}
}
