package redisconn

import (
	"context"
	"math/rand/v2"
	"time"
)

// Waiting times between attempts to reach Redis. The longest is short because an attempt is
// cheap, and a cluster that is split for a second more than needed is not.
const (
	MinBackoff = 50 * time.Millisecond
	MaxBackoff = 500 * time.Millisecond
)

// Backoff waits longer after each failure. Half of each wait is random, so that the nodes of a
// cluster do not come back to Redis in step. The zero value is ready for use, by one goroutine.
type Backoff struct{ next time.Duration }

// Wait returns after the waiting time, or when ctx ends.
func (b *Backoff) Wait(ctx context.Context) {
	b.next = min(max(2*b.next, MinBackoff), MaxBackoff)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Reset is called after a success.
func (b *Backoff) Reset() { b.next = 0 }
