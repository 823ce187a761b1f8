package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"chorus/chat/store"
	"chorus/chat/storetest"
	"chorus/internal/redistest"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
)

// three returns three nodes that follow a room.
func three(t *testing.T, connect func() goredis.UniversalClient) (nodes []*node) {
	t.Helper()
	for range 3 {
		n := open(t, connect(), "test", store.Limits{}, storetest.NewSink())
		if err := n.Follow(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// insist appends until Redis has taken it.
func insist(t *testing.T, n *node, a *store.Append) store.Receipt {
	t.Helper()
	var receipt store.Receipt
	redistest.Eventually(t, "Redis takes "+a.ID, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		var err error
		if receipt, err = n.Append(ctx, a); err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("append %s: %v", a.ID, err)
			return true
		}
		return err == nil
	})
	return receipt
}

// heard returns what a node was told about messages: "seq id" of each new one.
func heard(t *testing.T, n *node, count int) (messages []string) {
	t.Helper()
	for _, r := range n.sink.Records(t, "room", count) {
		if r.Kind == store.KindMessage {
			messages = append(messages, fmt.Sprint(r.Seq, " ", r.ID))
		}
	}
	return messages
}

// inOrder fails unless the messages have the seqs 1, 2, 3, ...
func inOrder(t *testing.T, messages []string) {
	t.Helper()
	for i, m := range messages {
		var seq int
		if _, err := fmt.Sscan(m, &seq); err != nil || seq != i+1 {
			t.Fatalf("message %d is %q of %q", i, m, messages)
		}
	}
}

// All nodes, the sender's too, are told the same in the same order, also when they send at the same time.
func TestNodesAgree(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr) })
	const each = 50
	var wait sync.WaitGroup
	for i, n := range nodes {
		wait.Go(func() {
			for j := range each {
				id := fmt.Sprint(i, "-", j)
				insist(t, n, storetest.Message("room", id, "alice", "v"))
				if _, err := nodes[(i+1)%3].Change(context.Background(), &store.Change{Log: "room", Topics: []string{"room"}, Kind: store.KindEdit, ID: id, User: "alice", Value: []byte("w")}); err != nil {
					t.Error(err)
				}
				// The same again, on another node.
				if r := insist(t, nodes[(i+2)%3], storetest.Message("room", id, "alice", "v")); !r.Repeated {
					t.Errorf("%s was added twice", id)
				}
			}
		})
	}
	wait.Wait()
	var first []string
	for _, n := range nodes {
		var all []string
		for i, r := range n.sink.Records(t, "room", 2*3*each) {
			if r.Pos != int64(i+1) {
				t.Fatalf("record %d has position %d", i, r.Pos)
			}
			all = append(all, fmt.Sprint(r.Kind, r.Seq, r.ID, string(r.Value)))
		}
		if first == nil {
			first = all
		}
		if !slices.Equal(all, first) {
			t.Error("two nodes were told different things")
		}
	}
}

// Whatever happens to the connections, every node is told each acknowledged message once, in order.
func TestGaps(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(*redistest.Server){
		"subscribers cut off": func(s *redistest.Server) { _, _ = s.Do("client", "kill", "type", "pubsub") },
		"all cut off":         func(s *redistest.Server) { _, _ = s.Do("client", "kill", "type", "normal") },
		"scripts forgotten":   func(s *redistest.Server) { _, _ = s.Do("script", "flush") },
		"Redis hangs": func(s *redistest.Server) {
			s.Pause()
			time.Sleep(1500 * time.Millisecond) // longer than a call may take
			s.Resume()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr) })
			const each = 150
			var wait sync.WaitGroup
			for i, n := range nodes {
				wait.Go(func() {
					for j := range each {
						insist(t, n, storetest.Message("room", fmt.Sprint(i, "-", j), "alice", "v"))
						if i == 0 && j%50 == 25 {
							disturb(server)
						}
					}
				})
			}
			wait.Wait()
			for _, n := range nodes {
				redistest.Eventually(t, "all is told", func() bool {
					r := n.sink.Records(t, "room", 1)
					return r[len(r)-1].Head == 3*each
				})
				inOrder(t, heard(t, n, 3*each))
				if lost := n.sink.Lose(); len(lost) > 0 {
					t.Errorf("lost: %v", lost)
				}
			}
		})
	}
}

