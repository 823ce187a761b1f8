package registry

import (
	"context"
	"time"
)

// freshFor is how long an answer of Redis counts as new for Sync, so that callers in a crowd share one.
const freshFor = 100 * time.Millisecond

// Sync returns when this node knows what Redis knew about the cluster a moment ago, or with the error of ctx.
// Without Redis it returns at once.
func (r *Registry) Sync(ctx context.Context) error {
	if r.opts.Client == nil {
		return nil
	}
	r.mu.Lock()
	wanted := r.begun + 1
	fresh := r.known && time.Since(r.asked) < freshFor
	r.mu.Unlock()
	if fresh {
		return nil
	}
	return r.await(ctx, wanted)
}

// Publish is Sync for a caller that has changed what this node says: it returns when Redis knows.
func (r *Registry) Publish(ctx context.Context) error {
	if r.opts.Client == nil {
		return nil
	}
	r.mu.Lock()
	wanted := r.begun + 1
	r.mu.Unlock()
	return r.await(ctx, wanted)
}

// await returns when the renewal with this number, or a later one, has ended.
func (r *Registry) await(ctx context.Context, wanted uint64) error {
	for {
		r.mu.Lock()
		done, failed, round := r.done >= wanted, r.over >= wanted, r.round
		r.mu.Unlock()
		switch {
		case done:
			return nil
		case failed:
			return ErrUnavailable
		}
		r.Refresh()
		select {
		case <-round:
		case <-r.ended:
			return ErrUnavailable
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// begin numbers a renewal.
func (r *Registry) begin() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
	r.asking = time.Now()
	return r.begun
}

// finish notes the end of a renewal; ok reports whether Redis answered.
func (r *Registry) finish(number uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = number
	if ok {
		r.done, r.asked = number, r.asking
	}
	close(r.round)
	r.round = make(chan struct{})
}
