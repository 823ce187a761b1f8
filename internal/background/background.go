// Package background runs goroutines that one owner ends.
package background

import (
	"context"
	"sync"
)

// Group is goroutines that end together.
type Group struct {
	cancel context.CancelFunc
	ended  <-chan struct{} // closed when all have ended
}

// Start runs each function in a goroutine until Close.
func Start(run ...func(ctx context.Context)) *Group {
	ctx, cancel := context.WithCancel(context.Background())
	b := &Group{cancel: cancel}
	var wg sync.WaitGroup
	for _, fn := range run {
		wg.Go(func() { fn(ctx) }) // ends with Close
	}
	b.ended = ended(&wg)
	return b
}

// Wait returns when the goroutines of a group that starts no more have ended, or with the error of ctx when that ends
// before.
func Wait(ctx context.Context, wg *sync.WaitGroup) error {
	select {
	case <-ended(wg):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ended returns a channel that is closed when the goroutines of wg have ended.
func ended(wg *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() { // ends after all of them
		wg.Wait()
		close(done)
	}()
	return done
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
