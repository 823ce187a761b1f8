package adapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"chorus/adapter/wire"
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

// publication is one message on its way to Redis.
type publication struct {
	channel string
	payload []byte
	entry   *wire.Entry // instead of a payload: the channel is a stream
	// done is called once with the outcome, and with the id of an entry; nil when nobody asked. It runs on the
	// goroutine that publishes, so it must neither block nor push.
	done  func(offset string, err error)
	since time.Time // of the push
}

// outbox publishes in the order of push: while one round trip is in flight the next batch gathers.
// The queue is bounded. While Redis answers, push waits until the queue has room: see hold. While
// Redis is away a publication with a done function fails at once, and the others wait in the queue,
// whose oldest publications make room.
type outbox struct {
	client   redis.UniversalClient
	ready    func() bool // whether this node is subscribed
	max      int
	maxBytes int
	stats    *Stats
	failed   func()          // called when Redis could not be talked to
	refused  func(err error) // called when Redis answers that it does not write now
	command  string          // PUBLISH, or SPUBLISH on shard channels

	maxStreamLen int           // how many entries a stream keeps, about
	regather     time.Duration // how long is waited for the others after an outage; none with streams, where they read later

	wake    chan struct{} // capacity 1: there is something to do
	stopped chan struct{} // closed when run has returned

	drops, failures redisconn.Complaints

	mu      sync.Mutex
	queue   []publication
	bytes   int
	sending []publication // the batch in flight: it counts as part of the queue, to which it may return
	flying  int           // its bytes
	held    []*held       // callers that wait for room, the first one first
	up      bool          // what ready said last
	lost    bool          // a connection was, since up was last true
	closed  bool
	resume  time.Time   // Redis counts as away until then
	timer   *time.Timer // wakes run then; nil before the first outage
}

