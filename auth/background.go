package auth

import (
	"context"
	"sync"
)

// background is goroutines that end together.
type background struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed when all have ended
}

// startBackground runs each function in a goroutine until close.
func startBackground(run ...func(ctx context.Context)) *background {
	ctx, cancel := context.WithCancel(context.Background())
	b := &background{cancel: cancel, ended: make(chan struct{})}
	var wg sync.WaitGroup
	for _, fn := range run {
		wg.Go(func() { fn(ctx) }) // ends with close
	}
	go func() { // ends after all of them
		wg.Wait()
		close(b.ended)
	}()
	return b
}

// close ends the goroutines and returns when they have ended, or with the error of ctx when that ends before. It
// is idempotent.
func (b *background) close(ctx context.Context) error {
	b.cancel()
	select {
	case <-b.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
