package adapter_test

import (
	"testing"

	"chorus/adapter/wire"
	"chorus/internal/redistest"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestEventWhileAServerCloses: the answers are complete when all servers that are left have answered, before
// or after the other one closed.
func TestEventWhileAServerCloses(t *testing.T) {
	t.Parallel()
	for name, addrOf := range map[string]func(string) string{
		"pubsub":  func(addr string) string { return addr },
		"sharded": func(addr string) string { return shardedAddr(addr, wire.Dynamic) },
		"streams": streamsAddr,
	} {
		for _, early := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", answered before", false: ", answered after"}[early], func(t *testing.T) {
				t.Parallel()
				addr := addrOf(redistest.Start(t, redistest.Options{}).Addr)
				s := settings{clusterOptions: clusterOptions{RequestTimeout: 3 * short}}
				a, b, leaving := startNode(t, addr, s), startNode(t, addr, s), startNode(t, addr, s)
				asked := make(chan socket.Ack, 1)
				a.on(b.On("ask", func(args ...any) { asked <- args[0].(socket.Ack) }))
				heard := make(chan struct{})
				a.on(leaving.On("ask", func(...any) { close(heard) }))
				ack, answers := acks()
				if err := a.ServerSideEmit("ask", ack); err != nil {
					t.Fatal(err)
				}
				answer := receive(t, "the question", asked)
				receive(t, "the question", heard)
				if early {
					answer([]any{"b"}, nil)
				}
				if err := leaving.redis.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if !early {
					answer([]any{"b"}, nil)
				}
				if got := receive(t, "the answers", answers); got.err != nil || len(got.values) != 1 || got.values[0] != "b" {
					t.Errorf("got %+v", got)
				}
			})
		}
	}
}
