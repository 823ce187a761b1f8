package webhook

import (
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Bounds of a courier.
const (
	maxUnderWay = 16      // requests to a target at a time
	readAtOnce  = 500     // events
	downAfter   = 5       // different subjects whose events failed in a row
	maxHeld     = 1 << 20 // events that a courier knows; the queue is bounded by itself
)

// holdEvery is how often the right to deliver is renewed.
const holdEvery = time.Second

// courier delivers the events of one target while its node has the right to. Events of one subject (a room or a user) go
// one after the other: what waits for another attempt holds its subject back, and no other one.
type courier struct {
	queue  Queue
	sender *sender
	target *Target
	log    *slog.Logger
	stats  *Stats

	// Of one term with the right to deliver; the goroutine of deliver alone uses them.
	lines     map[string]*line
	ready     []*line // whose next event may be sent
	waiting   waiting // for another attempt
	underWay  int
	known     int             // events
	failed    map[string]bool // subjects whose events failed since the last success
	downCount int             // failures in a row while the target is down
	failedAt  time.Time       // when the last request failed
	pauseTo   time.Time       // nothing is sent before
	held      time.Time       // when the right was renewed
	off       bool
	trouble   bool // the log says that deliveries fail
	results   chan result
}

// result is what became of events that were sent: those of each line are its first ones.
type result struct {
	parcels []parcel
	answer  answer
	gone    bool // all of them were folded or dropped meanwhile
}

// run delivers until ctx ends.
func (c *courier) run(ctx context.Context) {
	for ctx.Err() == nil {
		state, err := c.queue.Hold(ctx, true)
		if err == nil && state.Held {
			c.deliver(ctx, state)
		}
		select {
		case <-ctx.Done():
		case <-time.After(holdEvery):
		}
	}
}

// deliver is one term. It ends when the right to deliver is lost, or cannot be renewed in time.
func (c *courier) deliver(parent context.Context, state State) {
	ctx, cancel := context.WithCancel(parent)
	var tasks sync.WaitGroup
	c.lines, c.ready, c.waiting, c.underWay, c.known = make(map[string]*line), nil, nil, 0, 0
	c.failed, c.downCount, c.pauseTo, c.off = make(map[string]bool), 0, time.Time{}, state.Off
	c.results = make(chan result, maxUnderWay)
	inbox := make(chan []Event)
	tasks.Go(func() { c.read(ctx, inbox) }) // ends with ctx
	defer func() {
		cancel()
		tasks.Wait()
		ended, stop := context.WithTimeout(context.WithoutCancel(parent), callTimeout)
		defer stop()
		_ = c.queue.Release(ended) // else the right ends by itself
	}()
	renew := time.NewTicker(holdEvery)
	defer renew.Stop()
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	c.held = time.Now()
	for {
		intake := inbox
		if c.known >= maxHeld {
			intake = nil
		}
		select {
		case <-ctx.Done():
			return
		case events := <-intake:
			c.take(events)
		case r := <-c.results:
			c.finish(r)
		case <-wake.C:
		case <-renew.C:
			now := time.Now()
			state, err := c.queue.Hold(ctx, false)
			switch {
			case err == nil && !state.Held, err != nil && time.Since(c.held) > Lease-holdEvery:
				return
			case err == nil:
				c.held = now
				c.off = state.Off
				c.tellDropped(ctx, state.Dropped)
			}
			c.expire(ctx, now)
		}
		c.dispatch(ctx, &tasks)
		wake.Reset(c.nextWake())
	}
}

// read brings the events of the queue.
func (c *courier) read(ctx context.Context, inbox chan<- []Event) {
	for ctx.Err() == nil {
		events, err := c.queue.Next(ctx, readAtOnce)
		if err != nil {
			c.stats.QueueErrors.Add(1)
			select {
			case <-ctx.Done():
			case <-time.After(holdEvery):
			}
		}
		if len(events) == 0 {
			continue
		}
		select {
		case inbox <- events:
		case <-ctx.Done():
		}
	}
}

// dispatch sends what may be sent.
func (c *courier) dispatch(ctx context.Context, tasks *sync.WaitGroup) {
	now := time.Now()
	for len(c.waiting) > 0 && !c.waiting[0].due.After(now) {
		l, _ := heap.Pop(&c.waiting).(*line)
		c.ready = append(c.ready, l)
	}
	for len(c.ready) > 0 && c.mayStart(now) {
		parcels := c.pack()
		if len(parcels) == 0 {
			return
		}
		c.underWay++
		tasks.Go(func() { c.results <- c.carry(ctx, parcels) }) // ends with ctx at the latest; results has room for all
	}
}

// mayStart reports whether one request more may be made. While the target is down there is one at a time.
func (c *courier) mayStart(now time.Time) bool {
	switch {
	case c.off || now.Before(c.pauseTo) || c.underWay >= maxUnderWay || now.Sub(c.held) > Lease-holdEvery:
		return false
	case c.isDown():
		return c.underWay == 0
	}
	return true
}

func (c *courier) isDown() bool { return len(c.failed) >= downAfter }

// carry loads, sends and settles.
func (c *courier) carry(ctx context.Context, parcels []parcel) result {
	r := result{parcels: parcels}
	events := make([]*Event, 0, len(parcels))
	outcome := &Outcome{}
	for _, p := range parcels {
		events, outcome.Folded = append(events, p.events...), append(outcome.Folded, p.folded...)
	}
	loaded, err := c.queue.Load(ctx, events)
	if err != nil {
		c.stats.QueueErrors.Add(1)
		r.answer = answer{failure: "the queue cannot be read"}
		return r
	}
	there := slices.DeleteFunc(loaded, func(e *Event) bool { return e == nil })
	if r.gone = len(there) == 0; !r.gone {
		start := time.Now()
		r.answer = c.sender.send(ctx, there)
		if ctx.Err() != nil {
			return r // the term is over: another node sends it again
		}
		c.stats.observe(c.target.Name, &r.answer, len(there), time.Since(start))
	}
	if r.gone || r.answer.ok {
		outcome.Delivered = there
		c.settle(ctx, outcome)
		return r
	}
	_ = c.settleOnce(ctx, &Outcome{Failure: r.answer.failure, Off: r.answer.off}) // else the next attempt tells it
	return r
}

// settle keeps an outcome, however long the queue is away.
func (c *courier) settle(ctx context.Context, o *Outcome) {
	for c.settleOnce(ctx, o) != nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(holdEvery):
		}
	}
}

