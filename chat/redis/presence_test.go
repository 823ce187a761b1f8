package redis_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"chorus/chat/store"
	"chorus/chat/storetest"
	"chorus/internal/redistest"

	goredis "github.com/redis/go-redis/v9"
)

func enter(t *testing.T, n *node, socket, user string) {
	t.Helper()
	if _, err := n.Enter(context.Background(), "room", socket, store.Member{User: user, Name: user}); err != nil {
		t.Errorf("%s enters: %v", user, err)
	}
}

// knows reports whether a node was told of exactly these users, and lists them.
func knows(t *testing.T, n *node, users ...string) func() bool {
	t.Helper()
	return func() bool {
		told, _, _, count := n.sink.Users("room")
		page, err := n.List(t.Context(), "room", "", 1000)
		if err != nil || len(told) != len(users) || len(page.Users) != len(users) || page.Count != len(users) || count != len(users) {
			return false
		}
		for i, user := range users {
			if _, ok := told[user]; !ok || page.Users[i].User != user {
				return false
			}
		}
		return true
	}
}

// A user on two nodes is one user; the node of one dies, and the users of it alone leave, once for every other node.
func TestPresenceOfADeadNode(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr) })
	enter(t, nodes[0], "a0", "alice")
	enter(t, nodes[2], "a2", "alice")
	enter(t, nodes[1], "b1", "bob")
	for i := range 500 {
		enter(t, nodes[2], fmt.Sprint("s", i), fmt.Sprintf("user%03d", i))
	}
	redistest.Eventually(t, "all are told", func() bool {
		told, _, _, _ := nodes[0].sink.Users("room")
		return len(told) == 502 && told["alice"].Devices == 2
	})
	_ = nodes[2].client.Close() // for Redis the node is dead
	killed := time.Now()
	for _, n := range nodes[:2] {
		redistest.Eventually(t, "its users have left", knows(t, n, "alice", "bob"))
	}
	if took := time.Since(killed); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, n := range nodes[:2] {
		told, joins, leaves, _ := n.sink.Users("room")
		if joins != 502 || leaves != 500 || told["alice"].Devices != 1 {
			t.Errorf("%d joins, %d leaves, alice has %d devices", joins, leaves, told["alice"].Devices)
		}
	}
	if n := nodes[0].Stats().Cleaned.Load() + nodes[1].Stats().Cleaned.Load(); n != 500 {
		t.Errorf("%d users removed, want each once", n)
	}
	redistest.Eventually(t, "nothing of the node is left", func() bool {
		n, err := nodes[0].client.SCard(t.Context(), "test-chat:index:{%leases}").Result()
		return err == nil && n == 2
	})
}

// Redis loses its data, or the lease of a node: the node writes its users again, and nobody leaves.
func TestPresenceIsWrittenAgain(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*redistest.Server, *node){
		"flushed": func(s *redistest.Server, _ *node) { s.MustDo("flushall") },
		"lease lost": func(_ *redistest.Server, n *node) {
			n.client.ZRem(context.Background(), "{test-nodes}:leases", n.nodes.Self().Lease)
		},
		"restarted": func(s *redistest.Server, _ *node) { s.Stop(); s.Restart() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr) })
			for i, n := range nodes {
				enter(t, n, fmt.Sprint("s", i), fmt.Sprint("user", i))
			}
			leases := []string{nodes[0].nodes.Self().Lease, nodes[1].nodes.Self().Lease, nodes[2].nodes.Self().Lease}
			lose(server, nodes[1])
			redistest.Eventually(t, "the node has another lease", func() bool { return nodes[1].nodes.Self().Lease != leases[1] })
			for _, n := range nodes {
				redistest.Eventually(t, "all users are there", func() bool {
					page, err := n.List(t.Context(), "room", "", 10)
					return err == nil && page.Count == 3 && len(page.Users) == 3 && page.Users[1].Devices == 1
				})
			}
			redistest.Eventually(t, "the old lease is cleaned", func() bool {
				old, err := nodes[0].client.SIsMember(t.Context(), "test-chat:index:{%leases}", leases[1]).Result()
				return err == nil && !old
			})
			redistest.Eventually(t, "all users are still there", func() bool {
				page, err := nodes[0].List(t.Context(), "room", "", 10)
				return err == nil && page.Count == 3
			})
			for _, n := range nodes {
				// Whose lease alone is lost looks like a node that hung for too long: its users leave and come.
				if _, _, leaves, _ := n.sink.Users("room"); leaves != 0 && name != "lease lost" || leaves > 1 {
					t.Errorf("%d users have left", leaves)
				}
			}
		})
	}
}

// Redis loses where the users of nodes that die would be found: it is told again, once for each node.
func TestPresenceIndexIsWrittenAgain(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr) })
	for i, n := range nodes {
		enter(t, n, fmt.Sprint("s", i), fmt.Sprint("user", i))
	}
	const index = "test-chat:index:{%leases}"
	for _, lose := range []bool{false, true} {
		if lose {
			nodes[0].client.Del(t.Context(), index)
		}
		redistest.Eventually(t, "Redis has the leases", func() bool {
			leases, err := nodes[0].client.SMembers(t.Context(), index).Result()
			return err == nil && len(leases) == len(nodes)
		})
	}
}

// All nodes die at once; the next one removes the users that nobody saw leave.
func TestPresenceOfADeadCluster(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	n := open(t, connect(server.Addr), "test", store.Limits{}, storetest.NewSink())
	enter(t, n, "s", "ghost")
	_ = n.client.Close()
	next := open(t, connect(server.Addr), "test", store.Limits{}, storetest.NewSink())
	redistest.Eventually(t, "the ghost is gone", func() bool {
		page, err := next.List(t.Context(), "room", "", 10)
		return err == nil && page.Count == 0
	})
}

// Leaving while Redis is away is not forgotten.
func TestLeaveWhileAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr) })
	enter(t, nodes[0], "a", "alice")
	enter(t, nodes[1], "b", "bob")
	server.Pause()
	if _, err := nodes[0].Leave(t.Context(), "room", "a", 0); err == nil {
		t.Error("Redis hangs, and the socket has left")
	}
	server.Resume()
	redistest.Eventually(t, "alice has left", knows(t, nodes[2], "bob"))
}

// 10,000 users join over three nodes, at once.
func TestJoinStorm(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr) })
	const users = 10_000
	begun := time.Now()
	var wait sync.WaitGroup
	for worker := range 300 {
		wait.Go(func() {
			for i := worker; i < users; i += 300 {
				enter(t, nodes[i%3], fmt.Sprint("s", i), fmt.Sprintf("user%05d", i))
			}
		})
	}
	wait.Wait()
	t.Logf("%d joins in %s", users, time.Since(begun))
	for _, n := range nodes {
		redistest.Eventually(t, "every node is told of all", func() bool {
			told, joins, leaves, count := n.sink.Users("room")
			return len(told) == users && joins == users && leaves == 0 && count == users
		})
	}
	seen, cursor := 0, ""
	for {
		page, err := nodes[0].List(t.Context(), "room", cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Users {
			if u.User != fmt.Sprintf("user%05d", seen) {
				t.Fatalf("user %d is %s", seen, u.User)
			}
			seen++
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if seen != users {
		t.Errorf("%d users listed", seen)
	}
}
