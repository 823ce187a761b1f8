// Package cluster connects a node to the Redis of its cluster: the address and TLS, what Redis must be and permit, the
// transport between nodes, and what to do about an error.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"chorus/adapter"
	"chorus/adapter/pubsub"
	hub "chorus/adapter/redis"
	"chorus/adapter/sharded"
	"chorus/adapter/streams"
	"chorus/adapter/wire"
	"chorus/node/config"

	"github.com/redis/go-redis/v9"
)

// Link is a node's connection to the Redis of its cluster.
type Link struct {
	cfg       *config.Config
	client    redis.UniversalClient
	where     string // of the Redis, for people
	Transport redisTransport
	Adapter   *adapter.Cluster // set by connect
	checked   atomic.Bool      // Redis is what the configuration takes it for
}

// redisTransport is a transport over Redis.
type redisTransport interface {
	adapter.Transport
	Stats() hub.Stats
}

// Connect begins to connect to the Redis of a configuration.
func Connect(cfg config.Config, log *slog.Logger) (*Link, error) {
	client, where, err := NewClient(cfg, log)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(cfg, client, log)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &Link{cfg: &cfg, client: client, where: where, Transport: transport}, nil
}

// newTransport returns the transport that cluster.adapter names.
func newTransport(cfg config.Config, client redis.UniversalClient, log *slog.Logger) (redisTransport, error) {
	c := &cfg.Cluster
	opts := hub.Options{
		Prefix:            c.Redis.Prefix,
		MaxPending:        int(c.MaxPending),
		MaxPendingBytes:   int(c.MaxPendingBytes),
		MaxUnhandled:      int(c.MaxUnhandled),
		MaxUnhandledBytes: int(c.MaxUnhandledBytes),
		Logger:            log,
	}
	switch cfg.AdapterName() {
	case config.AdapterSharded:
		return sharded.New(client, sharded.Options{Options: opts, Mode: wire.SubscriptionMode(c.Sharded.Mode)})
	case config.AdapterStreams:
		return streams.New(client, streamsOptions(&cfg, opts)), nil
	default:
		return pubsub.New(client, pubsub.Options{Options: opts}), nil
	}
}

func streamsOptions(cfg *config.Config, opts hub.Options) streams.Options {
	c := &cfg.Cluster.Streams
	return streams.Options{
		Options:       opts,
		StreamName:    c.Name,
		StreamCount:   int(c.Count),
		ShardedPubSub: c.ShardedPubSub,
		MaxLen:        int(c.MaxLength),
	}
}

// Health returns nil while what this node publishes comes back to it through Redis. It does not ask
// Redis: the adapter's probe does, every two seconds.
func (l *Link) Health() error { return Explain(l.Adapter.Health(), l.cfg) }

// check asks Redis, until it has answered once, whether it is what the configuration takes it for.
func (l *Link) check(ctx context.Context) error {
	if l.checked.Load() {
		return nil
	}
	err := checkRedis(ctx, l.client, l.cfg)
	l.checked.Store(err == nil)
	return err
}

// Await returns nil as soon as this node hears the cluster, or an error that says what to do when
// it does not within the timeout, or when waiting does not help.
func (l *Link) Await(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var err error
	for {
		now := l.check(ctx)
		if now == nil {
			now = l.Health()
		}
		switch {
		case now == nil:
			return nil
		case lasting(now):
			return fmt.Errorf("%w: Redis at %s: %w", config.ErrStart, l.where, now)
		case ctx.Err() == nil:
			err = now // not the one that only says that the time is over
		}
		select {
		case <-ctx.Done():
			hint := ""
			if strings.HasPrefix(l.cfg.Cluster.Redis.URL, "rediss") {
				hint = "; if there is no TLS, write redis://" // a Redis without it waits for more of what it gets
			}
			return fmt.Errorf("%w: no answer from Redis at %s within %s (%w): start it there, or correct cluster.redis.url (%s)%s",
				config.ErrStart, l.where, timeout, err, config.Variable("cluster.redis.url"), hint)
		case <-ticker.C:
		}
	}
}

// Client returns the client, nil without Redis.
func (l *Link) Client() redis.UniversalClient {
	if l == nil {
		return nil
	}
	return l.client
}

// Close ends the connection, if there is one.
func (l *Link) Close(ctx context.Context) error {
	if l == nil {
		return nil
	}
	err := l.Adapter.Close(ctx)
	if closeErr := l.client.Close(); err == nil {
		err = closeErr
	}
	return err
}
