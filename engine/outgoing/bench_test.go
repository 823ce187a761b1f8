package outgoing

import (
	"testing"

	"chorus/engine/message"
)

// One operation is a batch of a hundred broadcasts to a thousand connections, one of which gets
// something of its own.
func BenchmarkTree(b *testing.B) {
	messages := make([]*message.Message, 100)
	for i := range messages {
		messages[i] = text("x")
	}
	own := text("own")
	var tr Tree
	nodes := make([]*Node, 1000)
	b.ReportAllocs()
	for b.Loop() {
		for i := range nodes {
			nodes[i] = &tr.Root
		}
		nodes[7] = tr.Next(nodes[7], own)
		for _, m := range messages {
			for i, n := range nodes {
				nodes[i] = tr.Next(n, m)
			}
		}
		tr.Reset()
	}
}
