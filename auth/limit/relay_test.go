package limit_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay stands between a node and Redis, so that a test can cut off one node.
type relay struct {
	addr   string
	target string

	mu    sync.Mutex
	off   bool
	conns map[net.Conn]struct{}
}

func startRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: listener.Addr().String(), target: target, conns: make(map[net.Conn]struct{})}
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
		r.cut()
		wg.Wait()
	})
	return r
}

func (r *relay) carry(conn net.Conn) {
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

func (r *relay) add(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.off {
		r.conns[conn] = struct{}{}
	}
	return !r.off
}

// cut ends all connections and lets none through.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = true
	for conn := range r.conns {
		_ = conn.Close()
	}
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = false
}
