package adapter_test

import (
	"errors"
	"strings"
	"testing"

	"chorus/adapter"
	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// TestStreamThatIsNotHeard: what is read of a stream does not arrive, while the rest of Redis answers. The node finds
// out, refuses messages whose outcome somebody wants, and delivers what it missed afterwards.
func TestStreamThatIsNotHeard(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	filter := startPushFilter(t, server.Addr)
	filter.what = "-probe#" // with that a read answers
	a, b := startNode(t, streamsAddr(filter.addr), settings{}), startNode(t, streamsAddr(server.Addr), settings{})
	here := join(t, a, "r")
	b.Emit("before")
	here.until("before")
	filter.drop.Store(true)
	eventually(t, "the node notices", func() bool { return errors.Is(a.redis.Health(), adapter.ErrUnavailable) })
	if err := b.redis.Health(); err != nil {
		t.Errorf("the other node: %v", err)
	}
	if err := receive(t, "the outcome", publishPacket(t, a, "asked", 1)); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("published: %v", err)
	}
	b.Emit("missed")
	filter.drop.Store(false)
	a.awaitHealth()
	here.until("missed")
}

// TestRefusedWrites: a Redis that does not write for a while makes a node not ready with the reason. What somebody asks
// about fails at once, the rest is published as soon as Redis writes again.
func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, code, on, off string }{
		{"no memory is left", "OOM", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"},
		{"replicas are missing", "NOREPLICAS", "CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"},
		{"it is a replica", "READONLY", "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"},
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			admin := redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
			t.Cleanup(func() { _ = admin.Close() })
			command := func(line string) {
				t.Helper()
				var args []any
				for word := range strings.FieldsSeq(line) {
					args = append(args, word)
				}
				if err := admin.Do(t.Context(), args...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			a, b := startNode(t, streamsAddr(server.Addr), settings{}), startNode(t, streamsAddr(server.Addr), settings{})
			there := join(t, b, "r")
			command(test.on)
			_ = a.To("r").Emit("x", 1) // the first that is refused
			eventually(t, "the node notices "+test.name, func() bool {
				err := a.redis.Health()
				return errors.Is(err, adapter.ErrUnavailable) && strings.Contains(err.Error(), test.code)
			})
			for i := 2; i <= 50; i++ {
				_ = a.To("r").Emit("x", i)
			}
			if err := receive(t, "the outcome", publishPacket(t, a, "asked", 1)); !errors.Is(err, adapter.ErrUnavailable) {
				t.Errorf("published: %v", err)
			}
			if n := a.redis.Stats().ProbeFailures; n == 0 {
				t.Error("no failure is counted")
			}
			command(test.off)
			a.awaitHealth()
			b.awaitHealth()
			_ = a.To("r").Emit("end")
			there.want(numbered(1, 50)...)
			if n := a.redis.Stats().Dropped; n != 0 {
				t.Errorf("%d are dropped", n)
			}
		})
	}
}
