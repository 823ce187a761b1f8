package engine

import (
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func BenchmarkDecodePayload(b *testing.B) {
	body := []byte(strings.Repeat("42[\"message\",\"a text of a usual length, that is\"]\x1e", 9) + "3")
	use := func(part) error { return nil }
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := decodePayload(body, 4, DefaultMaxBodyPackets, use); err != nil {
			b.Fatal(err)
		}
	}
}

// One operation is a batch of a hundred broadcasts to a thousand connections, one of which gets
// something of its own.
func BenchmarkTree(b *testing.B) {
	messages := make([]*Message, 100)
	for i := range messages {
		messages[i] = text("x")
	}
	own := text("own")
	var tr tree
	nodes := make([]*node, 1000)
	b.ReportAllocs()
	for b.Loop() {
		for i := range nodes {
			nodes[i] = &tr.root
		}
		nodes[7] = tr.next(nodes[7], own)
		for _, m := range messages {
			for i, n := range nodes {
				nodes[i] = tr.next(n, m)
			}
		}
		tr.reset()
	}
}

func BenchmarkReader(b *testing.B) {
	var stream []byte
	for range 100 {
		stream = append(stream, masked(0x81, "4"+strings.Repeat("x", 100))...)
	}
	chunk := make([]byte, len(stream))
	r := &reader{max: func() int64 { return DefaultMaxPayload }}
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		copy(chunk, stream) // it is unmasked where it lies
		if err := r.feed(chunk, nothing{}); err != nil {
			b.Fatal(err)
		}
	}
}

// nothing is a handler that does nothing.
type nothing struct{}

func (nothing) onMessage([]byte, bool) error      { return nil }
func (nothing) onControl(ws.OpCode, []byte) error { return nil }
