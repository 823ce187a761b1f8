package adapter

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Defaults of the bounds of what was read from Redis and waits for its handler.
const (
	DefaultMaxUnhandled      = 10_000
	DefaultMaxUnhandledBytes = 32 << 20
)

// backlog is what one connection has brought and waits for its handlers, in order. Who reads from Redis
// never waits for them: Redis cuts off a subscriber that does not read (client-output-buffer-limit), and
// what it had for it is lost without a word. Beyond the bounds the oldest messages are dropped, and that
// is said.
type backlog struct {
	queue    chan *redis.Message
	maxBytes int64
	bytes    atomic.Int64
	gaps     *gaps
	stats    *Stats
}

func newBacklog(maxMessages, maxBytes int, gaps *gaps, stats *Stats) *backlog {
	return &backlog{queue: make(chan *redis.Message, maxMessages), maxBytes: int64(maxBytes), gaps: gaps, stats: stats}
}

func sizeOf(m *redis.Message) int64 { return int64(len(m.Channel) + len(m.Payload)) }

// push adds a message; one goroutine does.
func (b *backlog) push(m *redis.Message) {
	b.stats.Unhandled.Add(1)
	bytes := b.bytes.Add(sizeOf(m))
	dropped := 0
	for bytes > b.maxBytes && b.dropOldest() {
		dropped++
		bytes = b.bytes.Load()
	}
	for {
		select {
		case b.queue <- m:
			b.gaps.dropped(dropped)
			return
		default:
			if b.dropOldest() {
				dropped++
			}
		}
	}
}

func (b *backlog) dropOldest() bool {
	select {
	case m := <-b.queue:
		b.taken(m)
		return true
	default:
		return false
	}
}

// taken is called for each message that has left the queue.
func (b *backlog) taken(m *redis.Message) {
	b.bytes.Add(-sizeOf(m))
	b.stats.Unhandled.Add(-1)
}

// gaps counts the times that this node has missed messages, and logs them at most once a minute.
type gaps struct {
	log   *slog.Logger
	stats *Stats

	open  bool // the last message has pushed out others
	last  time.Time
	since int
}

// dropped notes how many messages the last one has pushed out. It is for one goroutine.
func (g *gaps) dropped(n int) {
	if n == 0 {
		g.open = false
		return
	}
	if !g.open {
		g.open = true
		g.stats.Gaps.Add(1)
	}
	g.stats.Missed.Add(uint64(n)) //nolint:gosec // it is not negative
	g.since += n
	if now := time.Now(); now.Sub(g.last) >= complaintInterval {
		g.log.Warn("messages from redis dropped: this node does not keep up with them", slog.Int("dropped_since_last_report", g.since))
		g.last, g.since = now, 0
	}
}
