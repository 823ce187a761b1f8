package adapter_test

import (
	"context"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisCluster is a Redis Cluster of three masters, each with a replica.
type redisCluster struct {
	t       *testing.T
	servers []*redisServer // the masters, then their replicas
	ids     []string
}

// startRedisCluster runs six servers on free ports until the test ends.
func startRedisCluster(t *testing.T) *redisCluster {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server here")
	}
	c := &redisCluster{t: t}
	const masters, slots = 3, 16384
	for range 2 * masters {
		c.servers = append(c.servers, startRedisWith(t, func() []string {
			_, bus, _ := net.SplitHostPort(freeAddr(t)) // the usual one may be beyond the last port
			return []string{"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"}
		}))
	}
	do := func(server int, args ...any) string {
		t.Helper()
		got, err := c.do(server, args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return got
	}
	for i := range c.servers {
		c.ids = append(c.ids, do(i, "cluster", "myid"))
		if i < masters {
			do(i, "cluster", "addslotsrange", i*slots/masters, (i+1)*slots/masters-1)
		}
		if i > 0 {
			first := c.servers[0]
			host, port, _ := net.SplitHostPort(first.addr)
			do(i, "cluster", "meet", host, port, first.args[3])
		}
	}
	for i := masters; i < len(c.servers); i++ {
		eventually(t, "a replica", func() bool {
			_, err := c.do(i, "cluster", "replicate", c.ids[i-masters])
			return err == nil
		})
	}
	for i := range c.servers {
		eventually(t, "the Redis Cluster is whole", func() bool {
			info, err := c.do(i, "cluster", "info")
			if err != nil || !strings.Contains(info, "cluster_state:ok") {
				return false
			}
			nodes, err := c.do(i, "cluster", "nodes")
			if info, err := c.do(i, "info", "replication"); err != nil || strings.Contains(info, "master_link_status:down") {
				return false
			}
			return err == nil && strings.Count(nodes, " slave ")+strings.Count(nodes, ",slave ") == masters && strings.Count(nodes, "connected") == len(c.servers)
		})
	}
	return c
}

// do runs a command on one server.
func (c *redisCluster) do(server int, args ...any) (string, error) {
	client := redis.NewClient(&redis.Options{Addr: c.servers[server].addr})
	defer func() { _ = client.Close() }()
	got, err := client.Do(c.t.Context(), args...).Text()
	return got, err
}

func (c *redisCluster) client() *redis.ClusterClient {
	var addrs []string
	for _, server := range c.servers {
		addrs = append(addrs, server.addr)
	}
	return redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true, DialTimeout: time.Second, MaxRetries: -1})
}

// masterOf returns which server has the slot of a channel.
func (c *redisCluster) masterOf(channel string) int {
	c.t.Helper()
	slot := c.slotOf(channel)
	ranges, err := c.client1().ClusterSlots(c.t.Context()).Result()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, r := range ranges {
		if r.Start <= slot && slot <= r.End {
			for i, server := range c.servers {
				if server.addr == r.Nodes[0].Addr {
					return i
				}
			}
		}
	}
	c.t.Fatalf("nobody has %s", channel)
	return 0
}

func (c *redisCluster) client1() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: c.servers[1].addr})
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
	for _, step := range []struct {
		server    int
		state, id string
	}{
		{to, "importing", c.ids[from]}, {from, "migrating", c.ids[to]},
		{to, "node", c.ids[to]}, {from, "node", c.ids[to]}, {3 - from - to, "node", c.ids[to]},
	} {
		if _, err := c.do(step.server, "cluster", "setslot", slot, step.state, step.id); err != nil {
			c.t.Fatal(err)
		}
	}
	return to
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
