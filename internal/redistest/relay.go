package redistest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Relay stands between a node and Redis, so that a test can cut off one node.
type Relay struct {
	Addr   string // for the clients of the node
	target string

	mu    sync.Mutex
	off   bool
	conns map[net.Conn]struct{}
}

// StartRelay carries connections to target until the test ends.
func StartRelay(t testing.TB, target string) *Relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Addr: listener.Addr().String(), target: target, conns: make(map[net.Conn]struct{})}
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.carry(conn) }) // ends with the connection
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		r.Cut()
		wg.Wait()
	})
	return r
}

func (r *Relay) carry(conn net.Conn) {
	defer conn.Close()
	up, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer up.Close()
	if !r.add(conn) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { // ends with either connection
		_, _ = io.Copy(up, conn)
		_ = up.Close()
	})
	_, _ = io.Copy(conn, up)
	_ = conn.Close()
	wg.Wait()
	r.mu.Lock()
	delete(r.conns, conn)
	r.mu.Unlock()
}

func (r *Relay) add(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.off {
		r.conns[conn] = struct{}{}
	}
	return !r.off
}

// Cut ends all connections and lets none through.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = true
	for conn := range r.conns {
		_ = conn.Close()
	}
}

// Mend lets new connections through.
func (r *Relay) Mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = false
}
