package redis

import (
	"chorus/adapter"

	"slices"
	"time"
)

// maxHold is how long push waits for room. Redis counts as away long before, when it does not answer.
const maxHold = 10 * time.Second

// deferred is a caller of push that waits until the queue has room for its publication.
type deferred struct {
	p        Publication
	admitted chan struct{} // closed when p has left the list
}

// fits reports whether the queue has room for a publication. One that is larger than the bound alone has room in an
// empty queue. o.mu is held.
func (o *publisher) fits(p *Publication) bool {
	n := len(o.queue) + len(o.sending)
	return n == 0 || n < o.max && o.bytes+o.flying+p.size() <= o.maxBytes
}

// hold puts a publication behind those that wait for room already. Each caller has one publication there, so that a
// client whose messages wait their turn takes as much of the queue as a client that floods it. o.mu is held.
func (o *publisher) hold(p Publication) *deferred {
	h := &deferred{p: p, admitted: make(chan struct{})}
	o.deferred = append(o.deferred, h)
	o.stats.deferred.Add(1)
	return h
}

// wait returns when a publication that was deferred has left the list: to the queue, or to its caller with an error.
func (o *publisher) wait(h *deferred) {
	defer o.stats.deferred.Add(-1)
	timer := time.NewTimer(maxHold)
	defer timer.Stop()
	select {
	case <-h.admitted:
		return
	case <-timer.C:
	}
	o.mu.Lock()
	i := slices.Index(o.deferred, h)
	if i >= 0 {
		o.deferred = slices.Delete(o.deferred, i, i+1)
	}
	o.mu.Unlock()
	if i >= 0 {
		o.drop([]Publication{h.p}, adapter.ErrOverflow)
	}
}

// admit moves publications that were deferred into the queue as far as it has room, and all of them while Redis is away.
// It returns those whose callers get adapter.ErrUnavailable, and those that make room. o.mu is held.
func (o *publisher) admit() (failed, dropped []Publication) {
	n := 0
	for ; n < len(o.deferred) && (!o.up || o.fits(&o.deferred[n].p)); n++ {
		h := o.deferred[n]
		out, reason := o.add(h.p)
		if reason != nil {
			failed = append(failed, h.p)
		}
		dropped = append(dropped, out...)
		close(h.admitted)
	}
	o.deferred = slices.Delete(o.deferred, 0, n)
	o.stats.pending.Store(int64(len(o.queue)))
	return failed, dropped
}

// age returns how long the oldest publication has waited; zero when none does.
func (o *publisher) age() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, waiting := range [][]Publication{o.sending, o.queue} {
		if len(waiting) > 0 {
			return time.Since(waiting[0].since)
		}
	}
	return 0
}
