package limit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

const (
	// maxSubjects is how many users a node remembers. Beyond it, the one that was not heard for longest is
	// forgotten, with what it had left.
	maxSubjects = 100_000
	// shares is into how many parts a burst is divided. A node takes one part from Redis at a time, so that it
	// need not ask for each event.
	shares = 20
	// shareFor is how long a part is good. It is short enough that nodes do not hoard.
	shareFor = 5 * time.Second
	// takeTimeout bounds how long a client waits for Redis.
	takeTimeout = 500 * time.Millisecond
	// aloneFor is how long a node counts by itself after Redis did not answer.
	aloneFor = 2 * time.Second
)

// takeScript takes tokens of a bucket in Redis. ARGV: how many, per second, burst, milliseconds that the key
// lives. It returns how many it gave and, when there is none, the milliseconds until there is one.
var takeScript = redis.NewScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local wanted, rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'n', 't')
local tokens, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local given = math.min(wanted, math.floor(tokens))
tokens = tokens - given
redis.call('HSET', KEYS[1], 'n', string.format('%.6f', tokens), 't', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if given > 0 then return {given, 0} end
return {0, math.ceil((1 - tokens) / rate * 1000)}
`)

// Subjects bounds the events of a user over the cluster: Redis has one bucket for each user. Without Redis, and
// while it does not answer, each node has its own.
type Subjects struct {
	client redis.UniversalClient
	prefix string
	log    *slog.Logger
	stats  *Stats
	bucket atomic.Pointer[Bucket]
	alone  atomic.Int64 // until when this node counts by itself, Unix nanoseconds

	mu    sync.Mutex
	table *lru.Cache[string, *share]
}

// share is what a node may still take of a user's bucket.
type share struct {
	mu    sync.Mutex
	left  int
	until time.Time
	empty time.Time     // there is nothing before then
	asked chan struct{} // closed when Redis has answered; nil while nobody asks
	local *rate.Limiter // used without Redis
}

// NewSubjects returns a table with nobody in it. client may be nil.
func NewSubjects(b Bucket, client redis.UniversalClient, prefix string, log *slog.Logger, stats *Stats) *Subjects {
	table, _ := lru.New[string, *share](maxSubjects) // it fails for sizes that are not positive
	s := &Subjects{client: client, prefix: prefix, log: log, stats: stats, table: table}
	s.bucket.Store(&b)
	return s
}

// Set changes the bound.
func (s *Subjects) Set(b Bucket) {
	s.bucket.Store(&b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.Purge()
}

// Key returns the key of a user's bucket in Redis, below the prefix of the chat product, on which every node has the rights.
func (s *Subjects) Key(subject string) string { return s.prefix + "-chat:limit:{" + subject + "}" }

// Take takes a token of a user. Without one it reports true, and how long the next one takes. before is called
// before it waits for Redis.
func (s *Subjects) Take(ctx context.Context, subject string, before func()) (wait time.Duration, over bool) {
	b, sh := s.bucket.Load(), s.of(subject)
	for {
		wait, over, asked, known := s.look(sh, b)
		if known {
			return wait, over
		}
		before()
		if asked != nil {
			<-asked // another connection of the user asks, for at most takeTimeout
			continue
		}
		s.refill(ctx, subject, sh, b)
	}
}

// look takes a token of what the node has. When it has to be asked for, known is false: the caller asks, or waits until
// asked is closed.
func (s *Subjects) look(sh *share, b *Bucket) (wait time.Duration, over bool, asked chan struct{}, known bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := time.Now()
	switch {
	case s.client == nil || now.UnixNano() < s.alone.Load():
		wait, over = s.takeLocal(sh, b)
		return wait, over, nil, true
	case sh.left > 0 && now.Before(sh.until):
		sh.left--
		return 0, false, nil, true
	case now.Before(sh.empty):
		return sh.empty.Sub(now), true, nil, true
	case sh.asked != nil:
		return 0, false, sh.asked, false
	}
	sh.asked = make(chan struct{})
	return 0, false, nil, false
}

// refill asks Redis for a part, and lets those go on that wait for the answer.
func (s *Subjects) refill(ctx context.Context, subject string, sh *share, b *Bucket) {
	now := time.Now()
	given, wait, err := s.ask(ctx, subject, b)
	if err != nil {
		s.stats.RedisErrors.Add(1)
		s.alone.Store(now.Add(aloneFor).UnixNano())
		s.log.Debug("this node counts the events of a user by itself", slog.Any("error", err))
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	switch {
	case err != nil:
	case given == 0:
		sh.empty = now.Add(wait)
	default:
		sh.left, sh.until = given, now.Add(shareFor)
	}
	close(sh.asked)
	sh.asked = nil
}

func (s *Subjects) takeLocal(sh *share, b *Bucket) (time.Duration, bool) {
	if sh.local == nil {
		sh.local = rate.NewLimiter(b.limit(), b.burst())
	}
	if sh.local.Allow() {
		return 0, false
	}
	return b.wait(), true
}

// ask takes a share from Redis.
func (s *Subjects) ask(ctx context.Context, subject string, b *Bucket) (given int, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	life := time.Duration(float64(b.burst())/b.Rate*float64(time.Second)) + time.Minute
	answer, err := takeScript.Run(ctx, s.client, []string{s.Key(subject)}, max(b.burst()/shares, 1), b.Rate, b.burst(), life.Milliseconds()).Int64Slice()
	if err != nil {
		return 0, 0, err
	}
	if len(answer) != 2 {
		return 0, 0, redis.Nil
	}
	return int(answer[0]), time.Duration(answer[1]) * time.Millisecond, nil
}

func (s *Subjects) of(subject string) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh, ok := s.table.Get(subject)
	if !ok {
		sh = &share{}
		s.table.Add(subject, sh)
	}
	return sh
}
