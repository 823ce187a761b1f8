package revocation

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"chorus/internal/background"
	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

// DefaultPrefix begins the names of all keys and channels unless options say otherwise, as for the adapter.
const DefaultPrefix = "socket.io"

const (
	// callTimeout is how long Redis may take for one command.
	callTimeout = 5 * time.Second

	// resyncInterval is the time between two comparisons with Redis while nothing seems to be missed.
	// They bring back what somebody removed from Redis, or Redis itself for want of memory.
	resyncInterval = 5 * time.Minute

	// resyncRetry is the time after which a comparison that failed is begun again.
	resyncRetry = 500 * time.Millisecond

	// watchInterval is the least time between two calls of the watchers, which look at every
	// socket. The first news after a quiet time do not wait.
	watchInterval = 50 * time.Millisecond

	// pageSize is how many entries are read or written at once.
	pageSize = 500
)

// RedisOptions configure NewRedis. The zero value is useful.
type RedisOptions struct {
	// Prefix of the keys and the channel; default "socket.io". Clusters with different prefixes
	// share a Redis without hearing each other.
	Prefix string

	// Logger gets the state of the connection and, at most once a minute, malformed data. Default: no log.
	Logger *slog.Logger
}

// Stats are the counters of a [Redis]. They only grow.
type Stats struct {
	Received    atomic.Uint64 // messages from Redis, own ones included
	Malformed   atomic.Uint64 // messages and stored entries that were not understood
	Loads       atomic.Uint64 // complete readings of what Redis has
	WrittenBack atomic.Uint64 // entries that Redis had lost and got again from this node
	Disconnects atomic.Uint64 // losses of the subscription
}

// Redis is a [Store] over Redis. One goroutine owns the work: it subscribes first, then reads everything, then takes in
// messages; after every loss of the connection it does so again.
type Redis struct {
	client  redis.UniversalClient
	log     *slog.Logger
	table   *Table
	stats   Stats
	changed func()
	keys    []string // of the script
	channel string

	complaints redisconn.Complaints // these two belong to the goroutine
	failing    bool

	written    chan struct{} // this node has put an entry; holds one
	loaded     chan struct{} // closed when Redis has been read once
	goroutines *background.Group
}

var _ Store = (*Redis)(nil)

// NewRedis returns a store that the nodes of a cluster share. It connects when a set opens it, and keeps trying until it
// is closed. The caller closes the client, afterwards.
//
// Redis carries the revocations and every node keeps all of them, so that no look-up waits for Redis and none depends on
// it. While Redis is away, known revocations stay in force and Put fails. When it comes back, each node reads what it has
// missed, undoings too, and writes back what Redis does not have: a Redis that starts empty learns the revocations again
// from any node that still runs. For each token id or subject the last word counts, in the time of Redis. Only when Redis
// loses its data while no node runs are revocations lost: let it store them when that matters.
func NewRedis(client redis.UniversalClient, opts RedisOptions) *Redis {
	prefix := cmp.Or(opts.Prefix, DefaultPrefix)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Redis{
		client: client,
		log:    opts.Logger,
		// The braces have Redis Cluster keep both keys in one place, which scripts need.
		keys:       []string{"{" + prefix + "-auth}:revocations", "{" + prefix + "-auth}:revocations:until"},
		channel:    prefix + "-auth",
		complaints: redisconn.MalformedData(opts.Logger),
		written:    make(chan struct{}, 1),
		loaded:     make(chan struct{}),
	}
}

// Open implements [Store].
func (s *Redis) Open(known *Table, changed func()) {
	s.table, s.changed = known, changed
	listener := redisconn.Subscription{Client: s.client, Channel: s.channel, Log: s.log, Losses: &s.stats.Disconnects}
	received := make(chan redisconn.News, redisconn.MaxWaitingNews)
	s.goroutines = background.Start(
		func(ctx context.Context) { listener.Run(ctx, received) },
		func(ctx context.Context) { s.run(ctx, received) },
	)
}

// Stats returns the counters.
func (s *Redis) Stats() *Stats { return &s.stats }

