package node_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"chorus/chat"
	"chorus/internal/redistest"
	"chorus/node"
)

// ready waits until the nodes are, or until they are not.
func (n *running) ready(t *testing.T, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("/readyz says %d", want), func() bool {
		status, _ := get(t, "http://"+n.addr+"/readyz")
		return status == want
	})
}

// metric returns the line of a metric.
func metric(t *testing.T, cfg node.Config, name string) string {
	t.Helper()
	_, body := get(t, "http://"+cfg.Admin.Listen+"/metrics")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("there is no metric %s", name)
	return ""
}

// TestWhatWaitsForRedis: while Redis is away clients of one node hear each other, who asks for an acknowledgement is
// refused, and of the rest the newest wait, as many as there is room for. They reach a node that comes back later
// than the one that has them.
func TestWhatWaitsForRedis(t *testing.T) {
	for _, name := range []string{node.AdapterPubSub, node.AdapterSharded, node.AdapterStreams} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			permitLate := func() { server.MustDo("acl", "setuser", "late", "on", ">hunter2", "~*", "&*", "+@all") }
			permitLate()
			cfg := on("redis://" + server.Addr)
			cfg.Cluster.Adapter, cfg.Cluster.MaxPending, cfg.Admin.Listen = name, 5, freeAddr(t)
			late := on("redis://late:hunter2@" + server.Addr)
			late.Cluster.Adapter = name
			a, b := run(t, cfg), run(t, late)
			alice, carol, bob := join(t, a.addr, token(t)), join(t, a.addr, token(t)), join(t, b.addr, token(t))

			server.Stop()
			a.ready(t, 503)
			b.ready(t, 503)
			for n := range 8 {
				alice.send(fmt.Sprintf(`42["message",%d]`, n))
			}
			wantRefusal(t, alice.ask(`["message","asked"]`), chat.CodeClusterUnavailable)
			for _, want := range []string{"0", "1", "2", "3", "4", "5", "6", "7", `"asked"`} {
				if got := carol.await(`42["message"`); got != `42["message",`+want+`]` {
					t.Errorf("a client of the same node heard %s, want %s", got, want)
				}
			}
			if dropped, pending := metric(t, cfg, "chorus_redis_dropped_total"), metric(t, cfg, "chorus_redis_pending"); dropped != "3" || pending != "5" {
				t.Errorf("%s were dropped and %s wait, want 3 and 5", dropped, pending)
			}

			server.Restart() // which does not know the other node's user any more
			eventually(t, "one node is back, and waits for the other at most", func() bool {
				status, body := get(t, "http://"+a.addr+"/readyz")
				return status == 200 || strings.Contains(body, "the other servers")
			})
			permitLate()
			a.ready(t, 200)
			b.ready(t, 200)
			if got := alice.ask(`["message","after"]`); got != accepted {
				t.Errorf("acknowledged with %s", got)
			}
			for _, want := range []string{"3", "4", "5", "6", "7", `"after"`} {
				if got := bob.await(`42["message"`); got != `42["message",`+want+`]` {
					t.Errorf("a client of the other node heard %s, want %s", got, want)
				}
			}
		})
	}
}

// journal is a log that a test reads while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// TestCutOffByRedis: Redis ends the connection of a node that it takes for too slow, as one message more than it may
// have waiting for it makes it do. The node counts and logs that, and is back.
func TestCutOffByRedis(t *testing.T) {
	for _, name := range []string{node.AdapterPubSub, node.AdapterSharded} { // a node that reads streams is no subscriber
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			cfg := on("redis://" + server.Addr)
			cfg.Cluster.Adapter, cfg.Admin.Listen = name, freeAddr(t)
			var log journal
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			n := run(t, cfg)
			alice := join(t, n.addr, token(t))
			e, closeEmitter, err := node.OpenEmitter(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer closeEmitter() //nolint:errcheck // only the test depends on it
			server.MustDo("config", "set", "client-output-buffer-limit", "pubsub 65536 0 0")
			if err := e.Emit(t.Context(), "message", strings.Repeat("x", 1<<20)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a gap is counted", func() bool { return metric(t, cfg, "chorus_redis_gaps_total") == "1" })
			if n := metric(t, cfg, "chorus_redis_disconnects_total"); n != "1" {
				t.Errorf("%s losses are counted", n)
			}
			if !strings.Contains(log.String(), "no connection to redis") {
				t.Errorf("logged %s", log.String())
			}
			n.ready(t, 200)
			if err := e.Emit(t.Context(), "message", "small"); err != nil {
				t.Fatal(err)
			}
			if got := alice.await(`42["message"`); got != `42["message","small"]` {
				t.Errorf("heard %.50s", got)
			}
		})
	}
}
