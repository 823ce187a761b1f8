package frame

import (
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func BenchmarkReader(b *testing.B) {
	var stream []byte
	for range 100 {
		stream = append(stream, masked(0x81, "4"+strings.Repeat("x", 100))...)
	}
	chunk := make([]byte, len(stream))
	r := &Reader{}
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		copy(chunk, stream) // it is unmasked where it lies
		if err := r.Feed(chunk, nothing{}); err != nil {
			b.Fatal(err)
		}
	}
}

// nothing is a handler that does nothing.
type nothing struct{}

func (nothing) OnMessage([]byte, bool) error      { return nil }
func (nothing) OnControl(ws.OpCode, []byte) error { return nil }
func (nothing) MaxMessage() int64                 { return 1_000_000 }
