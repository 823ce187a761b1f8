package redis_test

import (
	"context"
	"testing"
	"time"

	"chorus/chat/redis"
	"chorus/chat/store"
	"chorus/chat/storetest"
	"chorus/internal/redistest"
	"chorus/registry"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a store with the registry that it uses.
type node struct {
	*redis.Store
	sink   *storetest.Sink
	nodes  *registry.Registry
	client goredis.UniversalClient
}

// open returns a store of a cluster.
func open(t *testing.T, client goredis.UniversalClient, prefix string, limits store.Limits, sink *storetest.Sink) *node {
	t.Helper()
	nodes := registry.New(registry.Options{Client: client, Prefix: prefix, Term: 2 * time.Second, Renewal: 50 * time.Millisecond})
	redistest.Eventually(t, "the lease is held", func() bool { return nodes.Health() == nil })
	n := &node{redis.New(redis.Options{Client: client, Nodes: nodes, Prefix: prefix, Limits: limits}), sink, nodes, client}
	n.Start(sink)
	t.Cleanup(func() { n.end(t) })
	return n
}

func (n *node) end(t *testing.T) {
	t.Helper()
	if err := n.Close(context.Background()); err != nil {
		t.Error(err)
	}
	_ = n.nodes.Close(context.Background())
	_ = n.client.Close()
}

func connect(addr string) goredis.UniversalClient {
	return goredis.NewClient(&goredis.Options{Addr: addr, MaxRetries: -1, DialTimeout: time.Second, DialerRetries: 1, ContextTimeoutEnabled: true, Protocol: 2})
}

func connectCluster(addrs []string) goredis.UniversalClient {
	return goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: addrs, MaxRetries: -1, DialTimeout: time.Second, DialerRetries: 1, ContextTimeoutEnabled: true, Protocol: 2, ClusterStateReloadInterval: time.Second})
}

// suite runs the tests of all stores, each under a prefix of its own.
func suite(t *testing.T, client func() goredis.UniversalClient) {
	t.Helper()
	storetest.Run(t, func(t *testing.T, limits store.Limits, sink store.Sink) store.Store {
		t.Helper()
		return open(t, client(), t.Name(), limits, sink.(*storetest.Sink)).Store
	})
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	suite(t, func() goredis.UniversalClient { return connect(server.Addr) })
}

func TestStoreOnRedisCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	suite(t, func() goredis.UniversalClient { return connectCluster(cluster.Addrs()) })
}

// The Redis that "chorus dev" embeds.
func TestStoreOnMiniredis(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	suite(t, func() goredis.UniversalClient { return connect(server.Addr()) })
}

// A topic for which there is no time left fails alone: the connection, and with it all other topics, stays.
func TestFollowTooLate(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	n := open(t, connect(server.Addr), t.Name(), store.Limits{}, storetest.NewSink())
	if err := n.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_ = n.Follow(late, "late") // it fails, unless the answer is faster than this goroutine
	if err := n.Follow(t.Context(), "another"); err != nil {
		t.Error(err)
	}
	if lost := n.Stats().Disconnects.Load(); lost > 0 {
		t.Errorf("the connection was lost %d times", lost)
	}
}
