package auth_test

import (
	"context"
	"testing"
	"time"

	"chorus/auth"
	"chorus/internal/redistest"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// What the nodes have in common works with every kind of Redis that they may meet.
func TestOtherRedis(t *testing.T) {
	t.Run("miniredis, which chorus dev has", func(t *testing.T) { // its Lua is another one
		shareOver(t, dialRedis(t, miniredis.RunT(t).Addr()))
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
	var nodes [2]*auth.Revocations
	var limits [2]*auth.ConnectionLimit
	for i := range nodes {
		nodes[i] = auth.NewRedisRevocations(client, auth.RedisRevocationOptions{})
		defer nodes[i].Close(context.Background())
		limits[i] = newLimit(t, auth.ConnectionLimitOptions{Max: 1, Client: client})
		defer limits[i].Close(context.Background())
		await(t, "the nodes are ready", func() bool { return nodes[i].Ready() == nil && limits[i].Ready() == nil })
	}
	before, after := claimsOf(t, map[string]any{"sub": "before"}), claimsOf(t, map[string]any{"sub": "after"})
	revoke(t, nodes[0], auth.Revocation{Subject: "before", Until: auth.Forever})
	admit(t, limits[0], "alice", "1")

	sentinels.FailOver()
	await(t, "a revocation is taken by the new master", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return nodes[0].Revoke(ctx, auth.Revocation{Subject: "after", Until: auth.Forever}) == nil
	})
	await(t, "the other node hears of it", func() bool { return isRevoked(nodes[1], after) })
	if !isRevoked(nodes[1], before) {
		t.Error("the revocation before is no longer in force")
	}
	for _, l := range limits {
		await(t, "the connections are counted again", func() bool { return l.Ready() == nil })
	}
	turnAway(t, limits[1], "alice", "2")
}

// shareOver has two nodes share revocations and connections.
func shareOver(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	var nodes [2]*auth.Revocations
	for i := range nodes {
		nodes[i] = auth.NewRedisRevocations(client, auth.RedisRevocationOptions{})
		defer nodes[i].Close(context.Background())
		await(t, "the revocations are read", func() bool { return nodes[i].Ready() == nil })
	}
	claims := claimsOf(t, map[string]any{"sub": "a"})
	revoke(t, nodes[0], auth.Revocation{Subject: "a", Until: auth.Forever})
	await(t, "another node hears it", func() bool { return isRevoked(nodes[1], claims) })
	undo(t, nodes[1], auth.Revocation{Subject: "a"})
	await(t, "another node hears the undoing", func() bool { return !isRevoked(nodes[0], claims) })

	for _, policy := range []auth.ConnectionPolicy{auth.PolicyRefuse, auth.PolicyCloseOldest} {
		var limits [2]*auth.ConnectionLimit
		for i := range limits {
			limits[i] = newLimit(t, auth.ConnectionLimitOptions{Max: 1, Policy: policy, Client: client})
			defer limits[i].Close(context.Background())
			await(t, "redis knows the node", func() bool { return limits[i].Ready() == nil })
		}
		first := admit(t, limits[0], string(policy), "1")
		if policy == auth.PolicyRefuse {
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
