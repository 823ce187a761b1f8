package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"chorus/auth"
	"chorus/auth/revocation"
	"chorus/node/cluster"

	"github.com/redis/go-redis/v9"
)

// OpenRevocations connects to the revocations of the cluster, for a program that is not a node. close ends
// the connection. Errors wrap ErrConfig.
func OpenRevocations(cfg Config) (revocations *revocation.Set, closeAll func(ctx context.Context) error, err error) {
	if cfg.AdapterName() == AdapterMemory {
		return nil, nil, fmt.Errorf("%w: cluster.redis.url: revocations reach the nodes by way of Redis: set %s to that of the cluster",
			ErrConfig, variableOf("cluster.redis.url"))
	}
	client, _, err := cluster.NewClient(cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	revocations, _ = newRevocations(cfg, client, nil)
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

// newRevocations returns those of the cluster, or of this node alone when client is nil. store is nil for the latter.
func newRevocations(cfg Config, client redis.UniversalClient, log *slog.Logger) (set *revocation.Set, store *revocation.Redis) {
	opts := revocation.Options{Keep: cfg.Auth.RevocationKeep}
	if client != nil {
		store = revocation.NewRedis(client, revocation.RedisOptions{Prefix: cfg.Cluster.Redis.Prefix, Logger: log})
		opts.Store = store
	}
	return revocation.New(opts), store
}
