package node_test

import (
	"regexp"
	"strconv"
	"testing"
)

// TestGoroutinesByOwner: each socket has one goroutine of the library, and it goes with the socket.
func TestGoroutinesByOwner(t *testing.T) {
	cfg := valid()
	cfg.Admin.Listen = freeAddr(t)
	n := run(t, cfg)
	owned := func(owner string) int {
		_, metrics := get(t, "http://"+cfg.Admin.Listen+"/metrics")
		found := regexp.MustCompile(`chorus_goroutines\{owner="` + owner + `"\} (\d+)`).FindStringSubmatch(metrics)
		if found == nil {
			return 0
		}
		count, _ := strconv.Atoi(found[1])
		return count
	}
	if owned("http") == 0 {
		t.Fatal("nobody owns a goroutine")
	}
	before := owned("library")
	const sockets = 20
	clients := make([]*rawClient, sockets)
	for i := range clients {
		clients[i] = join(t, n.addr, token(t))
	}
	if got := owned("library") - before; got < sockets {
		t.Errorf("%d goroutines more for %d sockets", got, sockets)
	}
	for _, client := range clients {
		_ = client.ws.Close()
	}
	eventually(t, "they are gone", func() bool { return owned("library") <= before })
}
