package auth

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

// DefaultRedisPrefix begins the names of all keys and channels unless options say otherwise, as for the adapter.
const DefaultRedisPrefix = "socket.io"

const (
	// revocationTimeout is how long Redis may take for one command.
	revocationTimeout = 5 * time.Second

	// resyncInterval is the time between two comparisons with Redis while nothing seems to be missed.
	// They bring back what somebody removed from Redis, or Redis itself for want of memory.
	resyncInterval = 5 * time.Minute

	// resyncRetry is the time after which a comparison that failed is begun again.
	resyncRetry = 500 * time.Millisecond

	// watchInterval is the least time between two calls of the watchers, which look at every
	// socket. The first news after a quiet time do not wait.
	watchInterval = 50 * time.Millisecond

	// revocationPage is how many entries are read or written at once.
	revocationPage = 500
)

// RedisRevocationOptions configures NewRedisRevocations. The zero value is useful.
type RedisRevocationOptions struct {
	// Prefix of the keys and the channel; default "socket.io". Clusters with different prefixes
	// share a Redis without hearing each other.
	Prefix string

	// Keep is how long a revocation without an end of its own is kept, and how long an undoing is
	// remembered; default 720h. It must not be shorter than the life of the longest-lived token, nor
	// than the time for which a node may be cut off from Redis and go on.
	Keep time.Duration

	// Logger gets the state of the connection and, at most once a minute, malformed data. Default: no log.
	Logger *slog.Logger
}

// RevocationStats are counters of Revocations with Redis. They only grow.
type RevocationStats struct {
	Received    atomic.Uint64 // messages from Redis, own ones included
	Malformed   atomic.Uint64 // messages and stored entries that were not understood
	Loads       atomic.Uint64 // complete readings of what Redis has
	WrittenBack atomic.Uint64 // entries that Redis had lost and got again from this node
	Disconnects atomic.Uint64 // losses of the subscription
}

// revocationSync keeps a table the same as those of the other nodes, by way of Redis. One goroutine owns
// the work: it subscribes first, then reads everything, then takes in messages; after every loss of
// the connection it does so again.
type revocationSync struct {
	client   redis.UniversalClient
	log      *slog.Logger
	table    *revocationTable
	stats    RevocationStats
	changed  func()   // the watchers
	keys     []string // of the scripts
	channel  string
	listener subscription

	complaints redisconn.Complaints // these two belong to the goroutine
	failing    bool

	said       chan struct{} // something was said on this node; holds one
	loaded     chan struct{} // closed when Redis has been read once
	goroutines *background
}

// NewRedisRevocations returns revocations that the nodes of a cluster share by way of Redis. It begins to
// connect at once and keeps trying for as long as it lives; Close ends it. The client stays the caller's to
// close, afterwards.
//
// Redis carries the revocations and every node keeps all of them, so that no look-up waits for Redis and none
// depends on it. While Redis is away, what is known stays in force and Revoke fails. When it comes back, each
// node reads what it has missed, undoings too, and writes back what Redis does not have: a Redis that
// starts empty learns the revocations again from any node that still runs. For each token id or subject
// the last word counts, in the time of Redis. Only when Redis loses its data while no node runs are
// revocations lost: let it store them when that matters.
func NewRedisRevocations(client redis.UniversalClient, opts RedisRevocationOptions) *Revocations {
	if opts.Prefix == "" {
		opts.Prefix = DefaultRedisPrefix
	}
	if opts.Keep <= 0 {
		opts.Keep = DefaultRevocationKeep
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Revocations{keep: opts.Keep}
	s := &revocationSync{
		client:  client,
		log:     opts.Logger,
		table:   &r.table,
		changed: func() { r.watchers.call(r.Revoked) },
		// The braces have Redis Cluster keep both keys in one place, which scripts need.
		keys:       []string{"{" + opts.Prefix + "-auth}:revocations", "{" + opts.Prefix + "-auth}:revocations:until"},
		channel:    opts.Prefix + "-auth",
		complaints: newComplaints(opts.Logger),
		said:       make(chan struct{}, 1),
		loaded:     make(chan struct{}),
	}
	s.listener = subscription{client: client, channel: s.channel, log: opts.Logger, losses: &s.stats.Disconnects}
	r.redis = s

	heard := make(chan news, maxWaitingNews)
	s.goroutines = startBackground(
		func(ctx context.Context) { s.listener.run(ctx, heard) },
		func(ctx context.Context) { s.run(ctx, heard) },
	)
	return r
}

// Stats returns the counters, nil for a node alone.
func (r *Revocations) Stats() *RevocationStats {
	if r == nil || r.redis == nil {
		return nil
	}
	return &r.redis.stats
}

func (s *revocationSync) ready() error {
	select {
	case <-s.loaded:
		return nil
	default:
		return fmt.Errorf("%w: the revocations have not been read yet", ErrRevocationUnavailable)
	}
}

func (s *revocationSync) close(ctx context.Context) error {
	if err := s.goroutines.close(ctx); err != nil {
		return fmt.Errorf("auth: close revocations: %w", err)
	}
	return nil
}

// say writes an entry to Redis and takes it in as Redis has stored it.
func (s *revocationSync) say(ctx context.Context, key revocationKey, entry revocationEntry) error {
	ctx, cancel := context.WithTimeout(ctx, revocationTimeout)
	defer cancel()
	state, known := "r", ""
	if entry.undone {
		state = "u"
	}
	if old := s.table.get(key); old.at > 0 {
		known = old.String()
	}
	text, err := sayScript.Run(ctx, s.client, s.keys, s.channel, time.Now().UnixMilli(), key.String(), state, entry.until, entry.before, known).Text()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRevocationUnavailable, err)
	}
	stored, err := parseRevocationEntry(text)
	if err != nil {
		return fmt.Errorf("%w: the answer is %w", ErrRevocationUnavailable, err)
	}
	if s.table.merge(key, stored, time.Now()) {
		select {
		case s.said <- struct{}{}:
		default: // the goroutine is going to look anyway
		}
	}
	return nil
}

