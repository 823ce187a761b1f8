package adapter_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// redisCluster is a Redis Cluster whose slots can be moved.
type redisCluster struct {
	t *testing.T
	*redistest.Cluster
}

func startRedisCluster(t *testing.T) *redisCluster {
	t.Helper()
	return &redisCluster{t, redistest.StartCluster(t)}
}

func (c *redisCluster) client() *redis.ClusterClient {
	return redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs(), ContextTimeoutEnabled: true, DialTimeout: time.Second, MaxRetries: -1})
}

// masterOf returns which server has the slot of a channel.
func (c *redisCluster) masterOf(channel string) int {
	c.t.Helper()
	slot := c.slotOf(channel)
	ranges, err := c.client1().ClusterSlots(c.t.Context()).Result() //nolint:staticcheck // it is what the client asks, too
	if err != nil {
		c.t.Fatal(err)
	}
	for _, r := range ranges {
		if r.Start <= slot && slot <= r.End {
			for i, server := range c.Servers {
				if server.Addr == r.Nodes[0].Addr {
					return i
				}
			}
		}
	}
	c.t.Fatalf("nobody has %s", channel)
	return 0
}

func (c *redisCluster) client1() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: c.Servers[1].Addr})
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

func (c *redisCluster) slotOf(channel string) int {
	c.t.Helper()
	slot, err := c.client1().ClusterKeySlot(c.t.Context(), channel).Result()
	if err != nil {
		c.t.Fatal(err)
	}
	return int(slot)
}

// move gives the slot of a channel to another master and returns which.
func (c *redisCluster) move(channel string) int {
	c.t.Helper()
	from := c.masterOf(channel)
	to := (from + 1) % 3
	slot := strconv.Itoa(c.slotOf(channel))
	idFrom, idTo := c.Servers[from].MustDo("cluster", "myid"), c.Servers[to].MustDo("cluster", "myid")
	for _, step := range []struct {
		server    int
		state, id string
	}{
		{to, "importing", idFrom}, {from, "migrating", idTo},
		{to, "node", idTo}, {from, "node", idTo}, {3 - from - to, "node", idTo},
	} {
		c.Servers[step.server].MustDo("cluster", "setslot", slot, step.state, step.id)
	}
	return to
}

// failOver kills the master of a key, and returns when another server has its slot.
func (c *redisCluster) failOver(key string) {
	c.t.Helper()
	slot, old := c.slotOf(key), c.masterOf(key)
	c.Servers[old].Stop()
	witness := c.Servers[(old+1)%3]
	eventually(c.t, "the replica has the slots", func() bool {
		client := witness.Admin()
		defer func() { _ = client.Close() }()
		ranges, err := client.ClusterSlots(c.t.Context()).Result() //nolint:staticcheck // it is what the client asks, too
		for _, r := range ranges {
			if r.Start <= slot && slot <= r.End {
				return err == nil && len(r.Nodes) > 0 && r.Nodes[0].Addr != c.Servers[old].Addr
			}
		}
		return false
	})
}

// subscribers returns how many subscribers a shard channel has.
func subscribers(ctx context.Context, t *testing.T, client redis.Cmdable, channel string) int64 {
	t.Helper()
	counts, err := client.PubSubShardNumSub(ctx, channel).Result()
	if err != nil {
		t.Fatal(err)
	}
	return counts[channel]
}
