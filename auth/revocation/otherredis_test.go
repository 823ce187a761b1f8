package revocation_test

import (
	"context"
	"testing"
	"time"

	"chorus/auth/revocation"
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
	var nodes [2]*revocation.Set
	for i := range nodes {
		nodes[i] = revocation.New(revocation.Options{Store: revocation.NewRedis(client, revocation.RedisOptions{})})
		defer nodes[i].Close(context.Background())
		await(t, "the nodes are ready", func() bool { return nodes[i].Ready() == nil })
	}
	before, after := claimsOf(t, map[string]any{"sub": "before"}), claimsOf(t, map[string]any{"sub": "after"})
	revoke(t, nodes[0], revocation.Revocation{Subject: "before", Until: revocation.Forever})

	sentinels.FailOver()
	await(t, "a revocation is taken by the new master", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return nodes[0].Revoke(ctx, revocation.Revocation{Subject: "after", Until: revocation.Forever}) == nil
	})
	await(t, "the other node hears of it", func() bool { return isRevoked(nodes[1], after) })
	if !isRevoked(nodes[1], before) {
		t.Error("the revocation before is no longer in force")
	}
}

// shareOver has two nodes share revocations.
func shareOver(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	var nodes [2]*revocation.Set
	for i := range nodes {
		nodes[i] = revocation.New(revocation.Options{Store: revocation.NewRedis(client, revocation.RedisOptions{})})
		defer nodes[i].Close(context.Background())
		await(t, "the revocations are read", func() bool { return nodes[i].Ready() == nil })
	}
	claims := claimsOf(t, map[string]any{"sub": "a"})
	revoke(t, nodes[0], revocation.Revocation{Subject: "a", Until: revocation.Forever})
	await(t, "another node hears it", func() bool { return isRevoked(nodes[1], claims) })
	undo(t, nodes[1], revocation.Revocation{Subject: "a"})
	await(t, "another node hears the undoing", func() bool { return !isRevoked(nodes[0], claims) })
}
