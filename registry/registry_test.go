package registry_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"chorus/internal/redistest"
	"chorus/registry"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// nodeVariable makes the test program a node of the Redis at that address.
const nodeVariable = "REGISTRY_TEST_NODE"

func TestMain(m *testing.M) {
	if addr := os.Getenv(nodeVariable); addr != "" {
		r := registry.New(registry.Options{Client: redis.NewClient(&redis.Options{Addr: addr})})
		for r.Health() != nil {
			time.Sleep(time.Millisecond)
		}
		fmt.Println(r.ID())
		select {} // until it is killed
	}
	goleak.VerifyTestMain(m)
}

// quick are the times of tests: a lease lives long enough for a machine under load.
func quick(client redis.UniversalClient) registry.Options {
	return registry.Options{Client: client, Term: 2 * time.Second, Renewal: 50 * time.Millisecond, Prefix: "test"}
}

// start returns a registry that holds its lease.
func start(t *testing.T, opts registry.Options) *registry.Registry {
	t.Helper()
	r := registry.New(opts)
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	redistest.Eventually(t, "the lease is held", func() bool { return r.Health() == nil })
	return r
}

func ids(r *registry.Registry) (ids []string) {
	for _, n := range r.Nodes() {
		ids = append(ids, n.ID)
	}
	return ids
}

func sees(r *registry.Registry, nodes ...string) func() bool {
	slices.Sort(nodes)
	return func() bool { return slices.Equal(ids(r), nodes) }
}

// changes collects what a registry tells.
type changes struct {
	mu         sync.Mutex
	came, left []string
	self       int
}

func watch(r *registry.Registry) *changes {
	c := &changes{}
	r.Watch(func(change registry.Change) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, n := range change.Came {
			c.came = append(c.came, n.ID)
		}
		for _, n := range change.Left {
			c.left = append(c.left, n.ID)
		}
		if change.Self {
			c.self++
		}
	})
	return c
}

func (c *changes) get() (came, left []string, self int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.came), slices.Clone(c.left), c.self
}

func client(t *testing.T, server *redistest.Server) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1, DialTimeout: time.Second})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAlone(t *testing.T) {
	t.Parallel()
	r := start(t, registry.Options{Version: "1.2.3", Status: func() registry.Status { return registry.Status{Connections: 7} }})
	r.SetAddress("127.0.0.1:3000")
	nodes := r.Nodes()
	if len(nodes) != 1 || nodes[0].ID != r.ID() || nodes[0].Version != "1.2.3" || nodes[0].Address != "127.0.0.1:3000" || nodes[0].Connections != 7 {
		t.Errorf("nodes: %+v", nodes)
	}
	if !r.Alive(r.Self().Lease) || r.Alive("other") {
		t.Error("only the own lease is alive")
	}
}

// Every kind of Redis: nodes see each other, with what they say of themselves, and see who ends.
func TestComeAndGo(t *testing.T) {
	t.Parallel()
	mini := miniredis.RunT(t)
	cluster := redistest.StartCluster(t)
	sentinels := redistest.StartSentinels(t, "")
	for name, connect := range map[string]func() redis.UniversalClient{
		"miniredis": func() redis.UniversalClient { return redis.NewClient(&redis.Options{Addr: mini.Addr()}) },
		"cluster": func() redis.UniversalClient {
			return redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs()})
		},
		"sentinels": func() redis.UniversalClient {
			return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: redistest.MasterName, SentinelAddrs: sentinels.Addrs})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := connect(), connect()
			t.Cleanup(func() { _, _ = one.Close(), two.Close() })
			a := start(t, quick(one))
			seen := watch(a)
			opts := quick(two)
			opts.Version = "2.0"
			opts.Status = func() registry.Status { return registry.Status{Connections: 42, Ready: true} }
			b := start(t, opts)
			b.SetAddress("10.0.0.2:3000")
			redistest.Eventually(t, "a sees all of b", func() bool {
				nodes := a.Nodes()
				i := slices.IndexFunc(nodes, func(n registry.Node) bool { return n.ID == b.ID() })
				return len(nodes) == 2 && i >= 0 && nodes[i].Version == "2.0" && nodes[i].Address == "10.0.0.2:3000" &&
					nodes[i].Connections == 42 && nodes[i].Ready && !nodes[i].Started.IsZero() && a.Alive(nodes[i].Lease)
			})
			redistest.Eventually(t, "b sees a", sees(b, a.ID(), b.ID()))
			if err := b.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			redistest.Eventually(t, "b has left", sees(a, a.ID()))
			if came, left, _ := seen.get(); !slices.Equal(came, []string{b.ID()}) || !slices.Equal(left, []string{b.ID()}) {
				t.Errorf("came %v, left %v, want %s in both", came, left, b.ID())
			}
		})
	}
}

