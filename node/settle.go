package node

import (
	"context"
	"runtime/debug"
	"time"
)

// A node that thousands of clients have come to and that is then idle keeps the garbage of their
// handshakes, more than the clients themselves take: an idle program collects every two minutes
// only, shrinks stacks by half each time, and is slow to give memory back.
const (
	settleInterval = 5 * time.Second
	settleRounds   = 3   // collections until stacks are small
	settleChange   = 100 // connections that are worth it
)

// settle collects garbage when connections have come or gone and the node is idle, until ctx ends.
// A busy node collects by itself, and is left alone.
func (n *Node) settle(ctx context.Context) {
	ticker := time.NewTicker(settleInterval)
	defer ticker.Stop()
	var settled, rounds int
	collections := gcCount()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if connections := int(n.engine.ClientsCount()); abs(connections-settled) >= settleChange { //nolint:gosec // a count fits
			settled, rounds = connections, settleRounds
		}
		if rounds > 0 && gcCount() == collections {
			rounds--
			debug.FreeOSMemory()
		}
		collections = gcCount()
	}
}

// gcCount returns how often garbage was collected.
func gcCount() int64 {
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	return stats.NumGC
}

func abs(n int) int { return max(n, -n) }