func (c *courier) settleOnce(ctx context.Context, o *Outcome) error {
	err := c.queue.Settle(ctx, o)
	if err != nil && !errors.Is(err, context.Canceled) {
		c.stats.QueueErrors.Add(1)
	}
	return err
}

// finish takes a result.
func (c *courier) finish(r result) {
	c.underWay--
	now := time.Now()
	if r.gone || r.answer.ok {
		for _, p := range r.parcels {
			c.advance(p)
		}
		if r.answer.ok {
			c.succeeded()
		}
		return
	}
	if r.answer.off {
		c.off = true
		c.log.Error("a webhook target has answered 410: it gets nothing more until it is enabled", slog.String("target", c.target.Name),
			slog.String("command", "chorus webhooks enable "+c.target.Name))
	}
	for _, p := range r.parcels {
		c.hold(p.line, &r.answer, now)
	}
	c.failing(r.answer.failure, r.answer.pause, r.answer.all, now)
}

// hold has a line wait for another attempt.
func (c *courier) hold(l *line, a *answer, now time.Time) {
	l.busy, l.lost = false, a.lost && a.pause == 0
	l.attempts++
	l.due = now.Add(max(backoff(l.attempts), a.pause))
	heap.Push(&c.waiting, l)
	if a.lost {
		c.failed[l.subject] = true
	}
}

// failing notes that a request failed. When events of several subjects have, the target is down: then one request at a
// time is made, at growing intervals.
func (c *courier) failing(failure string, pause time.Duration, all bool, now time.Time) {
	c.failedAt = now
	if !c.trouble {
		c.trouble = true
		c.log.Warn("a webhook is not delivered and will be tried again", slog.String("target", c.target.Name), slog.String("reason", failure))
	}
	if all && pause > 0 {
		c.pauseTo = later(c.pauseTo, now.Add(pause))
	}
	if c.isDown() {
		c.downCount++
		c.pauseTo = later(c.pauseTo, now.Add(max(min(backoff(c.downCount), maxProbe), pause)))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// succeeded ends that the target is down. What waits only because no answer came is tried again now.
func (c *courier) succeeded() {
	if c.trouble && len(c.waiting) == 0 {
		c.trouble = false
		c.log.Info("webhooks are delivered again", slog.String("target", c.target.Name))
	}
	if len(c.failed) == 0 {
		return
	}
	clear(c.failed)
	c.downCount = 0
	kept := c.waiting[:0]
	for _, l := range c.waiting {
		if l.lost {
			c.ready = append(c.ready, l)
		} else {
			kept = append(kept, l)
		}
	}
	c.waiting = kept
	heap.Init(&c.waiting)
}

// tellDropped tells the target how many events it does not get.
func (c *courier) tellDropped(ctx context.Context, count int) {
	if count > 0 && !c.off && !c.isDown() {
		_ = c.settleOnce(ctx, &Outcome{Told: count}) // else the next time
	}
}

// expire gives up events that were tried for too long, or could not be because the target is down or off. An event that
// came after the last request failed waits for the next one.
func (c *courier) expire(ctx context.Context, now time.Time) {
	oldest := now.Add(-c.target.RetryFor).UnixMilli()
	if !c.off {
		oldest = min(oldest, c.failedAt.UnixMilli())
	}
	dead := make(map[*line]int)
	var events []*Event
	for _, l := range c.lines {
		if l.busy || l.attempts == 0 && !c.isDown() && !c.off {
			continue
		}
		for dead[l] < len(l.events) && len(events) < readAtOnce && queuedAt(l.events[dead[l]]) < oldest {
			events = append(events, l.events[dead[l]])
			dead[l]++
		}
	}
	if len(events) == 0 {
		return
	}
	loaded, err := c.queue.Load(ctx, events)
	if err != nil {
		return // the next time
	}
	outcome := &Outcome{Failure: "not delivered in time", Dead: slices.DeleteFunc(loaded, func(e *Event) bool { return e == nil })}
	if c.settleOnce(ctx, outcome) != nil {
		return
	}
	c.log.Error("webhooks are given up: they are kept for a week", slog.String("target", c.target.Name), slog.Int("events", len(outcome.Dead)),
		slog.String("command", "chorus webhooks redeliver "+c.target.Name))
	for l, n := range dead {
		l.events = l.events[n:]
		c.known -= n
	}
}

// nextWake is when something is due.
func (c *courier) nextWake() time.Duration {
	wait := time.Hour
	if len(c.waiting) > 0 {
		wait = time.Until(c.waiting[0].due)
	}
	if len(c.ready) > 0 && c.underWay == 0 {
		wait = min(wait, time.Until(c.pauseTo))
	}
	return max(wait, time.Millisecond)
}