// A change that a node missed comes as the state of the message.
func TestMissedChange(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr) })
	insist(t, nodes[0], storetest.Message("room", "a", "alice", "v"))
	nodes[1].sink.Records(t, "room", 1)
	admin := server.Admin()
	defer admin.Close() //nolint:errcheck // only the test depends on it
	// What Redis publishes is lost: the log changes without it.
	script := `local head, value = string.match(redis.call('HGET', KEYS[1] .. ':m', '1'), '^(.-)\n(.*)$')
local h = cjson.decode(head)
h.version, h.edited, h.by, h.cpos, h.chead = 2, 5, 'alice', 2, 1
redis.call('HSET', KEYS[1] .. ':m', '1', cjson.encode(h) .. '\n' .. 'edited')
redis.call('HSET', KEYS[1], 'end', (string.gsub(redis.call('HGET', KEYS[1], 'end'), '^1 ', '2 ')))
redis.call('ZADD', KEYS[1] .. ':c', 2, '1')`
	if err := admin.Eval(t.Context(), script, []string{"test-chat:log:{%room}"}).Err(); err != nil && !errors.Is(err, goredis.Nil) {
		t.Fatal(err)
	}
	insist(t, nodes[0], storetest.Message("room", "b", "alice", "v")) // shows the gap
	for _, n := range nodes {
		records := n.sink.Records(t, "room", 3)
		if r := records[1]; r.Kind != store.KindState || r.ID != "a" || string(r.Value) != "edited" || r.Version != 2 || r.Pos != 2 {
			t.Errorf("%+v", r)
		}
		if r := records[2]; r.Kind != store.KindMessage || r.ID != "b" || r.Pos != 3 {
			t.Errorf("%+v", r)
		}
		if n.Stats().Gaps.Load() != 1 {
			t.Errorf("%d gaps", n.Stats().Gaps.Load())
		}
	}
}

