package redis_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chorus/chat/notice"
	"chorus/chat/redis"
	"chorus/chat/store"
	"chorus/chat/storetest"
	"chorus/internal/redistest"
	"chorus/registry"

	goredis "github.com/redis/go-redis/v9"
)

// told returns what is in the queue of a target, as "kind subject", and checks that seq counts up for each subject.
func told(t *testing.T, client goredis.UniversalClient, prefix, target string) []string {
	t.Helper()
	messages, err := client.XRange(t.Context(), notice.Key(prefix, target)+":events", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	last := make(map[any]string)
	for _, m := range messages {
		key, seq := m.Values["key"], fmt.Sprint(m.Values["seq"])
		if len(last[key]) > len(seq) || len(last[key]) == len(seq) && last[key] >= seq {
			t.Errorf("%v: seq %s after %s", key, seq, last[key])
		}
		last[key] = seq
		list = append(list, fmt.Sprintf("%s %s", m.Values["kind"], key))
	}
	return list
}

// TestNotices: presence of two nodes is told once and in order, on one server in the same step, and in a Redis Cluster by
// way of a list in the slot of the room.
func TestNotices(t *testing.T) {
	t.Parallel()
	server, cluster := redistest.Start(t, redistest.Options{}), redistest.StartCluster(t)
	for name, client := range map[string]func() goredis.UniversalClient{
		"one server":    func() goredis.UniversalClient { return connect(server.Addr) },
		"Redis Cluster": func() goredis.UniversalClient { return connectCluster(cluster.Addrs()) },
	} {
		targets, err := notice.NewTargets([]notice.Target{
			{Name: "all", MaxBacklog: 1000, MaxBytes: 1 << 20},
			{Name: "lobby", Events: []string{"room.*"}, Rooms: []string{"lobby*"}, MaxBacklog: 1000, MaxBytes: 1 << 20},
		})
		if err != nil {
			t.Fatal(err)
		}
		prefix := "notices"
		open := func() *node {
			c := client()
			nodes := registry.New(registry.Options{Client: c, Prefix: prefix, Term: 2 * time.Second, Renewal: 50 * time.Millisecond})
			redistest.Eventually(t, "the lease is held", func() bool { return nodes.Health() == nil })
			n := &node{redis.New(redis.Options{Client: c, Nodes: nodes, Prefix: prefix, Targets: targets}), storetest.NewSink(), nodes, c}
			n.Start(n.sink)
			t.Cleanup(func() { n.end(t) })
			return n
		}
		a, b := open(), open()
		enter := func(n *node, room, user string) {
			if _, err := n.Enter(t.Context(), room, user+"1", store.Member{User: user, Name: "N " + user}); err != nil {
				t.Fatal(name, err)
			}
		}
		leave := func(n *node, room, user string) {
			if _, err := n.Leave(t.Context(), room, user+"1", 0); err != nil {
				t.Fatal(name, err)
			}
		}
		enter(a, "user:alice", "alice")
		enter(a, "lobby", "alice")
		enter(b, "lobby", "bob")
		enter(b, "other", "bob")
		enter(b, "\x00/game\x00x", "bob")
		leave(a, "lobby", "alice")
		leave(b, "lobby", "bob")
		leave(a, "user:alice", "alice")
		if err := a.Notify(t.Context(), &notice.Notice{Kind: notice.TokenRevoked, User: "alice", Once: "x"}); err != nil {
			t.Fatal(name, err)
		}
		if err := b.Notify(t.Context(), &notice.Notice{Kind: notice.TokenRevoked, User: "alice", Once: "x"}); err != nil {
			t.Fatal(name, err)
		}
		lobby := []string{"room.occupied r:lobby", "room.joined r:lobby", "room.joined r:lobby", "room.left r:lobby", "room.left r:lobby", "room.vacated r:lobby"}
		alice := []string{"user.online u:alice", "user.offline u:alice", "token.revoked u:alice"}
		redistest.Eventually(t, "all is told", func() bool { return len(told(t, a.client, prefix, "all")) >= len(lobby)+len(alice)+2 })
		of := func(list []string, subject string) []string {
			return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s[len(s)-len(subject):] != subject })
		}
		all := told(t, a.client, prefix, "all")
		if !slices.Equal(of(all, "r:lobby"), lobby) || !slices.Equal(of(all, "u:alice"), alice) || len(of(all, "r:other")) != 2 || len(all) != len(lobby)+len(alice)+2 {
			t.Errorf("%s: %q", name, all)
		}
		redistest.Eventually(t, "the lobby is told", func() bool { return slices.Equal(told(t, a.client, prefix, "lobby"), lobby) })
	}
}
