package adapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrUnavailable means that Redis is not reachable, or this node is not subscribed. What was to be
	// published reached the clients of this node only.
	ErrUnavailable = errors.New("adapter: redis is not available")
	// ErrOverflow means that the message was the oldest of too many that waited for Redis, and was dropped.
	ErrOverflow = errors.New("adapter: too many messages wait for redis")
	// ErrClosed means that the adapter has been closed.
	ErrClosed = errors.New("adapter: closed")
	// ErrRequestTimeout means that not every server of the cluster answered in time.
	ErrRequestTimeout = errors.New("adapter: not every server answered in time")
)

// RedisOptions configures NewRedis. The zero value is useful.
type RedisOptions struct {
	ClusterOptions
	// OwnResponseChannel answers the asking server alone instead of all. Every server of the
	// cluster must run @socket.io/redis-adapter 7 or later, or Chorus. The Node.js name is
	// publishOnSpecificResponseChannel.
	OwnResponseChannel bool
}

// Redis makes the adapters of one server whose namespaces share one subscribing connection and
// one queue of publications. It is safe for concurrent use.
type Redis struct {
	*Cluster

	client redis.UniversalClient
	opts   ClusterOptions
	log    *slog.Logger
	stats  Stats

	open func(Namespace) Link

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu sync.Mutex     // held to end ctx and to begin a goroutine: none begins while Close waits
	wg sync.WaitGroup // the goroutines below

	listener listener
	outbox   *outbox

	sessions        *redisSessions // nil without connection state recovery, as is kept
	kept            func(nsp string) (*history, farHistory)
	recoveryOptions RecoveryOptions
}

// listener hears the other servers.
type listener interface {
	run(ctx context.Context) // keeps listening until ctx ends
	health() error           // nil while nothing is missed
}

// NewRedis returns the adapter of a node in a cluster. It starts to connect at once and keeps
// trying, with back-off, for as long as it lives; Close ends it. The client stays the caller's to
// close, after the adapter. Nothing that it publishes is ever retried, whatever the client's
// MaxRetries: a message that may have arrived must not arrive twice.
func NewRedis(client redis.UniversalClient, opts RedisOptions) *Redis {
	r := newRedis(client, opts.ClusterOptions)
	heard := newSubscriber(client, r.log, &r.stats, &r.opts)
	heard.changed, heard.lost = r.outbox.refresh, r.lost
	r.listener = heard
	r.open = func(ns Namespace) Link { return r.openClassic(ns, heard, opts.OwnResponseChannel) }
	r.start()
	return r
}

// newRedis makes what all formats share.
func newRedis(client redis.UniversalClient, opts ClusterOptions) *Redis {
	opts = opts.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	r := &Redis{
		client: client,
		opts:   opts,
		log:    opts.Logger,
		ctx:    ctx,
		cancel: cancel,
	}
	r.outbox = newOutbox(client, func() bool { return r.listener.health() == nil }, opts.MaxPending, opts.MaxPendingBytes, &r.stats, r.log)
	r.outbox.failed = r.reload
	return r
}

// lost is called when a connection that listens is, and when an attempt to make one fails.
func (r *Redis) lost() {
	r.outbox.outage()
	r.reload()
}

// reload has the masters of a Redis Cluster looked up soon: the client by itself does so every ten seconds, and
// after an answer that says where to go, which a master that is gone does not give.
func (r *Redis) reload() {
	if cluster, ok := r.client.(*redis.ClusterClient); ok {
		cluster.ReloadState(r.ctx)
	}
}

func (r *Redis) start() {
	r.Cluster = New(redisTransport{r}, Options{RequestTimeout: r.opts.RequestTimeout, TotalOrder: r.opts.TotalOrder, Logger: r.log})
	r.Cluster.stats = &r.stats
	r.wg.Go(func() { r.listener.run(r.ctx) }) // these two end with Close
	r.wg.Go(func() { r.outbox.run(r.ctx) })
	if r.sessions != nil {
		r.wg.Go(func() { r.sessions.run(r.ctx) })
	}
}

// redisTransport is the Transport that a Redis is.
type redisTransport struct{ *Redis }

// Open implements Transport.
func (t redisTransport) Open(ns Namespace) (Link, error) { return t.open(ns), nil }

// Health implements Transport.
func (t redisTransport) Health() error { return t.Redis.Health() }

// Health returns nil while this node hears the cluster: connected to Redis, with every subscription
// confirmed, and what it publishes to itself comes back. Otherwise the error says what is missing. After an
// outage what has waited for Redis waits for the other servers as well, for a second, except with streams.
func (r *Redis) Health() error {
	err := r.hears()
	if err == nil && r.outbox.waits() {
		err = fmt.Errorf("%w: what waits is published when the other servers have had the time to come back as well", ErrUnavailable)
	}
	return err
}

// hears returns nil while this node hears the cluster.
func (r *Redis) hears() error {
	if err := r.listener.health(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// OldestPending returns how long the oldest message that is not published yet has waited.
func (r *Redis) OldestPending() time.Duration { return r.outbox.age() }

// Stats returns the counters of the adapter.
func (r *Redis) Stats() *Stats { return &r.stats }

// Close implements Transport. After an error a goroutine may still wait for an answer of Redis: it ends when the
// client is closed, or after 5 s.
func (t redisTransport) Close(ctx context.Context) error {
	r := t.Redis
	err := r.outbox.close(ctx)
	if r.sessions != nil {
		r.sessions.close(ctx)
	}
	r.mu.Lock()
	r.cancel()
	r.mu.Unlock()
	ended := make(chan struct{})
	go func() { // ends with the goroutines of r
		r.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		if err == nil {
			err = fmt.Errorf("adapter: closed while redis still owes an answer: %w", ctx.Err())
		}
	}
	return err
}

// begin runs fn, which ends with the context of r, in a goroutine that Close waits for.
func (r *Redis) begin(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() == nil {
		r.wg.Go(fn)
	}
}

// countSubscribers asks Redis how many servers listen; ask asks one Redis.
func (r *Redis) countSubscribers(ctx context.Context, ask func(context.Context, redis.Cmdable) (int64, error)) (int, error) {
	if err := r.hears(); err != nil {
		return 0, err // do not wait for a connection that is known to be gone
	}
	cluster, ok := r.client.(*redis.ClusterClient)
	if !ok {
		n, err := ask(ctx, r.client)
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
