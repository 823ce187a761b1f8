package node

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

	"github.com/redis/go-redis/v9"
)

// redisLink is a node's connection to the Redis of its cluster.
type redisLink struct {
	cfg       *Config
	client    redis.UniversalClient
	where     string // of the Redis, for people
	transport redisTransport
	adapter   *adapter.Cluster // set by connect
	checked   atomic.Bool      // Redis is what the configuration takes it for
}

// redisTransport is a transport over Redis.
type redisTransport interface {
	adapter.Transport
	Stats() hub.Stats
}

func newRedisLink(cfg Config, log *slog.Logger) (*redisLink, error) {
	client, where, err := newRedisClient(cfg, log)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(cfg, client, log)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &redisLink{cfg: &cfg, client: client, where: where, transport: transport}, nil
}

// newTransport returns the transport that cluster.adapter names.
func newTransport(cfg Config, client redis.UniversalClient, log *slog.Logger) (redisTransport, error) {
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
	case AdapterSharded:
		return sharded.New(client, sharded.Options{Options: opts, Mode: wire.SubscriptionMode(c.Sharded.Mode)})
	case AdapterStreams:
		return streams.New(client, streamsOptions(&cfg, opts)), nil
	default:
		return pubsub.New(client, pubsub.Options{Options: opts}), nil
	}
}

func streamsOptions(cfg *Config, opts hub.Options) streams.Options {
	c := &cfg.Cluster.Streams
	return streams.Options{
		Options:       opts,
		StreamName:    c.Name,
		StreamCount:   int(c.Count),
		ShardedPubSub: c.ShardedPubSub,
		MaxLen:        int(c.MaxLength),
	}
}

// health returns nil while what this node publishes comes back to it through Redis. It does not ask
// Redis: the adapter's probe does, every two seconds.
func (l *redisLink) health() error { return explainRedis(l.adapter.Health(), l.cfg) }

// check asks Redis, until it has answered once, whether it is what the configuration takes it for.
func (l *redisLink) check(ctx context.Context) error {
	if l.checked.Load() {
		return nil
	}
	err := checkRedis(ctx, l.client, l.cfg)
	l.checked.Store(err == nil)
	return err
}

// await returns nil as soon as this node hears the cluster, or an error that says what to do when
// it does not within the timeout, or when waiting does not help.
func (l *redisLink) await(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var err error
	for {
		now := l.check(ctx)
		if now == nil {
			now = l.health()
		}
		switch {
		case now == nil:
			return nil
		case lasting(now):
			return fmt.Errorf("%w: Redis at %s: %w", ErrStart, l.where, now)
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
				ErrStart, l.where, timeout, err, variableOf("cluster.redis.url"), hint)
		case <-ticker.C:
		}
	}
}

// sharedClient returns the client, nil without Redis.
func (l *redisLink) sharedClient() redis.UniversalClient {
	if l == nil {
		return nil
	}
	return l.client
}

// close ends the connection, if there is one.
func (l *redisLink) close(ctx context.Context) error {
	if l == nil {
		return nil
	}
	err := l.adapter.Close(ctx)
	if closeErr := l.client.Close(); err == nil {
		err = closeErr
	}
	return err
}
