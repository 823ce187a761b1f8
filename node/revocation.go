package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"chorus/auth"

	"github.com/redis/go-redis/v9"
)

// OpenRevocations connects to the revocations of the cluster, for a program that is not a node. close ends
// the connection. Errors wrap ErrConfig.
func OpenRevocations(cfg Config) (revocations *auth.Revocations, closeAll func(ctx context.Context) error, err error) {
	if cfg.AdapterName() == AdapterMemory {
		return nil, nil, fmt.Errorf("%w: cluster.redis.url: revocations reach the nodes by way of Redis: set %s to that of the cluster",
			ErrConfig, variableOf("cluster.redis.url"))
	}
	client, _, err := newRedisClient(cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	revocations = newRevocations(cfg, client, nil)
	return revocations, func(ctx context.Context) error {
		return errors.Join(revocations.Close(ctx), client.Close())
	}, nil
}

// NewVerifier returns a verifier with the keys and the rules of the configuration, for a program that is
// not a node. It is to be closed.
func NewVerifier(cfg Config) (*auth.Verifier, error) {
	opts, err := verifierOptions(&cfg)
	if err != nil {
		return nil, err
	}
	return auth.NewVerifier(opts)
}

// newRevocations returns those of the cluster, or of this node alone when client is nil.
func newRevocations(cfg Config, client redis.UniversalClient, log *slog.Logger) *auth.Revocations {
	if client == nil {
		return auth.NewRevocations()
	}
	return auth.NewRedisRevocations(client, auth.RedisRevocationOptions{
		Prefix: cfg.Cluster.Redis.Prefix,
		Keep:   cfg.Auth.RevocationKeep,
		Logger: log,
	})
}