// A node that was killed, with the times of production.
func TestKilled(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	a := start(t, registry.Options{Client: client(t, server)})
	seen := watch(a)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), nodeVariable+"="+server.Addr)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the other node does not start")
	}
	other := lines.Text()
	redistest.Eventually(t, "a sees the other node", sees(a, a.ID(), other))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	killed := time.Now()
	redistest.Eventually(t, "the other node is gone", sees(a, a.ID()))
	if took := time.Since(killed); took > 10*time.Second {
		t.Errorf("gone after %s, want less than 10 s", took)
	}
	if _, left, _ := seen.get(); !slices.Equal(left, []string{other}) {
		t.Errorf("left: %v, want %s once", left, other)
	}
}

// Redis loses its data, hangs for longer than a lease lives, or restarts: no living node counts as dead.
func TestOutage(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]func(s *redistest.Server, a, b *registry.Registry){
		"flushed":         func(s *redistest.Server, _, _ *registry.Registry) { s.MustDo("flushall") },
		"scripts flushed": func(s *redistest.Server, _, _ *registry.Registry) { s.MustDo("script", "flush") },
		"restarted": func(s *redistest.Server, a, b *registry.Registry) {
			s.Stop()
			redistest.Eventually(t, "both notice", func() bool { return a.Health() != nil && b.Health() != nil })
			s.Restart()
		},
		"hanging": func(s *redistest.Server, a, b *registry.Registry) {
			s.Pause()
			redistest.Eventually(t, "both notice", func() bool { return a.Health() != nil && b.Health() != nil })
			paused := time.Now()
			redistest.Eventually(t, "leases end", func() bool { return time.Since(paused) > 3*time.Second })
			s.Resume()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			a, b := start(t, quick(client(t, server))), start(t, quick(client(t, server)))
			redistest.Eventually(t, "a sees b", sees(a, a.ID(), b.ID()))
			redistest.Eventually(t, "b sees a", sees(b, a.ID(), b.ID()))
			var lone sync.Map
			for _, r := range []*registry.Registry{a, b} {
				r.Watch(func(registry.Change) {
					if n := len(r.Nodes()); n != 2 {
						lone.Store(r.ID(), n)
					}
				})
			}
			outage(server, a, b)
			redistest.Eventually(t, "both are well", func() bool {
				return a.Health() == nil && b.Health() == nil && sees(a, a.ID(), b.ID())() && sees(b, a.ID(), b.ID())()
			})
			redistest.Eventually(t, "Redis has the leases that both have", func() bool {
				leases := server.MustDo("eval", "return table.concat(redis.call('ZRANGE', KEYS[1], 0, -1), ' ')", "1", "{test-nodes}:leases")
				x, y := a.Self().Lease, b.Self().Lease
				return (leases == x+" "+y || leases == y+" "+x) && a.Alive(y) && b.Alive(x)
			})
			lone.Range(func(id, n any) bool {
				t.Errorf("node %v saw %v nodes", id, n)
				return true
			})
		})
	}
}

// A node that hung for longer than its lease lives comes back with another lease, is told so, and keeps its id.
func TestLostLease(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	a, b := start(t, quick(client(t, server))), start(t, quick(client(t, server)))
	redistest.Eventually(t, "a sees b", sees(a, a.ID(), b.ID()))
	seen, old := watch(b), b.Self().Lease
	atA := watch(a)
	client(t, server).ZRem(t.Context(), "{test-nodes}:leases", old) // as any node does with a lease that has ended
	redistest.Eventually(t, "b takes another lease", func() bool { return b.Self().Lease != old && b.Health() == nil })
	redistest.Eventually(t, "a sees it", func() bool { return a.Alive(b.Self().Lease) && !a.Alive(old) })
	redistest.Eventually(t, "b is told", func() bool { _, _, self := seen.get(); return self == 1 })
	if came, left, _ := atA.get(); !slices.Contains(came, b.ID()) || !slices.Contains(left, b.ID()) || a.Nodes()[0].ID == a.Nodes()[1].ID {
		t.Errorf("a was told: came %v, left %v; it sees %v", came, left, ids(a))
	}
	if n := b.Stats().Lost.Load(); n != 1 {
		t.Errorf("%d leases lost, want 1", n)
	}
}

// A node whose clock is off, and one of a later version: its entry has an odd time and unknown members.
func TestOddNode(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	a := start(t, quick(client(t, server)))
	c, future := client(t, server), float64(time.Now().Add(time.Hour).UnixMicro())
	if err := errors.Join(
		c.HSet(t.Context(), "{test-nodes}:nodes", "odd", `{"id":"odd","started":"1970-01-01T00:00:00Z","later":[1]}`, "bad", `{`).Err(),
		c.ZAdd(t.Context(), "{test-nodes}:leases", redis.Z{Score: future, Member: "odd"}, redis.Z{Score: future, Member: "bad"}).Err(),
	); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "a sees it", sees(a, a.ID(), "odd"))
}

// Nodes of another prefix do not exist.
func TestPrefix(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	a := start(t, quick(client(t, server)))
	opts := quick(client(t, server))
	opts.Prefix = "other"
	b, c := start(t, opts), start(t, quick(client(t, server)))
	redistest.Eventually(t, "a sees c", sees(a, a.ID(), c.ID()))
	redistest.Eventually(t, "b sees itself", sees(b, b.ID()))
}

func TestCloseWithoutRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	r := start(t, quick(client(t, server)))
	server.Stop()
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
