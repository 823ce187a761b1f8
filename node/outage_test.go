package node_test

import (
	"fmt"
	"strings"
	"testing"

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
			wantRefusal(t, alice.ask(`["message","asked"]`), node.CodeClusterUnavailable)
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
