// Package background runs goroutines that one owner ends.
package background

import (
	"context"
	"sync"
)

// Group is goroutines that end together.
type Group struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed when all have ended
}

// Start runs each function in a goroutine until Close.
func Start(run ...func(ctx context.Context)) *Group {
	ctx, cancel := context.WithCancel(context.Background())
	b := &Group{cancel: cancel, ended: make(chan struct{})}
	var wg sync.WaitGroup
	for _, fn := range run {
		wg.Go(func() { fn(ctx) }) // ends with Close
	}
	go func() { // ends after all of them
		wg.Wait()
		close(b.ended)
	}()
	return b
}

// Close ends the goroutines and returns when they have ended, or with the error of ctx when that ends before. It
// is idempotent.
func (b *Group) Close(ctx context.Context) error {
	b.cancel()
	select {
	case <-b.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
