package limit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chorus/auth/limit"
	"chorus/internal/redistest"
	"chorus/registry"

	"github.com/redis/go-redis/v9"
)

// limitNode is the limit of a node, with a client of its own.
type limitNode struct {
	*limit.Connections
	client *redis.Client
}

// startLimit returns the limit of a node, until the test ends.
func startLimit(t *testing.T, addr string, most int, policy limit.Policy) limitNode {
	t.Helper()
	n := limitNode{client: redistest.Dial(t, addr)}
	nodes := startRegistry(t, n.client, "t")
	var err error
	n.Connections, err = limit.NewQuick(limit.Options{Max: most, Policy: policy, Client: n.client, Registry: nodes, Prefix: "t"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n
}

// startRegistry returns a registry whose nodes are soon taken for dead, until the test ends.
func startRegistry(t *testing.T, client redis.UniversalClient, prefix string) *registry.Registry {
	t.Helper()
	nodes := registry.New(registry.Options{Client: client, Prefix: prefix, Term: 600 * time.Millisecond, Renewal: 100 * time.Millisecond})
	t.Cleanup(func() { _ = nodes.Close(context.Background()) })
	return nodes
}

// startLimits returns the limits of n nodes that count together.
func startLimits(t *testing.T, server *redistest.Server, n, most int, policy limit.Policy) []limitNode {
	t.Helper()
	nodes := make([]limitNode, n)
	for i := range nodes {
		nodes[i] = startLimit(t, server.Addr, most, policy)
	}
	for _, node := range nodes {
		await(t, "redis knows the node", func() bool { return node.Ready() == nil })
	}
	if policy == limit.PolicyCloseOldest {
		client := redistest.Dial(t, server.Addr)
		await(t, "the nodes listen", func() bool {
			return client.PubSubNumSub(t.Context(), limit.ReplacedChannel).Val()[limit.ReplacedChannel] == int64(n)
		})
	}
	return nodes
}

// connection is one that was let in.
type connection struct {
	release  func()
	replaced atomic.Int64
}

// tryAdmit asks for a connection.
func tryAdmit(l *limit.Connections, subject, conn string) (*connection, error) {
	c := &connection{}
	var err error
	c.release, err = l.Acquire(context.Background(), subject, conn, func() { c.replaced.Add(1) })
	return c, err
}

// admit has a connection that must come in.
func admit(t *testing.T, l *limit.Connections, subject, conn string) *connection {
	t.Helper()
	c, err := tryAdmit(l, subject, conn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// turnAway has a connection that must not come in.
func turnAway(t *testing.T, l *limit.Connections, subject, conn string) {
	t.Helper()
	if _, err := tryAdmit(l, subject, conn); !errors.Is(err, limit.ErrTooManyConnections) {
		t.Fatalf("one too many: %v", err)
	}
}

func newLimit(t *testing.T, opts limit.Options) *limit.Connections {
	t.Helper()
	l, err := limit.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestConnectionLimitOptions(t *testing.T) {
	for name, opts := range map[string]limit.Options{
		"no limit":         {},
		"a negative limit": {Max: -1},
		"a strange policy": {Max: 1, Policy: "close-newest"},
	} {
		if _, err := limit.New(opts); !errors.Is(err, limit.ErrBadOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var none *limit.Connections
	for range 3 {
		admit(t, none, "a", "1").release()
	}
	if none.Ready() != nil || none.Close(context.Background()) != nil || none.Stats() != nil {
		t.Error("nil is not nothing")
	}
}

func TestConnectionLimitAlone(t *testing.T) {
	t.Run("refuse", func(t *testing.T) {
		l := newLimit(t, limit.Options{Max: 2})
		first := admit(t, l, "a", "1")
		admit(t, l, "a", "2")
		turnAway(t, l, "a", "3")
		again := admit(t, l, "a", "1") // another namespace of the first
		first.release()
		first.release()
		turnAway(t, l, "a", "3")
		again.release()
		admit(t, l, "a", "3")
		admit(t, l, "b", "4")
		for i := range 5 {
			admit(t, l, "", fmt.Sprint(i)) // nobody to count for
		}
		if n := l.Stats().Refused.Load(); n != 2 {
			t.Errorf("%d refusals are counted", n)
		}
	})
	t.Run("close oldest", func(t *testing.T) {
		l := newLimit(t, limit.Options{Max: 2, Policy: limit.PolicyCloseOldest})
		first, namespace := admit(t, l, "a", "1"), admit(t, l, "a", "1")
		second := admit(t, l, "a", "2")
		third := admit(t, l, "a", "3")
		if first.replaced.Load() != 1 || namespace.replaced.Load() != 1 || second.replaced.Load() != 0 || third.replaced.Load() != 0 {
			t.Error("another one than the oldest was closed")
		}
		first.release()
		namespace.release()
		if n := limit.Count(l, "a"); n != 2 {
			t.Errorf("%d connections count", n)
		}
		second.release()
		third.release()
		if n := limit.Count(l, "a"); n != 0 {
			t.Errorf("%d connections count", n)
		}
	})
	t.Run("a context that has ended", func(t *testing.T) {
		l := newLimit(t, limit.Options{Max: 1})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if release, err := l.Acquire(ctx, "a", "1", func() {}); err == nil {
			release()
		}
		admit(t, l, "a", "2")
	})
}

func TestConnectionLimitRefuses(t *testing.T) {
	nodes := startLimits(t, redistest.Start(t, redistest.Options{}), 3, 3, limit.PolicyRefuse)
	in := make([]*connection, len(nodes))
	for i, node := range nodes {
		in[i] = admit(t, node.Connections, "a", fmt.Sprint("conn", i))
	}
	for i, node := range nodes {
		turnAway(t, node.Connections, "a", fmt.Sprint("more", i))
	}
	admit(t, nodes[0].Connections, "b", "x")
	namespace := admit(t, nodes[1].Connections, "a", "conn1")
	in[1].release()
	turnAway(t, nodes[0].Connections, "a", "more")
	namespace.release()
	await(t, "the place is free on another node", func() bool {
		_, err := tryAdmit(nodes[2].Connections, "a", "next")
		return err == nil
	})
	turnAway(t, nodes[0].Connections, "a", "more")
}

func TestConnectionLimitClosesOldest(t *testing.T) {
	nodes := startLimits(t, redistest.Start(t, redistest.Options{}), 3, 2, limit.PolicyCloseOldest)
	in := make([]*connection, 0, 9)
	other := admit(t, nodes[0].Connections, "b", "one")
	for i := range cap(in) {
		c := admit(t, nodes[i%3].Connections, "a", fmt.Sprint(i))
		if i >= 2 {
			await(t, "the oldest is closed", func() bool { return in[i-2].replaced.Load() == 1 })
		}
		in = append(in, c)
	}
	for _, c := range append(in[7:], other) {
		if c.replaced.Load() != 0 {
			t.Error("a young connection was closed")
		}
	}
	sum := uint64(0)
	for _, node := range nodes {
		sum += node.Stats().Replaced.Load()
	}
	if sum != 7 {
		t.Errorf("%d replacements are counted", sum)
	}
}

func TestConnectionLimitForgetsDeadNodes(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	nodes := startLimits(t, server, 2, 2, limit.PolicyRefuse)
	admit(t, nodes[0].Connections, "a", "1")
	admit(t, nodes[0].Connections, "a", "2")
	turnAway(t, nodes[1].Connections, "a", "3")
	_ = nodes[0].client.Close() // it cannot say goodbye
	await(t, "its connections count no more", func() bool {
		_, err := tryAdmit(nodes[1].Connections, "a", "3")
		return err == nil
	})
}

func TestConnectionLimitGoodbye(t *testing.T) {
	nodes := startLimits(t, redistest.Start(t, redistest.Options{}), 2, 1, limit.PolicyRefuse)
	c := admit(t, nodes[0].Connections, "a", "1")
	turnAway(t, nodes[1].Connections, "a", "2")
	if err := nodes[0].Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	admit(t, nodes[1].Connections, "a", "2") // at once
	c.release()
	admit(t, nodes[0].Connections, "a", "3") // a node that has ended counts for itself
	turnAway(t, nodes[0].Connections, "a", "4")
}

func TestConnectionLimitWithoutRedis(t *testing.T) {
	for _, policy := range []limit.Policy{limit.PolicyRefuse, limit.PolicyCloseOldest} {
		t.Run(string(policy), func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			nodes := startLimits(t, server, 2, 2, policy)
			a, b := nodes[0].Connections, nodes[1].Connections
			oldest := admit(t, a, "s", "1")
			gone := admit(t, a, "s", "2")

			server.Stop()
			gone.release() // which Redis does not hear
			await(t, "the nodes notice", func() bool {
				return errors.Is(a.Ready(), limit.ErrUnavailable) && errors.Is(b.Ready(), limit.ErrUnavailable)
			})
			admit(t, b, "s", "3")
			during := admit(t, b, "s", "4") // more than allowed over both, not more than allowed on either

			server.Restart()
			await(t, "redis knows all again", func() bool {
				return a.Ready() == nil && b.Ready() == nil
			})
			if policy == limit.PolicyRefuse {
				turnAway(t, a, "s", "5")
				turnAway(t, b, "s", "5")
				during.release()
				turnAway(t, a, "s", "5") // there are still two
				oldest.release()
				await(t, "the place is free", func() bool {
					_, err := tryAdmit(a, "s", "5")
					return err == nil
				})
				return
			}
			await(t, "the oldest is closed", func() bool { return oldest.replaced.Load() == 1 })
			await(t, "the limit holds", func() bool { return limit.Count(a, "s")+limit.Count(b, "s") == 2 })
			if during.replaced.Load() != 0 {
				t.Error("the youngest was closed")
			}
		})
	}
}

// A Redis that hangs keeps a client waiting once, and what it does later with the calls that were
// given up does not stay.
func TestConnectionLimitWithRedisThatHangs(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	nodes := startLimits(t, server, 2, 2, limit.PolicyRefuse)
	a, b := nodes[0].Connections, nodes[1].Connections
	server.Pause()
	first, second := admit(t, a, "s", "1"), admit(t, a, "s", "2")
	turnAway(t, a, "s", "3")
	server.Resume()
	await(t, "redis knows all again", func() bool { return a.Ready() == nil && b.Ready() == nil })
	turnAway(t, b, "s", "3")
	first.release()
	second.release()
	await(t, "both places are free", func() bool {
		_, err := tryAdmit(b, "s", "4")
		return err == nil
	})
	await(t, "both places are free", func() bool {
		_, err := tryAdmit(b, "s", "5")
		return err == nil
	})
}

func TestConnectionLimitMissedMessage(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	nodes := startLimits(t, server, 1, 1, limit.PolicyCloseOldest)
	relay := redistest.StartRelay(t, server.Addr)
	deaf := startLimit(t, relay.Addr, 1, limit.PolicyCloseOldest)
	await(t, "redis knows the node", func() bool { return deaf.Ready() == nil })
	old := admit(t, deaf.Connections, "s", "1")
	relay.Cut()
	admit(t, nodes[0].Connections, "s", "2")
	if old.replaced.Load() != 0 {
		t.Error("a node that is cut off heard something")
	}
	relay.Mend()
	await(t, "the oldest is closed", func() bool { return old.replaced.Load() == 1 })
	if limit.Count(nodes[0].Connections, "s") != 1 {
		t.Error("the newest was closed")
	}
}

func TestHostileReplacements(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	node := startLimits(t, server, 1, 1, limit.PolicyCloseOldest)[0]
	c := admit(t, node.Connections, "s", "1")
	client := redistest.Dial(t, server.Addr)
	texts := []string{"", "/", "x", "/1", "x/", "x/-1", "x/99999999999999999999", "x/1/2"}
	for _, text := range append(texts, "other/1") {
		if err := client.Publish(t.Context(), limit.ReplacedChannel, text).Err(); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "all are counted", func() bool { return node.Stats().Malformed.Load() == uint64(len(texts)) })
	if c.replaced.Load() != 0 {
		t.Error("a connection was closed")
	}
}

func TestConnectionLimitUnderLoad(t *testing.T) {
	const most, subjects = 3, 4
	for _, policy := range []limit.Policy{limit.PolicyRefuse, limit.PolicyCloseOldest} {
		t.Run(string(policy), func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			nodes := startLimits(t, server, 3, most, policy)
			var in [subjects]atomic.Int64
			var wg sync.WaitGroup
			for worker := range 24 {
				wg.Go(func() {
					for i := range 60 {
						s := rand.N(subjects)
						c, err := tryAdmit(nodes[rand.N(len(nodes))].Connections, fmt.Sprint(s), fmt.Sprint(worker, "-", i))
						if errors.Is(err, limit.ErrTooManyConnections) || errors.Is(err, limit.ErrConnectionReplaced) {
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						if n := in[s].Add(1); policy == limit.PolicyRefuse && n > most {
							t.Errorf("%d connections at a time", n)
						}
						in[s].Add(-1)
						c.release()
					}
				})
			}
			wg.Wait()
			client := redistest.Dial(t, server.Addr)
			for s := range subjects {
				await(t, "redis forgets all", func() bool {
					return client.ZCard(t.Context(), limit.ConnectionsKey+fmt.Sprint(s)).Val() == 0
				})
				for _, node := range nodes {
					if n := limit.Count(node.Connections, fmt.Sprint(s)); n != 0 {
						t.Errorf("%d connections are left", n)
					}
				}
			}
			for range 30 { // and now they stay
				_, _ = tryAdmit(nodes[rand.N(len(nodes))].Connections, "0", fmt.Sprint(rand.Uint64()))
			}
			await(t, "as many stay as may", func() bool {
				n := 0
				for _, node := range nodes {
					n += limit.Count(node.Connections, "0")
				}
				return n == most
			})
		})
	}
}
