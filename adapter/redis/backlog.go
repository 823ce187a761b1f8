package redis

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

// maxHandled is how many messages go to their handlers at a time.
const maxHandled = 64

// backlog holds the messages of one connection until their handlers take them, in order. The reader of Redis
// never waits for the handlers: Redis disconnects a subscriber that does not read (client-output-buffer-limit)
// and silently drops what it had for it. Beyond the bounds the oldest messages are dropped, counted and logged.
type backlog struct {
	max, maxBytes int
	gaps          *gaps
	stats         *counters

	waiting atomic.Int64  // messages that wait or are being handled
	wake    chan struct{} // capacity 1: tells the sleeping handler that a message came

	mu    sync.Mutex
	queue []*redis.Message // those that wait, from head on
	head  int
	bytes int
	sleep bool // the handler found nothing and sleeps
}

func newBacklog(maxMessages, maxBytes int, gaps *gaps, stats *counters) *backlog {
	return &backlog{max: maxMessages, maxBytes: maxBytes, gaps: gaps, stats: stats, wake: make(chan struct{}, 1)}
}

func sizeOf(m *redis.Message) int { return len(m.Channel) + len(m.Payload) }

// empty reports whether all messages have been handled.
func (b *backlog) empty() bool { return b.waiting.Load() == 0 }

// push adds a message. Only one goroutine calls it.
func (b *backlog) push(m *redis.Message) {
	b.waiting.Add(1)
	b.stats.unhandled.Add(1)
	dropped := 0
	b.mu.Lock()
	b.queue = append(b.queue, m)
	b.bytes += sizeOf(m)
	for n := len(b.queue) - b.head; n > 1 && (n > b.max || b.bytes > b.maxBytes); n-- {
		b.pop()
		dropped++
	}
	asleep := b.sleep
	b.sleep = false
	b.mu.Unlock()

	if asleep {
		b.wake <- struct{}{} // there is room: the handler does not sleep twice without waking
	}
	b.done(dropped)
	b.gaps.dropped(dropped)
}

// pop takes the oldest message; b.mu is held.
func (b *backlog) pop() *redis.Message {
	m := b.queue[b.head]
	b.queue[b.head] = nil
	b.head++
	b.bytes -= sizeOf(m)
	if b.head == len(b.queue) {
		b.queue, b.head = b.queue[:0], 0
	} else if b.head >= maxHandled && b.head > len(b.queue)/2 {
		n := copy(b.queue, b.queue[b.head:])
		clear(b.queue[n:])
		b.queue, b.head = b.queue[:n], 0
	}
	return m
}

func (b *backlog) done(n int) {
	if n > 0 {
		b.waiting.Add(int64(-n))
		b.stats.unhandled.Add(int64(-n))
	}
}

// run has handle called with each message, one after the other, until ctx ends.
func (b *backlog) run(ctx context.Context, handle func(*redis.Message)) {
	batch := make([]*redis.Message, 0, maxHandled)
	for ctx.Err() == nil {
		b.mu.Lock()
		for len(batch) < maxHandled && len(b.queue) > b.head {
			batch = append(batch, b.pop())
		}
		b.sleep = len(batch) == 0
		b.mu.Unlock()

		for i, m := range batch {
			if ctx.Err() == nil {
				handle(m)
			}
			b.done(1)
			batch[i] = nil
		}
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
			case <-b.wake:
			}
		}
		batch = batch[:0]
	}
}

// gaps counts the times that this node has missed messages, and logs them at most once a minute. It belongs to
// one goroutine.
type gaps struct {
	stats      *counters
	complaints redisconn.Complaints

	open bool // the last message has pushed out others
}

func newGaps(log *slog.Logger, stats *counters) *gaps {
	return &gaps{stats: stats, complaints: redisconn.Complaints{Log: log, Message: "messages from redis dropped: this node does not keep up with them"}}
}

// dropped notes how many messages the last one has pushed out.
func (g *gaps) dropped(n int) {
	if n == 0 {
		g.open = false
		return
	}
	if !g.open {
		g.open = true
		g.stats.gaps.Add(1)
	}
	g.stats.missed.Add(uint64(n)) //nolint:gosec // it is not negative
	g.complaints.Add(n)
}