func newOutbox(client redis.UniversalClient, ready func() bool, maxPending, maxBytes int, stats *Stats, log *slog.Logger) *outbox {
	return &outbox{
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
func (o *outbox) push(p publication) {
	p.since = time.Now()
	o.mu.Lock()
	if o.up && !o.closed && (len(o.held) > 0 || !o.fits(&p)) {
		h := o.hold(p)
		o.mu.Unlock()
		o.wait(h)
		return
	}
	reason, dropped := o.add(p)
	o.mu.Unlock()
	if reason != nil {
		p.settle(reason)
		return
	}
	o.drop(dropped, ErrOverflow)
	o.signal()
}

// add appends a publication to the queue, unless it cannot be sent now and its caller wants to know. It
// returns the publications that make room for it; o.mu is held.
func (o *outbox) add(p publication) (reason error, dropped []publication) {
	switch {
	case o.closed:
		return ErrClosed, nil
	case p.done != nil && !o.open():
		return ErrUnavailable, nil
	}
	o.queue = append(o.queue, p)
	o.bytes += p.size()
	return nil, o.trim()
}

// trim takes the oldest publications beyond the bounds out of the queue; o.mu is held.
func (o *outbox) trim() (dropped []publication) {
	for len(o.queue) > o.max || o.bytes > o.maxBytes && (len(o.queue) > 1 || !o.up) {
		dropped = append(dropped, o.queue[0])
		o.bytes -= o.queue[0].size()
		o.queue = o.queue[1:]
	}
	o.stats.Pending.Store(int64(len(o.queue)))
	return dropped
}

// drop counts and logs publications that will not be sent, and tells those who asked.
func (o *outbox) drop(publications []publication, reason error) {
	if len(publications) == 0 {
		return
	}
	o.stats.Dropped.Add(uint64(len(publications)))
	o.drops.Add(len(publications), slog.Any("reason", reason))
	for _, p := range publications {
		p.settle(reason)
	}
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default: // run has not taken the last signal yet
	}
}

// refresh asks anew whether this node is subscribed. When it no longer is, nobody is left waiting
// for an outcome.
func (o *outbox) refresh() {
	o.mu.Lock()
	away := !o.up
	if o.up = o.ready(); away && o.up {
		if o.lost && len(o.queue) > 0 && o.regather > 0 {
			o.await(o.regather)
		}
		o.lost = false
	}
	var failed []publication
	if !o.up {
		o.queue = slices.DeleteFunc(o.queue, func(p publication) bool {
			if p.done == nil {
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
		p.settle(ErrUnavailable)
	}
	o.drop(dropped, ErrOverflow)
	o.signal()
}

// outage notes that a connection was lost, with whatever is published until the next one.
func (o *outbox) outage() {
	o.mu.Lock()
	o.lost = true
	o.mu.Unlock()
}

// await has Redis count as away for a while; o.mu is held.
func (o *outbox) await(pause time.Duration) {
	o.resume = time.Now().Add(pause)
	if o.timer != nil {
		o.timer.Stop()
	}
	o.timer = time.AfterFunc(pause, o.signal)
}

// open tells whether publications are sent; o.mu is held.
func (o *outbox) open() bool { return o.up && !time.Now().Before(o.resume) }

// waits tells whether there are publications that wait for the other servers to be back.
func (o *outbox) waits() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.up && !o.open()
}

// take moves the next batch from the queue into flight; none while Redis is away. A closed outbox does not wait for
// the other servers.
func (o *outbox) take() []publication {
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
	o.stats.Pending.Store(int64(len(o.queue)))
	return o.sending
}

// landed ends the flight of a batch. What certainly did not reach Redis returns to the head of the queue.
func (o *outbox) landed(again []publication) {
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
		p.settle(ErrUnavailable)
	}
	o.drop(append(dropped, more...), ErrOverflow)
}

// run publishes until the outbox is closed or ctx ends.
func (o *outbox) run(ctx context.Context) {
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

func (o *outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// send publishes a batch in one round trip, tells the outcome to those who asked, and returns an
// error when Redis could not be talked to.
func (o *outbox) send(ctx context.Context, batch []publication) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()

	pipe := o.client.Pipeline()
	commands := make([]redis.Cmder, len(batch))
	for i, p := range batch {
		commands[i] = o.commandOf(ctx, p)
		_ = pipe.Process(ctx, commands[i])
	}
	_, err := pipe.Exec(ctx)

	var again []publication
	var refusal error
	for i, p := range batch {
		failure := commands[i].Err()
		if failure != nil && refuses(failure) {
			refusal = failure
		}
		switch {
		case failure == nil:
			o.stats.Published.Add(1)
			if p.done != nil {
				p.done(offsetOf(commands[i]), nil)
			}
		case p.done == nil && notDone(failure):
			again = append(again, p)
		default:
			o.stats.PublishErrors.Add(1)
			o.failures.Add(1, slog.Any("error", failure))
			p.settle(fmt.Errorf("%w: %w", ErrUnavailable, failure))
		}
	}
	if refusal != nil {
		o.refused(refusal)
	}
	o.landed(again)
	return err
}

// notDone tells whether a command has certainly had no effect, and may have one later: nothing was written to Redis,
// or it has said that it cannot do it now. When an answer is missing, a message may have been published, and must
// not be sent again. A batch for a Redis Cluster goes to several servers, so that each command has an error of its own.
func notDone(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op == "dial"
	}
	return refuses(err)
}

// refusals begin the errors of a Redis that does not do a command now, and may do it later: it is no master any more
// or no one yet, it loads its data, it has no memory left, it lacks replicas, or it cannot write to its disk.
var refusals = []string{"READONLY ", "LOADING ", "CLUSTERDOWN ", "MASTERDOWN ", "TRYAGAIN ", "OOM ", "NOREPLICAS ", "MISCONF "}

func refuses(err error) bool {
	return slices.ContainsFunc(refusals, func(code string) bool { return strings.HasPrefix(err.Error(), code) })
}

// close publishes what waits, for as long as ctx allows, and fails the rest.
func (o *outbox) close(ctx context.Context) error {
	o.mu.Lock()
	for _, h := range o.held { // they have a place in the order already
		o.queue = append(o.queue, h.p)
		o.bytes += h.p.size()
		close(h.admitted)
	}
	o.held = nil
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
	o.drop(rest, ErrClosed)
	return err
}

func (p publication) settle(err error) {
	if p.done != nil {
		p.done("", err)
	}
}

func (p publication) size() int {
	if p.entry != nil {
		return p.entry.Size()
	}
	return len(p.payload)
}

func (o *outbox) commandOf(ctx context.Context, p publication) redis.Cmder {
	if e := p.entry; e != nil {
		return appendCommand{redis.NewStringCmd(ctx, e.Command(p.channel, o.maxStreamLen)...)}
	}
	c := publishCommand{redis.NewIntCmd(ctx, o.command, p.channel, p.payload)}
	c.SetFirstKeyPos(1) // a shard channel is on the node that has its slot
	return c
}

// offsetOf returns where what was sent is kept; empty when nothing is.
func offsetOf(sent redis.Cmder) string {
	if c, ok := sent.(appendCommand); ok {
		return c.Val()
	}
	return ""
}

// publishCommand is a PUBLISH that go-redis does not send a second time, and appendCommand an XADD.
type (
	publishCommand struct{ *redis.IntCmd }
	appendCommand  struct{ *redis.StringCmd }
)

// NoRetry implements redis.Cmder.
func (publishCommand) NoRetry() bool { return true }

// NoRetry implements redis.Cmder.
func (appendCommand) NoRetry() bool { return true }
