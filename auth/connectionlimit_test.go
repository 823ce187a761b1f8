package auth_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"chorus/auth"
	"chorus/auth/token"
	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// limitNode is the limit of a node, with a client of its own.
type limitNode struct {
	*auth.ConnectionLimit
	client *redis.Client
}

// startLimit returns the limit of a node, until the test ends.
func startLimit(t *testing.T, addr string, most int, policy auth.ConnectionPolicy) limitNode {
	t.Helper()
	n := limitNode{client: dialRedis(t, addr)}
	var err error
	n.ConnectionLimit, err = auth.NewQuickLimit(auth.ConnectionLimitOptions{Max: most, Policy: policy, Client: n.client, Prefix: "t"})
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

// startLimits returns the limits of n nodes that count together.
func startLimits(t *testing.T, server *redistest.Server, n, most int, policy auth.ConnectionPolicy) []limitNode {
	t.Helper()
	nodes := make([]limitNode, n)
	for i := range nodes {
		nodes[i] = startLimit(t, server.Addr, most, policy)
	}
	for _, node := range nodes {
		await(t, "redis knows the node", func() bool { return node.Ready() == nil })
	}
	if policy == auth.PolicyCloseOldest {
		client := dialRedis(t, server.Addr)
		await(t, "the nodes listen", func() bool {
			return client.PubSubNumSub(t.Context(), auth.ReplacedChannel).Val()[auth.ReplacedChannel] == int64(n)
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
func tryAdmit(l *auth.ConnectionLimit, subject, conn string) (*connection, error) {
	c := &connection{}
	var err error
	c.release, err = auth.AdmitConnection(context.Background(), l, subject, conn, func() { c.replaced.Add(1) })
	return c, err
}

// admit has a connection that must come in.
func admit(t *testing.T, l *auth.ConnectionLimit, subject, conn string) *connection {
	t.Helper()
	c, err := tryAdmit(l, subject, conn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// turnAway has a connection that must not come in.
func turnAway(t *testing.T, l *auth.ConnectionLimit, subject, conn string) {
	t.Helper()
	if _, err := tryAdmit(l, subject, conn); !errors.Is(err, auth.ErrTooManyConnections) {
		t.Fatalf("one too many: %v", err)
	}
}

func newLimit(t *testing.T, opts auth.ConnectionLimitOptions) *auth.ConnectionLimit {
	t.Helper()
	l, err := auth.NewConnectionLimit(opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestConnectionLimitOptions(t *testing.T) {
	for name, opts := range map[string]auth.ConnectionLimitOptions{
		"no limit":         {},
		"a negative limit": {Max: -1},
		"a strange policy": {Max: 1, Policy: "close-newest"},
	} {
		if _, err := auth.NewConnectionLimit(opts); !errors.Is(err, token.ErrBadOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var none *auth.ConnectionLimit
	for range 3 {
		admit(t, none, "a", "1").release()
	}
	if none.Ready() != nil || none.Close(context.Background()) != nil || none.Stats() != nil {
		t.Error("nil is not nothing")
	}
}

func TestConnectionLimitAlone(t *testing.T) {
	t.Run("refuse", func(t *testing.T) {
		l := newLimit(t, auth.ConnectionLimitOptions{Max: 2})
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
		l := newLimit(t, auth.ConnectionLimitOptions{Max: 2, Policy: auth.PolicyCloseOldest})
		first, namespace := admit(t, l, "a", "1"), admit(t, l, "a", "1")
		second := admit(t, l, "a", "2")
		third := admit(t, l, "a", "3")
		if first.replaced.Load() != 1 || namespace.replaced.Load() != 1 || second.replaced.Load() != 0 || third.replaced.Load() != 0 {
			t.Error("another one than the oldest was closed")
		}
		first.release()
		namespace.release()
		if n := auth.Connections(l, "a"); n != 2 {
			t.Errorf("%d connections count", n)
		}
		second.release()
		third.release()
		if n := auth.Connections(l, "a"); n != 0 {
			t.Errorf("%d connections count", n)
		}
	})
	t.Run("a context that has ended", func(t *testing.T) {
		l := newLimit(t, auth.ConnectionLimitOptions{Max: 1})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if release, err := auth.AdmitConnection(ctx, l, "a", "1", func() {}); err == nil {
			release()
		}
		admit(t, l, "a", "2")
	})
}

func TestConnectionLimitRefuses(t *testing.T) {
	nodes := startLimits(t, redistest.Start(t, redistest.Options{}), 3, 3, auth.PolicyRefuse)
	in := make([]*connection, len(nodes))
	for i, node := range nodes {
		in[i] = admit(t, node.ConnectionLimit, "a", fmt.Sprint("conn", i))
	}
	for i, node := range nodes {
		turnAway(t, node.ConnectionLimit, "a", fmt.Sprint("more", i))
	}
	admit(t, nodes[0].ConnectionLimit, "b", "x")
	namespace := admit(t, nodes[1].ConnectionLimit, "a", "conn1")
	in[1].release()
	turnAway(t, nodes[0].ConnectionLimit, "a", "more")
	namespace.release()
	await(t, "the place is free on another node", func() bool {
		_, err := tryAdmit(nodes[2].ConnectionLimit, "a", "next")
		return err == nil
	})
	turnAway(t, nodes[0].ConnectionLimit, "a", "more")
}

func TestConnectionLimitClosesOldest(t *testing.T) {
	nodes := startLimits(t, redistest.Start(t, redistest.Options{}), 3, 2, auth.PolicyCloseOldest)
	in := make([]*connection, 0, 9)
	other := admit(t, nodes[0].ConnectionLimit, "b", "one")
	for i := range cap(in) {
		c := admit(t, nodes[i%3].ConnectionLimit, "a", fmt.Sprint(i))
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
	nodes := startLimits(t, server, 2, 2, auth.PolicyRefuse)
	admit(t, nodes[0].ConnectionLimit, "a", "1")
	admit(t, nodes[0].ConnectionLimit, "a", "2")
	turnAway(t, nodes[1].ConnectionLimit, "a", "3")
	_ = nodes[0].client.Close() // it cannot say goodbye
	await(t, "its connections count no more", func() bool {
		_, err := tryAdmit(nodes[1].ConnectionLimit, "a", "3")
		return err == nil
	})
}

func TestConnectionLimitGoodbye(t *testing.T) {
	nodes := startLimits(t, redistest.Start(t, redistest.Options{}), 2, 1, auth.PolicyRefuse)
	c := admit(t, nodes[0].ConnectionLimit, "a", "1")
	turnAway(t, nodes[1].ConnectionLimit, "a", "2")
	if err := nodes[0].Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	admit(t, nodes[1].ConnectionLimit, "a", "2") // at once
	c.release()
	admit(t, nodes[0].ConnectionLimit, "a", "3") // a node that has ended counts for itself
	turnAway(t, nodes[0].ConnectionLimit, "a", "4")
}

func TestConnectionLimitWithoutRedis(t *testing.T) {
	for _, policy := range []auth.ConnectionPolicy{auth.PolicyRefuse, auth.PolicyCloseOldest} {
		t.Run(string(policy), func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			nodes := startLimits(t, server, 2, 2, policy)
			a, b := nodes[0].ConnectionLimit, nodes[1].ConnectionLimit
			oldest := admit(t, a, "s", "1")
			gone := admit(t, a, "s", "2")

			server.Stop()
			gone.release() // which Redis does not hear
			await(t, "the nodes notice", func() bool {
				return errors.Is(a.Ready(), auth.ErrLimitUnavailable) && errors.Is(b.Ready(), auth.ErrLimitUnavailable)
			})
			admit(t, b, "s", "3")
			during := admit(t, b, "s", "4") // more than allowed over both, not more than allowed on either

			server.Restart()
			await(t, "redis knows all again", func() bool {
				return a.Ready() == nil && b.Ready() == nil
			})
			if policy == auth.PolicyRefuse {
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
			await(t, "the limit holds", func() bool { return auth.Connections(a, "s")+auth.Connections(b, "s") == 2 })
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
	nodes := startLimits(t, server, 2, 2, auth.PolicyRefuse)
	a, b := nodes[0].ConnectionLimit, nodes[1].ConnectionLimit
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
	nodes := startLimits(t, server, 1, 1, auth.PolicyCloseOldest)
	relay := startRelay(t, server.Addr)
	deaf := startLimit(t, relay.addr, 1, auth.PolicyCloseOldest)
	await(t, "redis knows the node", func() bool { return deaf.Ready() == nil })
	old := admit(t, deaf.ConnectionLimit, "s", "1")
	relay.cut()
	admit(t, nodes[0].ConnectionLimit, "s", "2")
	if old.replaced.Load() != 0 {
		t.Error("a node that is cut off heard something")
	}
	relay.mend()
	await(t, "the oldest is closed", func() bool { return old.replaced.Load() == 1 })
	if auth.Connections(nodes[0].ConnectionLimit, "s") != 1 {
		t.Error("the newest was closed")
	}
}

func TestHostileReplacements(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	node := startLimits(t, server, 1, 1, auth.PolicyCloseOldest)[0]
	c := admit(t, node.ConnectionLimit, "s", "1")
	client := dialRedis(t, server.Addr)
	texts := []string{"", "/", "x", "/1", "x/", "x/-1", "x/99999999999999999999", "x/1/2"}
	for _, text := range append(texts, "other/1") {
		if err := client.Publish(t.Context(), auth.ReplacedChannel, text).Err(); err != nil {
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
	for _, policy := range []auth.ConnectionPolicy{auth.PolicyRefuse, auth.PolicyCloseOldest} {
		t.Run(string(policy), func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			nodes := startLimits(t, server, 3, most, policy)
			var in [subjects]atomic.Int64
			var wg sync.WaitGroup
			for worker := range 24 {
				wg.Go(func() {
					for i := range 60 {
						s := rand.N(subjects)
						c, err := tryAdmit(nodes[rand.N(len(nodes))].ConnectionLimit, fmt.Sprint(s), fmt.Sprint(worker, "-", i))
						if errors.Is(err, auth.ErrTooManyConnections) || errors.Is(err, auth.ErrConnectionReplaced) {
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						if n := in[s].Add(1); policy == auth.PolicyRefuse && n > most {
							t.Errorf("%d connections at a time", n)
						}
						in[s].Add(-1)
						c.release()
					}
				})
			}
			wg.Wait()
			client := dialRedis(t, server.Addr)
			for s := range subjects {
				await(t, "redis forgets all", func() bool {
					return client.ZCard(t.Context(), auth.ConnectionsKey+fmt.Sprint(s)).Val() == 0
				})
				for _, node := range nodes {
					if n := auth.Connections(node.ConnectionLimit, fmt.Sprint(s)); n != 0 {
						t.Errorf("%d connections are left", n)
					}
				}
			}
			for range 30 { // and now they stay
				_, _ = tryAdmit(nodes[rand.N(len(nodes))].ConnectionLimit, "0", fmt.Sprint(rand.Uint64()))
			}
			await(t, "as many stay as may", func() bool {
				n := 0
				for _, node := range nodes {
					n += auth.Connections(node.ConnectionLimit, "0")
				}
				return n == most
			})
		})
	}
}
