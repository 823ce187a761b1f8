// Package heap looks after the memory of the process of a node.
package heap

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// How a node that runs looks after the memory of its process.
const (
	memoryInterval = 5 * time.Second
	settleRounds   = 3        // collections until stacks are small
	settleChange   = 100      // connections that are worth it
	settleGrowth   = 16 << 20 // bytes that are worth it

	maxGCPercent = 400
	minGCPercent = 100 // the runtime's own default
)

// Tend looks after memory until ctx ends.
//
// A node that thousands of clients have come to and that is then idle keeps the garbage of their
// handshakes, more than the clients themselves take: an idle program collects every two minutes
// only, shrinks stacks by half each time, and is slow to give memory back. So garbage is collected
// when connections have come or gone, or the process has grown, and the node is idle; a busy one collects
// by itself. Clients that have come and gone between two looks are seen by what they leave.
//
// And a node with few clients has so small a heap that it would collect several times a second: see
// Config.MinHeap.
//
// connections counts the clients.
func Tend(ctx context.Context, minHeap int64, connections func() uint64) {
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	var settled, rounds int
	held, collections := heldMemory(), tuneGC(minHeap)
	collected := afterCollections(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-collected: // a heap that grows fast would go on with what suited a small one
			tuneGC(minHeap)
			continue
		case <-ticker.C:
		}
		if now := int(connections()); abs(now-settled) >= settleChange { //nolint:gosec // a count fits
			settled, rounds = now, settleRounds
		}
		if heldMemory() > held+settleGrowth {
			rounds = settleRounds
		}
		now := tuneGC(minHeap)
		if idle := now == collections; idle && rounds > 0 {
			rounds--
			debug.FreeOSMemory()
			held, now = heldMemory(), tuneGC(minHeap)
		}
		collections = now
	}
}

// afterCollections tells of each garbage collection until ctx ends.
func afterCollections(ctx context.Context) <-chan struct{} {
	collected := make(chan struct{}, 1)
	var await func(struct{})
	await = func(struct{}) {
		if ctx.Err() != nil {
			return
		}
		runtime.AddCleanup(new(*byte), await, struct{}{}) // the next collection finds it
		select {
		case collected <- struct{}{}:
		default: // the last one is still to be looked at
		}
	}
	await(struct{}{})
	return collected
}

// tuneGC sets how much the heap may grow between two collections, unless GOGC says so, and returns
// how many there have been.
func tuneGC(minHeap int64) (collections uint64) {
	samples := []runtimemetrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(samples)
	live := max(samples[1].Value.Uint64(), 1)
	if minHeap > 0 && os.Getenv("GOGC") == "" {
		percent := 100 * uint64(minHeap) / live                                //nolint:gosec // it is positive
		debug.SetGCPercent(int(min(max(percent, minGCPercent), maxGCPercent))) //nolint:gosec // between the two
	}
	return samples[0].Value.Uint64()
}

// heldMemory returns how many bytes the runtime has from the system.
func heldMemory() uint64 {
	samples := []runtimemetrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	runtimemetrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}

func abs(n int) int { return max(n, -n) }
