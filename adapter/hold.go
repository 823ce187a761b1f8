package adapter

import (
	"slices"
	"time"
)

// maxHold is how long push waits for room. Redis counts as away long before, when it does not answer.
const maxHold = 10 * time.Second

// held is a caller of push that waits until the queue has room for its publication.
type held struct {
	p        publication
	admitted chan struct{} // closed when p has left the list
}

// fits reports whether the queue has room for a publication. One that is larger than the bound alone has room in an
// empty queue. o.mu is held.
func (o *outbox) fits(p *publication) bool {
	n := len(o.queue) + len(o.sending)
	return n == 0 || n < o.max && o.bytes+o.flying+p.size() <= o.maxBytes
}

// hold puts a publication behind those that wait for room already. Each caller has one publication there, so that a
// client whose messages wait their turn takes as much of the queue as a client that floods it. o.mu is held.
func (o *outbox) hold(p publication) *held {
	h := &held{p: p, admitted: make(chan struct{})}
	o.held = append(o.held, h)
	o.stats.Held.Add(1)
	return h
}

// wait returns when a publication that was held has left the list: to the queue, or to its caller with an error.
func (o *outbox) wait(h *held) {
	defer o.stats.Held.Add(-1)
	timer := time.NewTimer(maxHold)
	defer timer.Stop()
	select {
	case <-h.admitted:
		return
	case <-timer.C:
	}
	o.mu.Lock()
	i := slices.Index(o.held, h)
	if i >= 0 {
		o.held = slices.Delete(o.held, i, i+1)
	}
	o.mu.Unlock()
	if i >= 0 {
		o.drop([]publication{h.p}, ErrOverflow)
	}
}

// admit moves publications that were held into the queue as far as it has room, and all of them while Redis is away.
// It returns those whose callers get ErrUnavailable, and those that make room. o.mu is held.
func (o *outbox) admit() (failed, dropped []publication) {
	n := 0
	for ; n < len(o.held) && (!o.up || o.fits(&o.held[n].p)); n++ {
		h := o.held[n]
		reason, out := o.add(h.p)
		if reason != nil {
			failed = append(failed, h.p)
		}
		dropped = append(dropped, out...)
		close(h.admitted)
	}
	o.held = slices.Delete(o.held, 0, n)
	o.stats.Pending.Store(int64(len(o.queue)))
	return failed, dropped
}

// age returns how long the oldest publication has waited; zero when none does.
func (o *outbox) age() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, waiting := range [][]publication{o.sending, o.queue} {
		if len(waiting) > 0 {
			return time.Since(waiting[0].since)
		}
	}
	return 0
}
