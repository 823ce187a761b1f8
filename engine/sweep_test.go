package engine

import (
	"os"
	"syscall"
	"testing"
)

// nullRaw is a descriptor that takes everything.
type nullRaw struct{ fd uintptr }

func (n nullRaw) Control(f func(uintptr)) error    { f(n.fd); return nil }
func (n nullRaw) Read(f func(uintptr) bool) error  { f(n.fd); return nil }
func (n nullRaw) Write(f func(uintptr) bool) error { f(n.fd); return nil }

type nullConn struct {
	sink
	raw nullRaw
}

func (n *nullConn) SyscallConn() (syscall.RawConn, error) { return n.raw, nil }

// One operation is a broadcast to a thousand connections that take everything: what the engine adds to the system calls.
// Count its instructions with valgrind --tool=cachegrind on a machine that is busy.
func BenchmarkSweep(b *testing.B) {
	null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	s := newShard(&Server{opts: Options{}.withDefaults()})
	s.busy = true
	list := make([]*Conn, 1000)
	for i := range list {
		list[i] = &Conn{shard: s, server: s.server}
		list[i].out.socket = &webSocket{}
		list[i].out.socket.Init(&nullConn{raw: nullRaw{null.Fd()}}, nil, nil)
	}
	defer null.Close() //nolint:errcheck // nothing is lost
	b.ReportAllocs()
	for b.Loop() {
		m := text("hello")
		s.sweep([]entry{{msg: m, lists: [][]*Conn{list}}})
	}
}
