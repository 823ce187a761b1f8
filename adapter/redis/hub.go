// Package redis has what all transports over Redis share: the queue of publications, the connections that listen, the
// probe that proves that they do, and the health that follows. It does not know the transports.
package redis

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"chorus/adapter"
	"chorus/internal/background"
	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

// Hub is the part of a transport that talks to Redis: one queue of publications, and one listener, for all namespaces.
// It is safe for concurrent use.
type Hub struct {
	client redis.UniversalClient
	opts   Options
	log    *slog.Logger
	stats  counters

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu sync.Mutex     // held to end ctx and to begin a goroutine: none begins while Close waits
	wg sync.WaitGroup // the goroutines of Go

	listener  Listener
	publisher *publisher
}

// Listener receives the messages of the other servers.
type Listener interface {
	Run(ctx context.Context) // keeps listening until ctx ends
	Health() error           // nil while nothing is missed
}

// Publishing says how a hub publishes. The zero value is useful.
type Publishing struct {
	// Command is PUBLISH by default, or SPUBLISH for shard channels.
	Command string
	// Through is a key whose master of a Redis Cluster gets all publications, so that messages on different channels
	// keep their order. By default each channel has a master of its own.
	Through string
	// MaxStreamLen is about how many entries a stream keeps.
	MaxStreamLen int
	// Kept means that servers which lost Redis read later what they missed: after an outage nothing waits for them.
	Kept bool
	// Refused is called when Redis answers that it does not write now; nil stands for nothing.
	Refused func(err error)
}

// NewHub returns a hub, which does nothing until Start. The client stays the caller's to close, after the hub. Nothing
// that the hub publishes is ever retried, whatever the client's MaxRetries: a message that may have arrived must not
// arrive twice.
func NewHub(client redis.UniversalClient, opts Options, how Publishing) *Hub {
	opts = opts.WithDefaults()
	h := &Hub{client: client, opts: opts, log: opts.Logger}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	p := newPublisher(client, func() bool { return h.listener.Health() == nil }, opts.MaxPending, opts.MaxPendingBytes, &h.stats, h.log)
	p.failed = h.reload
	p.through, p.maxStreamLen = how.Through, how.MaxStreamLen
	if how.Command != "" {
		p.command = how.Command
	}
	if how.Kept {
		p.regather = 0
	}
	if how.Refused != nil {
		p.refused = how.Refused
	}
	h.publisher = p
	return h
}

// Start begins to connect, and keeps trying, with back-off, until Close.
func (h *Hub) Start(l Listener) {
	h.listener = l
	h.Go(func(ctx context.Context) { l.Run(ctx) })
	h.Go(h.publisher.run)
}

// Go runs fn, which ends with its context, in a goroutine that Close waits for.
func (h *Hub) Go(fn func(ctx context.Context)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() == nil {
		h.wg.Go(func() { fn(h.ctx) })
	}
}

// Client returns the client of the hub.
func (h *Hub) Client() redis.UniversalClient { return h.client }

// Prefix returns the prefix of all channels.
func (h *Hub) Prefix() string { return h.opts.Prefix }

// Log returns the log of the hub.
func (h *Hub) Log() *slog.Logger { return h.log }

// Publish queues a publication: see [adapter.Link].
func (h *Hub) Publish(p Publication) { h.publisher.push(p) }

// Refresh asks the listener for its health again.
func (h *Hub) Refresh() { h.publisher.refresh() }

// Lost is called when a connection that listens is lost, and when an attempt to make one fails.
func (h *Hub) Lost() {
	h.publisher.outage()
	h.reload()
}

// Disconnected counts an outage of a connection that listens, Gap a time that messages were missed, and Received a
// message. They are for listeners of a transport's own.
func (h *Hub) Disconnected() { h.stats.disconnects.Add(1) }

// Gap counts a time that messages were missed.
func (h *Hub) Gap() { h.stats.gaps.Add(1) }

// Handle counts a message, hands it to handle, and counts and logs it if it makes no sense.
func (h *Hub) Handle(channel string, complaints *redisconn.Complaints, handle func() error) {
	if err := handle(); err != nil {
		h.stats.malformed.Add(1)
		complaints.Add(1, slog.String("channel", channel), slog.Any("error", err))
	}
}

// Received counts a message from Redis.
func (h *Hub) Received() { h.stats.received.Add(1) }

// Complaints returns the log of messages that make no sense.
func (h *Hub) Complaints() redisconn.Complaints {
	return redisconn.Complaints{Log: h.log, Message: "malformed message on redis ignored"}
}

func (h *Hub) reload() { redisconn.Reload(h.ctx, h.client) }

// Health returns nil while this server hears the cluster: connected to Redis, with every subscription
// confirmed, and what it publishes to itself comes back. Otherwise the error says what is missing. After an
// outage what has waited for Redis waits for the other servers as well, for a second, unless messages are kept.
func (h *Hub) Health() error {
	err := h.listening()
	if err == nil && h.publisher.waits() {
		err = fmt.Errorf("%w: what waits is published when the other servers have had the time to come back as well", adapter.ErrUnavailable)
	}
	return err
}

func (h *Hub) listening() error {
	if err := h.listener.Health(); err != nil {
		return fmt.Errorf("%w: %w", adapter.ErrUnavailable, err)
	}
	return nil
}

// Close publishes what waits, for as long as ctx allows, and ends the connections. After an error a goroutine may still
// wait for an answer of Redis: it ends when the client is closed, or after 5 s.
func (h *Hub) Close(ctx context.Context) error {
	err := h.publisher.close(ctx)
	h.mu.Lock()
	h.cancel()
	h.mu.Unlock()
	if late := background.Wait(ctx, &h.wg); late != nil && err == nil {
		err = fmt.Errorf("adapter: closed while redis still owes an answer: %w", late)
	}
	return err
}

// Subscribers returns how many servers listen to a channel. On shards it is one for sharded pub/sub.
func (h *Hub) Subscribers(ctx context.Context, channel string, on Kind) (int, error) {
	if err := h.listening(); err != nil {
		return 0, err // do not wait for a connection that is known to be gone
	}
	ask := func(ctx context.Context, client redis.Cmdable) (int64, error) {
		count := client.PubSubNumSub
		if on == OnShard {
			count = client.PubSubShardNumSub
		}
		numbers, err := count(ctx, channel).Result()
		return numbers[channel], err
	}
	cluster, ok := h.client.(*redis.ClusterClient)
	if !ok {
		n, err := ask(ctx, h.client)
		return max(int(n), 1), err
	}
	// Each master of a Redis Cluster knows its own subscribers only.
	var sum atomic.Int64
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		n, err := ask(ctx, master)
		sum.Add(n)
		return err
	})
	return max(int(sum.Load()), 1), err
}
