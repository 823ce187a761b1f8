package adapter

import (
	"context"
	"math/rand/v2"
	"time"
)

// Waiting times between attempts to reach Redis. The longest is short because an attempt is
// cheap, and a cluster that is split for a second more than needed is not.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 500 * time.Millisecond
)

// backoff waits longer after each failure. Half of each wait is random, so that the nodes of a
// cluster do not come back to Redis in step.
type backoff struct{ next time.Duration }

// wait returns after the waiting time, or when ctx ends.
func (b *backoff) wait(ctx context.Context) {
	b.next = min(max(2*b.next, minBackoff), maxBackoff)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// reset is called after a success.
func (b *backoff) reset() { b.next = 0 }