// Redis loses everything: the log begins again with another epoch, and every node is told.
func TestLostLog(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*redistest.Server){
		"flushed":   func(s *redistest.Server) { s.MustDo("flushall") },
		"restarted": func(s *redistest.Server) { s.Stop(); s.Restart() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr) })
			before := insist(t, nodes[0], storetest.Message("room", "a", "alice", "v"))
			insist(t, nodes[0], storetest.Message("room", "b", "alice", "v"))
			for _, n := range nodes {
				n.sink.Records(t, "room", 2)
			}
			lose(server)
			after := insist(t, nodes[1], storetest.Message("room", "c", "alice", "v"))
			if after.Epoch == before.Epoch || after.Seq != 1 {
				t.Errorf("before %+v, after %+v", before, after)
			}
			for _, n := range nodes {
				records := n.sink.Records(t, "room", 3)
				if r := records[2]; r.ID != "c" || r.Epoch != after.Epoch || len(records) != 3 {
					t.Errorf("%+v", r)
				}
				if lost := n.sink.Lose(); !slices.Contains(lost, "room") {
					t.Errorf("not told that something was lost")
				}
			}
			p, err := nodes[2].Page(t.Context(), "room", store.PageQuery{Since: before.Cursor, Limit: 10})
			if err != nil || !p.Missed || len(p.Messages) != 1 {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

// A master of a Redis Cluster dies: nothing that was acknowledged before and replicated is lost, and the nodes go on.
func TestFailover(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	nodes := three(t, func() goredis.UniversalClient { return connectCluster(cluster.Addrs()) })
	const before, after = 20, 20
	for i := range before {
		insist(t, nodes[i%3], storetest.Message("room", fmt.Sprint("before-", i), "alice", "v"))
	}
	for _, n := range nodes {
		inOrder(t, heard(t, n, before))
	}
	master := cluster.MasterOf("{%room}")
	admin := cluster.Servers[master].Admin()
	if _, err := admin.Wait(t.Context(), 1, 5*time.Second).Result(); err != nil {
		t.Fatal(err)
	}
	_ = admin.Close()
	cluster.FailOver(master)
	for i := range after {
		insist(t, nodes[i%3], storetest.Message("room", fmt.Sprint("after-", i), "alice", "v"))
	}
	for _, n := range nodes {
		inOrder(t, heard(t, n, before+after))
		if lost := n.sink.Lose(); len(lost) > 0 {
			t.Errorf("lost: %v", lost)
		}
	}
}

// Without Redis everything fails soon, and works again afterwards.
func TestAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	n := open(t, connect(server.Addr), "test", store.Limits{}, storetest.NewSink())
	if err := n.Follow(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	ctx := t.Context()
	redistest.Eventually(t, "the feed is down", func() bool { return n.Stats().Disconnects.Load() > 0 })
	for name, do := range map[string]func() error{
		"append": func() error { _, err := n.Append(ctx, storetest.Message("room", "x", "alice", "v")); return err },
		"change": func() error {
			_, err := n.Change(ctx, &store.Change{Log: "room", Kind: store.KindDelete, ID: "x"})
			return err
		},
		"page":     func() error { _, err := n.Page(ctx, "room", store.PageQuery{}); return err },
		"purge":    func() error { _, err := n.Purge(ctx, "room", store.Purge{Whole: true}); return err },
		"follow":   func() error { return n.Follow(ctx, "other") },
		"enter":    func() error { _, err := n.Enter(ctx, "room", "s", store.Member{User: "alice"}); return err },
		"list":     func() error { _, err := n.List(ctx, "room", "", 5); return err },
		"read":     func() error { _, err := n.Read(ctx, "alice", "room", 1); return err },
		"unread":   func() error { _, err := n.Unread(ctx, "alice", nil); return err },
		"begin":    func() error { _, err := n.Begin(ctx, "k", "d", time.Minute); return err },
		"rule":     func() error { on := true; return n.SetRule(ctx, "room", store.Rule{Frozen: &on}) },
		"standing": func() error { _, err := n.Standing(ctx, "unknown", "alice"); return err },
		"turn":     func() error { _, err := n.Turn(ctx, "room", "alice", 1); return err },
	} {
		if err := do(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := n.Standing(ctx, "room", "alice"); err != nil {
		t.Errorf("the standing in a room that is followed: %v", err)
	}
	server.Restart()
	insist(t, n, storetest.Message("room", "y", "alice", "v"))
	n.sink.Records(t, "room", 1)
}

// Bars are in force on the other nodes, and reach a user who is on another one.
func TestBarsEverywhere(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	nodes := three(t, func() goredis.UniversalClient { return connect(server.Addr()) })
	for _, room := range []string{"room", ""} {
		if err := nodes[0].SetRule(t.Context(), room, store.Rule{Bar: &store.Bar{Action: "mute", User: "u" + room}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		redistest.Eventually(t, "the bars are in force", func() bool {
			a, err1 := n.Standing(t.Context(), "room", "uroom")
			b, err2 := n.Standing(t.Context(), "elsewhere", "u")
			return err1 == nil && err2 == nil && a.Mute != nil && b.Mute != nil
		})
	}
	late := open(t, connect(server.Addr()), "test", store.Limits{}, storetest.NewSink())
	redistest.Eventually(t, "a node that starts reads them", func() bool {
		b, err := late.Standing(t.Context(), "room", "u")
		return err == nil && b.Mute != nil
	})
}