// run is the goroutine.
func (s *revocationSync) run(ctx context.Context, heard <-chan news) {
	resync := time.NewTimer(resyncInterval)
	defer resync.Stop()
	watch := time.NewTimer(0) // fires when the watchers may be called again
	defer watch.Stop()
	resting, stricter := true, false
	for {
		if stricter && !resting {
			stricter, resting = false, true
			s.changed()
			watch.Reset(watchInterval)
		}
		load := false
		select {
		case <-ctx.Done():
			return
		case n := <-heard:
			var more bool
			more, load = s.hear(n, heard)
			stricter = stricter || more
		case <-s.said:
			stricter = true
		case <-watch.C:
			resting = false
		case <-resync.C:
			load = true
		}
		if load {
			more, err := s.load(ctx)
			stricter = stricter || more
			resync.Reset(s.loadedOr(ctx, err))
		}
	}
}

// loadedOr returns when to read Redis again.
func (s *revocationSync) loadedOr(ctx context.Context, err error) time.Duration {
	if err != nil {
		if ctx.Err() == nil && !s.failing {
			s.failing = true // one line for each outage
			s.log.Warn("revocations could not be read from redis, trying again: those that are known stay in force", slog.Any("error", err))
		}
		return resyncRetry
	}
	s.failing = false
	if s.stats.Loads.Add(1) == 1 {
		close(s.loaded)
	}
	return resyncInterval
}

// hear takes in what has been heard and what waits behind it.
func (s *revocationSync) hear(n news, heard <-chan news) (stricter, subscribed bool) {
	now := time.Now()
	for taken := 1; ; taken++ {
		if n.subscribed {
			subscribed = true
		} else if s.take(n.message, now) {
			stricter = true
		}
		if taken == maxWaitingNews {
			return stricter, subscribed
		}
		select {
		case n = <-heard:
		default:
			return stricter, subscribed
		}
	}
}

func (s *revocationSync) take(message string, now time.Time) (stricter bool) {
	s.stats.Received.Add(1)
	key, entry, err := parseRevocationMessage(message)
	if err != nil {
		s.malformed(s.channel, err)
		return false
	}
	return s.table.merge(key, entry, now)
}

func (s *revocationSync) malformed(where string, err error) {
	s.stats.Malformed.Add(1)
	s.complaints.Add(1, slog.String("where", where), slog.Any("error", err))
}

// load reads everything that Redis has, and writes back what it lacks. A look through a hash (HSCAN) gives
// each field at least once that is there all the time; what comes meanwhile comes as a message.
func (s *revocationSync) load(ctx context.Context) (stricter bool, err error) {
	now := time.Now()
	stored := make(map[revocationKey]revocationEntry)
	for cursor := uint64(0); ; {
		var fields []string
		if fields, cursor, err = s.page(ctx, cursor); err != nil {
			return stricter, err
		}
		for i := 0; i+1 < len(fields); i += 2 {
			key, entry, err := parseRevocationMessage(fields[i+1] + " " + fields[i])
			if err != nil {
				s.malformed(s.keys[0], err)
				continue
			}
			stored[key] = entry
			if s.table.merge(key, entry, now) {
				stricter = true
			}
		}
		if cursor == 0 {
			break
		}
	}
	s.table.sweep(now)
	return stricter, s.writeBack(ctx, s.table.missing(stored, now))
}

func (s *revocationSync) page(ctx context.Context, cursor uint64) ([]string, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, revocationTimeout)
	defer cancel()
	return s.client.HScan(ctx, s.keys[0], cursor, "", revocationPage).Result()
}

// writeBack gives entries to Redis. The script keeps newer ones, which came meanwhile.
func (s *revocationSync) writeBack(ctx context.Context, missing map[revocationKey]revocationEntry) error {
	args := []any{s.channel, time.Now().UnixMilli()}
	flush := func() error {
		if len(args) == 2 {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, revocationTimeout)
		defer cancel()
		written, err := mergeScript.Run(ctx, s.client, s.keys, args...).Uint64()
		s.stats.WrittenBack.Add(written)
		args = args[:2]
		return err
	}
	for key, entry := range missing {
		args = append(args, key.String(), entry.String())
		if len(args) >= 2+2*revocationPage {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
