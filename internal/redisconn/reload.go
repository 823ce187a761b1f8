package redisconn

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Reload makes the client of a Redis Cluster look up the masters soon: by itself it does so every ten seconds, and
// after an answer that says where to go, which a master that is gone does not give.
func Reload(ctx context.Context, client redis.UniversalClient) {
	if cluster, ok := client.(*redis.ClusterClient); ok {
		cluster.ReloadState(ctx)
	}
}
