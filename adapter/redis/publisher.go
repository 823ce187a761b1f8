package redis

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"chorus/adapter"
	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

const (
	// maxBatch is how many publications share one round trip to Redis.
	maxBatch = 256
	// publishTimeout bounds one round trip.
	publishTimeout = 5 * time.Second
	// regather is how much longer an outage lasts for a node with messages that wait: the others lose what is
	// published before they are back. They try again after redisconn.MaxBackoff at most.
	regather = 2 * redisconn.MaxBackoff
)

// publisher publishes in the order of push: while one round trip is in flight the next batch gathers.
// The queue is bounded. While Redis answers, push waits until the queue has room: see hold. While
// Redis is away a publication with a done function fails at once, and the others wait in the queue,
// whose oldest publications make room.
type publisher struct {
	client   redis.UniversalClient
	ready    func() bool // whether this node is subscribed
	max      int
	maxBytes int
	stats    *counters
	failed   func()          // called when Redis could not be talked to
	refused  func(err error) // called when Redis answers that it does not write now
	command  string          // PUBLISH, or SPUBLISH on shard channels
	through  string          // the key whose master of a Redis Cluster gets all publications; empty: each its own

	maxStreamLen int           // how many entries a stream keeps, about
	regather     time.Duration // how long is waited for the others after an outage; none with streams, where they read later

	wake    chan struct{} // capacity 1: there is something to do
	stopped chan struct{} // closed when run has returned

	drops, failures redisconn.Complaints

	mu        sync.Mutex
	queue     []Publication
	bytes     int
	sending   []Publication // the batch in flight: it counts as part of the queue, to which it may return
	flying    int           // its bytes
	deferred  []*deferred   // callers that wait for room, the first one first
	up        bool          // what ready said last
	lost      bool          // a connection was, since up was last true
	closed    bool
	awayUntil time.Time   // Redis counts as away until then
	timer     *time.Timer // wakes run then; nil before the first outage
}

func newPublisher(client redis.UniversalClient, ready func() bool, maxPending, maxBytes int, stats *counters, log *slog.Logger) *publisher {
	return &publisher{
		drops:    redisconn.Complaints{Log: log, Message: "messages dropped: too many wait for redis"},
		failures: redisconn.Complaints{Log: log, Message: "messages were not published"},
		client:   client,
		ready:    ready,
		max:      maxPending,
		maxBytes: maxBytes,
		stats:    stats,
		failed:   func() {},
		refused:  func(error) {},
		command:  "publish",
		regather: regather,
		wake:     make(chan struct{}, 1),
		stopped:  make(chan struct{}),
	}
}

// push queues a publication. While Redis answers and the queue is full it waits for room, so that a
// client that sends faster than Redis takes its messages is held back and loses none.
func (o *publisher) push(p Publication) {
	p.since = time.Now()
	o.mu.Lock()
	if o.up && !o.closed && (len(o.deferred) > 0 || !o.fits(&p)) {
		h := o.hold(p)
		o.mu.Unlock()
		o.wait(h)
		return
	}
	dropped, reason := o.add(p)
	o.mu.Unlock()
	if reason != nil {
		p.settle(reason)
		return
	}
	o.drop(dropped, adapter.ErrOverflow)
	o.signal()
}

// add appends a publication to the queue, unless it cannot be sent now and its caller wants to know. It
// returns the publications that make room for it; o.mu is held.
func (o *publisher) add(p Publication) (dropped []Publication, reason error) {
	switch {
	case o.closed:
		return nil, adapter.ErrClosed
	case p.Done != nil && !o.open():
		return nil, adapter.ErrUnavailable
	}
	o.queue = append(o.queue, p)
	o.bytes += p.size()
	return o.trim(), nil
}

// trim takes the oldest publications beyond the bounds out of the queue; o.mu is held.
func (o *publisher) trim() (dropped []Publication) {
	for len(o.queue) > o.max || o.bytes > o.maxBytes && (len(o.queue) > 1 || !o.up) {
		dropped = append(dropped, o.queue[0])
		o.bytes -= o.queue[0].size()
		o.queue = o.queue[1:]
	}
	o.stats.pending.Store(int64(len(o.queue)))
	return dropped
}

// drop counts and logs publications that will not be sent, and tells those who asked.
func (o *publisher) drop(publications []Publication, reason error) {
	if len(publications) == 0 {
		return
	}
	o.stats.dropped.Add(uint64(len(publications)))
	o.drops.Add(len(publications), slog.Any("reason", reason))
	for _, p := range publications {
		p.settle(reason)
	}
}

func (o *publisher) signal() {
	select {
	case o.wake <- struct{}{}:
	default: // run has not taken the last signal yet
	}
}

// refresh checks again whether this node is subscribed. When it no longer is, no caller is left waiting for an outcome.
func (o *publisher) refresh() {
	o.mu.Lock()
	away := !o.up
	if o.up = o.ready(); away && o.up {
		if o.lost && len(o.queue) > 0 && o.regather > 0 {
			o.await(o.regather)
		}
		o.lost = false
	}
	var failed []Publication
	if !o.up {
		o.queue = slices.DeleteFunc(o.queue, func(p Publication) bool {
			if p.Done == nil {
				return false
			}
			failed = append(failed, p)
			o.bytes -= p.size()
			return true
		})
	}
	failures, dropped := o.admit()
	o.mu.Unlock()

	for _, p := range append(failed, failures...) {
		p.settle(adapter.ErrUnavailable)
	}
	o.drop(dropped, adapter.ErrOverflow)
	o.signal()
}