// Ready implements [Store].
func (s *Redis) Ready() error {
	select {
	case <-s.loaded:
		return nil
	default:
		return fmt.Errorf("%w: the revocations have not been read yet", ErrUnavailable)
	}
}

// Wait implements [Store].
func (s *Redis) Wait(ctx context.Context) error {
	select {
	case <-s.loaded:
		return nil
	case <-ctx.Done():
		return s.Ready()
	}
}

// Close implements [Store].
func (s *Redis) Close(ctx context.Context) error {
	if err := s.goroutines.Close(ctx); err != nil {
		return fmt.Errorf("auth: close revocations: %w", err)
	}
	return nil
}

// Put implements [Store]: it reads what Redis has, and replaces that unless another node was faster.
func (s *Redis) Put(ctx context.Context, key Key, entry Entry) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	put := change{key: key, expected: textOf(s.table.Get(key))}
	for range maxExchanges {
		at, stored, err := s.exchange(ctx, put)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		case put.text != "" && stored[0] == put.text:
			if s.table.Merge(key, put.entry, time.Now()) {
				s.wakeUp()
			}
			return nil
		}
		old, _ := ParseEntry(stored[0])                  // what cannot be read counts as nothing
		if known := s.table.Get(key); known.Newer(old) { // Redis may just have lost it
			old = known
		}
		past := time.Now()
		if at.Before(past) {
			past = at
		}
		put.entry = entry.Over(old, at, past)
		put.expected, put.text = stored[0], put.entry.String()
	}
	return fmt.Errorf("%w: other nodes change the same revocation all the time", ErrUnavailable)
}

// wakeUp has the goroutine call the watchers.
func (s *Redis) wakeUp() {
	select {
	case s.written <- struct{}{}:
	default: // the goroutine is going to look anyway
	}
}

// run is the goroutine.
func (s *Redis) run(ctx context.Context, received <-chan redisconn.News) {
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
		case n := <-received:
			var more bool
			more, load = s.receive(n, received)
			stricter = stricter || more
		case <-s.written:
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
func (s *Redis) loadedOr(ctx context.Context, err error) time.Duration {
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

// receive takes in what has come and what waits behind it.
func (s *Redis) receive(n redisconn.News, received <-chan redisconn.News) (stricter, subscribed bool) {
	now := time.Now()
	for taken := 1; ; taken++ {
		if n.Subscribed {
			subscribed = true
		} else if s.take(n.Message, now) {
			stricter = true
		}
		if taken == redisconn.MaxWaitingNews {
			return stricter, subscribed
		}
		select {
		case n = <-received:
		default:
			return stricter, subscribed
		}
	}
}

func (s *Redis) take(message string, now time.Time) (stricter bool) {
	s.stats.Received.Add(1)
	key, entry, err := parseMessage(message)
	if err != nil {
		s.malformed(s.channel, err)
		return false
	}
	return s.table.Merge(key, entry, now)
}

func (s *Redis) malformed(where string, err error) {
	s.stats.Malformed.Add(1)
	s.complaints.Add(1, slog.String("where", where), slog.Any("error", err))
}

// load reads everything that Redis has, and writes back what it lacks. A look through a hash (HSCAN) gives
// each field at least once that is there all the time; what comes meanwhile comes as a message.
func (s *Redis) load(ctx context.Context) (stricter bool, err error) {
	now := time.Now()
	stored := make(map[Key]Entry)
	for cursor := uint64(0); ; {
		var fields []string
		if fields, cursor, err = s.page(ctx, cursor); err != nil {
			return stricter, err
		}
		for i := 0; i+1 < len(fields); i += 2 {
			key, entry, err := parseMessage(fields[i+1] + " " + fields[i])
			if err != nil {
				s.malformed(s.keys[0], err)
				continue
			}
			stored[key] = entry
			if s.table.Merge(key, entry, now) {
				stricter = true
			}
		}
		if cursor == 0 {
			break
		}
	}
	s.table.Sweep(now)
	return stricter, s.writeBack(ctx, s.table.Missing(stored, now), stored)
}

func (s *Redis) page(ctx context.Context, cursor uint64) ([]string, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.client.HScan(ctx, s.keys[0], cursor, "", pageSize).Result()
}
