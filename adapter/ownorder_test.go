package adapter_test

import (
	"strings"
	"testing"

	"chorus/adapter/session"
	"chorus/internal/redistest"
)

// TestLastWord: what a server says before it has sockets leave, or disconnects them, reaches them, in a
// total order as well.
func TestLastWord(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]settings{
		"pubsub":                {},
		"total order":           {clusterOptions: clusterOptions{TotalOrder: true}},
		"streams with recovery": {recovery: &session.Options{}},
	} {
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
