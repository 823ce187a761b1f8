package registry

import (
	"context"
	"time"
)

// syncInterval is the least time between two questions that Sync has for Redis, so that a crowd shares one.
const syncInterval = 50 * time.Millisecond

// Sync returns when this node knows what Redis knew about the cluster when Sync was called, or with an error.
// Without Redis it returns at once.
func (r *Registry) Sync(ctx context.Context) error {
	if r.opts.Client == nil {
		return nil
	}
	r.mu.Lock()
	wanted := r.begun + 1
	pause := time.Until(r.asking.Add(syncInterval))
	r.mu.Unlock()
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
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
		r.done = number
	}
	close(r.round)
	r.round = make(chan struct{})
}
