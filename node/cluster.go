package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"chorus/adapter"

	"github.com/redis/go-redis/v9"
)

// redisLink is a node's connection to the Redis of its cluster.
type redisLink struct {
	client  *redis.Client
	adapter *adapter.Redis
}

// dialTimeout is short: while Redis is away, each attempt that hangs delays the return.
const dialTimeout = time.Second

// redisOptions are those of every connection to the Redis of the cluster.
func redisOptions(cfg Config) (*redis.Options, error) {
	opts, err := redis.ParseURL(cfg.Cluster.Redis.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: cluster.redis.url: this is not an address such as redis://host:6379", ErrConfig)
	}
	opts.DialTimeout = dialTimeout
	opts.ContextTimeoutEnabled = true
	opts.MaxRetries = -1 // the adapter has its own back-off
	opts.ClientName = "chorus"
	opts.Protocol = 2 // with 3 the client looks for push notifications before each message
	return opts, nil
}

func newRedisLink(cfg Config, recovery *adapter.RecoveryOptions, log *slog.Logger) (*redisLink, error) {
	opts, err := redisOptions(cfg)
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(opts)
	rooms, err := newRedisAdapter(cfg, client, recovery, log)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &redisLink{client: client, adapter: rooms}, nil
}

// newRedisAdapter returns the adapter that cluster.adapter names.
func newRedisAdapter(cfg Config, client redis.UniversalClient, recovery *adapter.RecoveryOptions, log *slog.Logger) (*adapter.Redis, error) {
	total := cfg.totalOrder()
	switch cfg.adapterName() {
	case AdapterSharded:
		return adapter.NewSharded(client, adapter.ShardedOptions{
			Mode:           adapter.SubscriptionMode(cfg.Cluster.Sharded.Mode),
			TotalOrder:     total,
			Prefix:         cfg.Cluster.Redis.Prefix,
			RequestTimeout: cfg.Cluster.RequestTimeout,
			Logger:         log,
		})
	case AdapterStreams:
		return adapter.NewStreams(client, adapter.StreamsOptions{
			StreamName:     cfg.Cluster.Streams.Name,
			StreamCount:    int(cfg.Cluster.Streams.Count),
			MaxLen:         int(cfg.Cluster.Streams.MaxLength),
			TotalOrder:     total,
			Recovery:       recovery,
			SessionPrefix:  sessionPrefix(cfg.Cluster.Redis.Prefix),
			Prefix:         cfg.Cluster.Redis.Prefix,
			RequestTimeout: cfg.Cluster.RequestTimeout,
			Logger:         log,
		}), nil
	default:
		return adapter.NewRedis(client, adapter.RedisOptions{
			TotalOrder:     total,
			Prefix:         cfg.Cluster.Redis.Prefix,
			RequestTimeout: cfg.Cluster.RequestTimeout,
			Logger:         log,
		}), nil
	}
}

// ping returns nil when this node hears the cluster and Redis answers.
func (l *redisLink) ping(ctx context.Context) error {
	if err := l.adapter.Health(); err != nil {
		return err
	}
	return l.client.Ping(ctx).Err()
}

// await returns nil as soon as this node hears the cluster, or an error that says what to do when
// it does not within the timeout.
func (l *redisLink) await(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var err error
	for {
		if now := l.ping(ctx); now == nil {
			return nil
		} else if ctx.Err() == nil {
			err = now // not the one that only says that the time is over
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: no answer from Redis at %s within %s (%w): start it there, or correct cluster.redis.url (%s)",
				ErrStart, l.client.Options().Addr, timeout, err, variableOf("cluster.redis.url"))
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
