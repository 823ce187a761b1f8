package adapter_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"chorus/adapter"
	"chorus/adapter/wire"
	"chorus/internal/redistest"
)

// pushFilter stands between a node and its Redis, and can keep back what Redis pushes to subscribers while
// everything else, PING included, goes on.
type pushFilter struct {
	addr string
	what string // a part of the answers that drop keeps back
	drop atomic.Bool
}

func startPushFilter(t *testing.T, server string) *pushFilter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &pushFilter{addr: listener.Addr().String(), what: "message\r\n"}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() { // ends with the listener
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			backend, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			mu.Lock()
			open = append(open, client, backend)
			mu.Unlock()
			wg.Go(func() { // these end when either side does
				_, _ = io.Copy(backend, client)
				_ = backend.Close()
			})
			wg.Go(func() {
				f.answers(client, backend)
				_ = client.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return f
}

// answers copies what Redis says, in the pieces in which it comes.
func (f *pushFilter) answers(client, backend net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := backend.Read(b)
		if err != nil {
			return
		}
		if f.drop.Load() && strings.Contains(string(b[:n]), f.what) {
			continue
		}
		if _, err := client.Write(b[:n]); err != nil {
			return
		}
	}
}

// TestPushesThatDoNotArrive: the connection is open and PING is answered, and the node finds out all the same.
func TestPushesThatDoNotArrive(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"", string(wire.Dynamic) + "@"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			filter := startPushFilter(t, server.Addr)
			a, b := startNode(t, format+filter.addr, settings{}), startNode(t, format+server.Addr, settings{})
			here := join(t, a, "r")
			b.Emit("before")
			here.until("before")
			filter.drop.Store(true)
			b.Emit("lost")
			eventually(t, "the node notices", func() bool {
				err := a.redis.Health()
				return errors.Is(err, adapter.ErrUnavailable) && strings.Contains(err.Error(), "does not come back")
			})
			if err := b.redis.Health(); err != nil {
				t.Errorf("the other node: %v", err)
			}
			eventually(t, "it gives the connection up, which is a gap", func() bool { return a.redis.Stats().Gaps >= 1 })
			filter.drop.Store(false)
			a.awaitHealth()
			b.Emit("after")
			here.until("after")
		})
	}
}

// TestNodeThatDoesNotKeepUp: what it has not handled is bounded, the rest is a gap that is counted and logged.
func TestNodeThatDoesNotKeepUp(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"", string(wire.Static) + "@"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Options{})
			log := &logbook{}
			a := startNode(t, format+server.Addr, settings{clusterOptions: clusterOptions{MaxUnhandled: 10, Logger: slog.New(log)}})
			b := startNode(t, format+server.Addr, settings{})
			here := join(t, a)
			busy, released := make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(released) })
			t.Cleanup(release)
			here.socket().OnAnyOutgoing(func(args ...any) {
				if len(args) > 0 && args[0] == "stall" {
					close(busy)
					<-released
				}
			})
			b.Emit("stall")
			receive(t, "the handler", busy)
			const sent = 25
			for i := range sent {
				b.Emit("x", i)
			}
			eventually(t, "the oldest are dropped", func() bool { return a.redis.Stats().Missed == sent-10 })
			if a.redis.Stats().Gaps != 1 || a.redis.Stats().Unhandled != 11 || log.count("does not keep up") != 1 {
				t.Errorf("%d gaps, %d wait, logged %q", a.redis.Stats().Gaps, a.redis.Stats().Unhandled, log.records)
			}
			if err := a.redis.Health(); err != nil {
				t.Errorf("a connection that is read is given up: %v", err)
			}
			release()
			eventually(t, "the rest is handled", func() bool { return a.redis.Stats().Unhandled == 0 })
			b.Emit("end")
			here.want(`2["stall"]`, `2["x",15]`, `2["x",16]`, `2["x",17]`, `2["x",18]`, `2["x",19]`, `2["x",20]`, `2["x",21]`, `2["x",22]`, `2["x",23]`, `2["x",24]`)
		})
	}
}
