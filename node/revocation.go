package node

import (
	"context"
	"errors"
	"fmt"

	"chorus/auth"

	"github.com/redis/go-redis/v9"
)

// OpenRevocations connects to the revocations of the cluster, for a program that is not a node. close ends
// the connection. Errors wrap ErrConfig.
func OpenRevocations(cfg Config) (revocations *auth.Revocations, closeAll func(ctx context.Context) error, err error) {
	if cfg.adapterName() == AdapterMemory {
		return nil, nil, fmt.Errorf("%w: cluster.redis.url: revocations reach the nodes by way of Redis: set %s to that of the cluster",
			ErrConfig, variableOf("cluster.redis.url"))
	}
	opts, err := redisOptions(cfg)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(opts)
	revocations = auth.NewRedisRevocations(client, auth.RedisRevocationOptions{Prefix: cfg.Cluster.Redis.Prefix})
	return revocations, func(ctx context.Context) error {
		return errors.Join(revocations.Close(ctx), client.Close())
	}, nil
}

// NewVerifier returns a verifier with the keys and the rules of the configuration, for a program that is
// not a node. It is to be closed.
func NewVerifier(cfg Config) (*auth.Verifier, error) {
	return auth.NewVerifier(cfg.verifierOptions())
}
