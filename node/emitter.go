package node

import (
	"context"
	"fmt"

	"chorus/adapter/emitter"
	"chorus/adapter/wire"
	"chorus/node/cluster"
	"chorus/node/logging"
)

// OpenEmitter connects to the clients of the cluster, for a program that is not a node. close ends the
// connection. Errors wrap ErrConfig or, when Redis cannot be used, ErrStart, and say what to do.
func OpenEmitter(ctx context.Context, cfg Config) (e *emitter.Emitter, closeClient func() error, err error) {
	if cfg.AdapterName() == AdapterMemory {
		return nil, nil, fmt.Errorf("%w: cluster.redis.url: events reach the nodes by way of Redis: set %s to that of the cluster",
			ErrConfig, variableOf("cluster.redis.url"))
	}
	client, where, err := cluster.NewClient(cfg, logging.NewLogger(&cfg))
	if err != nil {
		return nil, nil, err
	}
	if err := cluster.Explain(client.Ping(ctx).Err(), &cfg); err != nil {
		_ = client.Close()
		return nil, nil, fmt.Errorf("%w: Redis at %s: %w", ErrStart, where, err)
	}
	c := &cfg.Cluster
	return emitter.New(client, emitter.Options{
		Adapter: wire.Format(cfg.AdapterName()), Prefix: c.Redis.Prefix, Mode: wire.SubscriptionMode(c.Sharded.Mode),
		StreamName: c.Streams.Name, StreamCount: int(c.Streams.Count), StreamMaxLen: int(c.Streams.MaxLength),
	}), client.Close, nil
}
