package auth_test

import (
	"context"
	"net"
	"testing"

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
		server := redistest.Start(t, redistest.Options{Args: func() []string {
			// The second port of a cluster is by default too high for some of the free ones.
			_, bus, _ := net.SplitHostPort(redistest.FreeAddr(t))
			return []string{"--cluster-enabled", "yes", "--cluster-port", bus}
		}})
		if err := dialRedis(t, server.Addr).ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
			t.Fatal(err)
		}
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.Addr}})
		t.Cleanup(func() { _ = client.Close() })
		await(t, "the cluster is up", func() bool { return client.Set(t.Context(), "x", "", 0).Err() == nil })
		shareOver(t, client)
	})
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
