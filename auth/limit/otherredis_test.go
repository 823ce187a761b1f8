package limit_test

import (
	"context"
	"testing"
	"time"

	"chorus/auth/limit"
	"chorus/internal/redistest"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// What the nodes have in common works with every kind of Redis that they may meet.
func TestOtherRedis(t *testing.T) {
	t.Run("miniredis, which chorus dev has", func(t *testing.T) { // its Lua is another one
		shareOver(t, redistest.Dial(t, miniredis.RunT(t).Addr()))
	})
	t.Run("cluster", func(t *testing.T) { // scripts may not touch keys of different places
		cluster := redistest.StartCluster(t)
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs(), MaxRetries: -1, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = client.Close() })
		shareOver(t, client)
	})
}

// TestSentinelFailover: a master that is lost, and the replica in its place, change nothing of what is in force.
func TestSentinelFailover(t *testing.T) {
	sentinels := redistest.StartSentinels(t, "")
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: redistest.MasterName, SentinelAddrs: sentinels.Addrs, MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: time.Second,
	})
	t.Cleanup(func() { _ = client.Close() })
	var limits [2]*limit.Connections
	for i := range limits {
		limits[i] = newLimit(t, limit.Options{Max: 1, Client: client, Registry: startRegistry(t, client, "")})
		defer limits[i].Close(context.Background())
		await(t, "the nodes are ready", func() bool { return limits[i].Ready() == nil })
	}
	admit(t, limits[0], "alice", "1")

	sentinels.FailOver()
	for _, l := range limits {
		await(t, "the connections are counted again", func() bool { return l.Ready() == nil })
	}
	turnAway(t, limits[1], "alice", "2")
}

// shareOver has two nodes share connections.
func shareOver(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	for _, policy := range []limit.Policy{limit.PolicyRefuse, limit.PolicyCloseOldest} {
		var limits [2]*limit.Connections
		for i := range limits {
			limits[i] = newLimit(t, limit.Options{Max: 1, Policy: policy, Client: client, Registry: startRegistry(t, client, "")})
			defer limits[i].Close(context.Background())
			await(t, "redis knows the node", func() bool { return limits[i].Ready() == nil })
		}
		first := admit(t, limits[0], string(policy), "1")
		if policy == limit.PolicyRefuse {
			turnAway(t, limits[1], string(policy), "2")
			first.release()
			await(t, "the place is free", func() bool {
				_, err := tryAdmit(limits[1], string(policy), "2")
				return err == nil
			})
			continue
		}
		admit(t, limits[1], string(policy), "2")
		await(t, "the oldest is closed", func() bool { return first.replaced.Load() == 1 })
	}
}
