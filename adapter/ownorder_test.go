package adapter_test

import (
	"strings"
	"testing"

	"chorus/adapter/session"
	"chorus/internal/redistest"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// orders are the ways in which a server keeps the order of its own operations.
var orders = map[string]settings{
	"pubsub":                {},
	"total order":           {clusterOptions: clusterOptions{TotalOrder: true}},
	"streams with recovery": {recovery: &session.Options{}},
}

// TestLastWord: what a server says before it has sockets leave, or disconnects them, reaches them, in a
// total order as well.
func TestLastWord(t *testing.T) {
	t.Parallel()
	for name, s := range orders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := redistest.Start(t, redistest.Options{}).Addr
			a, b := startNode(t, addr, s), startNode(t, addr, s)
			clients := []*client{join(t, a, "r"), join(t, a, "r"), join(t, b, "r")}
			for i, emit := range []func() error{
				func() error { defer a.In("r").SocketsLeave("r"); return a.To("r").Emit("left", 1) },
				func() error { defer a.DisconnectSockets(true); return a.Sockets().Emit("bye", 1) },
			} {
				if err := emit(); err != nil {
					t.Fatal(err)
				}
				for n, c := range clients {
					if got, want := c.next(), []string{"left", "bye"}[i]; !strings.Contains(got, want) {
						t.Errorf("client %d gets %s, want %q", n, got, want)
					}
				}
			}
		})
	}
}

// TestOneSocketByTheRoomOfItsID: what a server does to one socket by the room of its id comes behind what it said to all
// before, on the socket's own server and on others.
func TestOneSocketByTheRoomOfItsID(t *testing.T) {
	t.Parallel()
	for name, s := range orders {
		for where, other := range map[string]bool{"of its own server": false, "of another server": true} {
			t.Run(name+", a socket "+where, func(t *testing.T) {
				t.Parallel()
				addr := redistest.Start(t, redistest.Options{}).Addr
				a := startNode(t, addr, s)
				at := a
				if other {
					at = startNode(t, addr, s)
				}
				c := join(t, at, "r")
				self := socket.Room(c.id)
				for _, operation := range []func() error{
					func() error { return a.Sockets().Emit("news", 1) },
					func() error { return a.To(self).Emit("direct", 1) },
					func() error { return a.To("r").Emit("member", 1) },
					func() error { a.In(self).SocketsLeave("r"); return nil },
					func() error { return a.To("r").Emit("others", 1) },
					func() error { return a.To(self).Emit("last", 1) },
					func() error { a.In(self).DisconnectSockets(true); return nil },
				} {
					if err := operation(); err != nil {
						t.Fatal(err)
					}
				}
				for _, want := range []string{"news", "direct", "member", "last"} {
					if got := c.next(); !strings.Contains(got, want) {
						t.Errorf("it gets %s, want %q", got, want)
					}
				}
			})
		}
	}
}