// outage notes that a connection was lost, with whatever is published until the next one.
func (o *publisher) outage() {
	o.mu.Lock()
	o.lost = true
	o.mu.Unlock()
}

// await has Redis count as away for a while; o.mu is held.
func (o *publisher) await(pause time.Duration) {
	o.awayUntil = time.Now().Add(pause)
	if o.timer != nil {
		o.timer.Stop()
	}
	o.timer = time.AfterFunc(pause, o.signal)
}

// open reports whether publications are sent; o.mu is held.
func (o *publisher) open() bool { return o.up && !time.Now().Before(o.awayUntil) }

// waits reports whether there are publications that wait for the other servers to be back.
func (o *publisher) waits() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.up && !o.open()
}

// take moves the next batch from the queue into flight; none while Redis is away. A closed publisher does not wait for
// the other servers.
func (o *publisher) take() []Publication {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.open() && (!o.up || !o.closed) {
		return nil
	}
	n := min(len(o.queue), maxBatch)
	o.sending = slices.Clone(o.queue[:n])
	o.queue = slices.Delete(o.queue, 0, n)
	for _, p := range o.sending {
		o.flying += p.size()
	}
	o.bytes -= o.flying
	o.stats.pending.Store(int64(len(o.queue)))
	return o.sending
}

// landed ends the flight of a batch. What certainly did not reach Redis returns to the head of the queue.
func (o *publisher) landed(again []Publication) {
	o.mu.Lock()
	o.sending, o.flying = nil, 0
	o.queue = slices.Concat(again, o.queue)
	for _, p := range again {
		o.bytes += p.size()
	}
	dropped := o.trim()
	failures, more := o.admit()
	o.mu.Unlock()
	for _, p := range failures {
		p.settle(adapter.ErrUnavailable)
	}
	o.drop(append(dropped, more...), adapter.ErrOverflow)
}

// run publishes until the publisher is closed or ctx ends.
func (o *publisher) run(ctx context.Context) {
	defer close(o.stopped)
	var pause redisconn.Backoff
	for ctx.Err() == nil {
		batch := o.take()
		if len(batch) == 0 {
			if o.isClosed() {
				return
			}
			select {
			case <-ctx.Done():
			case <-o.wake:
			}
			continue
		}
		if err := o.send(ctx, batch); err != nil {
			o.failed()
			pause.Wait(ctx)
		} else {
			pause.Reset()
		}
	}
}

func (o *publisher) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// pipeline returns the pipeline of a batch. With through it is that of one master, so that messages on different channels
// of a Redis Cluster keep their order.
func (o *publisher) pipeline(ctx context.Context) (redis.Pipeliner, error) {
	cluster, ok := o.client.(*redis.ClusterClient)
	if !ok || o.through == "" {
		return o.client.Pipeline(), nil
	}
	master, err := cluster.MasterForKey(ctx, o.through)
	if err != nil {
		return nil, err
	}
	return master.Pipeline(), nil
}

// fail ends the flight of a batch for which there is no server: nothing of it was sent.
func (o *publisher) fail(batch []Publication, err error) error {
	var again []Publication
	for _, p := range batch {
		if p.Done == nil {
			again = append(again, p)
			continue
		}
		o.stats.publishErrors.Add(1)
		o.failures.Add(1, slog.Any("error", err))
		p.settle(fmt.Errorf("%w: %w", adapter.ErrUnavailable, err))
	}
	o.landed(again)
	return err
}

// send publishes a batch in one round trip, tells the outcome to those who asked, and returns an
// error when Redis could not be talked to.
func (o *publisher) send(ctx context.Context, batch []Publication) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()

	pipe, err := o.pipeline(ctx)
	if err != nil {
		return o.fail(batch, err)
	}
	commands := make([]redis.Cmder, len(batch))
	for i, p := range batch {
		commands[i] = o.commandOf(ctx, p)
		_ = pipe.Process(ctx, commands[i])
	}
	_, err = pipe.Exec(ctx)

	var again []Publication
	var refusal error
	for i, p := range batch {
		failure := commands[i].Err()
		if failure != nil && refuses(failure) {
			refusal = failure
		}
		switch {
		case failure == nil:
			o.stats.published.Add(1)
			if p.Done != nil {
				p.Done(offsetOf(commands[i]), nil)
			}
		case p.Done == nil && notDone(failure):
			again = append(again, p)
		default:
			o.stats.publishErrors.Add(1)
			o.failures.Add(1, slog.Any("error", failure))
			p.settle(fmt.Errorf("%w: %w", adapter.ErrUnavailable, failure))
		}
	}
	if refusal != nil {
		o.refused(refusal)
	}
	o.landed(again)
	return err
}

// close publishes what waits, for as long as ctx allows, and fails the rest.
func (o *publisher) close(ctx context.Context) error {
	o.mu.Lock()
	for _, h := range o.deferred { // they have a place in the order already
		o.queue = append(o.queue, h.p)
		o.bytes += h.p.size()
		close(h.admitted)
	}
	o.deferred = nil
	o.closed = true
	o.mu.Unlock()
	o.signal()

	var err error
	select {
	case <-o.stopped:
	case <-ctx.Done():
		err = fmt.Errorf("adapter: closed before everything was published: %w", ctx.Err())
	}

	o.mu.Lock()
	if o.timer != nil {
		o.timer.Stop()
	}
	o.max = 0 // nothing can come back to the queue
	rest := o.trim()
	o.mu.Unlock()
	o.drop(rest, adapter.ErrClosed)
	return err
}
