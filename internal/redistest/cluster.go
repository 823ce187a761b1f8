package redistest

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Cluster is a Redis Cluster of three masters, each with a replica.
type Cluster struct {
	Servers []*Server // three masters, then their replicas in the same order
}

const masters, slots = 3, 16384

// StartCluster runs six servers until the test ends.
func StartCluster(tb testing.TB) *Cluster {
	tb.Helper()
	c := &Cluster{}
	var ids []string
	for i := range 2 * masters {
		server := Start(tb, Options{Cluster: true, Args: []string{"--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"}})
		c.Servers, ids = append(c.Servers, server), append(ids, server.MustDo("cluster", "myid"))
		if i < masters {
			server.MustDo("cluster", "addslotsrange", i*slots/masters, (i+1)*slots/masters-1)
		}
		if i > 0 {
			host, port, _ := net.SplitHostPort(c.Servers[0].Addr)
			server.MustDo("cluster", "meet", host, port, c.Servers[0].Bus)
		}
	}
	for i := masters; i < 2*masters; i++ {
		Eventually(tb, "a replica knows its master", func() bool {
			_, err := c.Servers[i].Do("cluster", "replicate", ids[i-masters])
			return err == nil
		})
	}
	for _, server := range c.Servers {
		Eventually(tb, "the Redis Cluster is whole", func() bool {
			info, err := server.Do("cluster", "info")
			if err != nil || !strings.Contains(info, "cluster_state:ok") {
				return false
			}
			if info, err := server.Do("info", "replication"); err != nil || strings.Contains(info, "master_link_status:down") {
				return false
			}
			nodes, err := server.Do("cluster", "nodes")
			return err == nil && strings.Count(nodes, "slave ") == masters && strings.Count(nodes, " connected") == 2*masters
		})
	}
	return c
}

// MasterOf returns which of the servers has the slot of a key or shard channel, as long as no slot has moved.
func (c *Cluster) MasterOf(key string) int {
	client := c.Servers[0].Admin()
	defer func() { _ = client.Close() }()
	slot, err := client.ClusterKeySlot(context.Background(), key).Result()
	if err != nil {
		c.Servers[0].tb.Fatal(err)
	}
	i := masters - 1
	for int(slot) < i*slots/masters {
		i--
	}
	return i
}

// FailOver kills a master, and returns when its replica has taken over for all servers that are left.
func (c *Cluster) FailOver(master int) {
	c.Servers[master].tb.Helper()
	id := c.Servers[master+masters].MustDo("cluster", "myid")
	c.Servers[master].Stop()
	for i, server := range c.Servers {
		if i == master {
			continue
		}
		Eventually(server.tb, "the replica takes over", func() bool {
			nodes, err := server.Do("cluster", "nodes")
			if err != nil {
				return false
			}
			info, err := server.Do("cluster", "info")
			if err != nil || !strings.Contains(info, "cluster_state:ok") {
				return false
			}
			for line := range strings.Lines(nodes) {
				if strings.HasPrefix(line, id) {
					return strings.Contains(line, "master")
				}
			}
			return false
		})
	}
}

// Addrs returns the addresses of all servers.
func (c *Cluster) Addrs() []string {
	addrs := make([]string, len(c.Servers))
	for i, server := range c.Servers {
		addrs[i] = server.Addr
	}
	return addrs
}

// newSentinelClient returns a client of a Sentinel.
func newSentinelClient(addr string) *redis.SentinelClient {
	return redis.NewSentinelClient(&redis.Options{Addr: addr, MaxRetries: -1})
}
