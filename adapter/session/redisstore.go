package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"chorus/adapter/wire"
	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	// sessionsAtOnce is how many sessions are written in one round trip, and writeTimeout bounds it.
	sessionsAtOnce = 256
	writeTimeout   = 5 * time.Second
	// sessionsInterval is how often sessions are looked at: whether their data was replaced, or they have to
	// be renewed.
	sessionsInterval = time.Second
)

// redisStore keeps sessions on Redis, those whose client is here as well: a node that is killed writes
// nothing. They are written soon after each change, and renewed.
type redisStore struct {
	client redis.UniversalClient
	keeper *Keeper
	log    *slog.Logger
	prefix string
	ttl    time.Duration // of a session without its client
	renew  time.Duration // how often one whose client is here is written

	wake    chan struct{} // capacity 1: there is something to do
	ctx     context.Context
	cancel  context.CancelFunc
	stopped chan struct{} // closed when run has returned
	again   atomic.Bool   // Redis was away, and may have lost what it had
	unkept  atomic.Uint64 // sessions that were too large, or refused

	// While mu is held, that of a namespace may be locked. While Redis is away, what is to be done waits: for the
	// clients that are here in queue, and for those that have gone, as long as it matters and within a bound, in left.
	mu      sync.Mutex
	queue   []*session
	left    *expiring[departure]
	dropped uint64 // of left, before their time
	ending  bool
}

var _ store = (*redisStore)(nil)

// RedisOptions configures OnRedis.
type RedisOptions struct {
	Options
	// Prefix of the keys of sessions; default what the function Prefix returns for the default prefix.
	Prefix string
}

// Prefix returns the beginning of the keys of sessions by default: "sio:session:" as in Node.js, and with a
// prefix other than wire.DefaultPrefix that one, ":" and "sio:session:".
func Prefix(prefix string) string {
	const name = "sio:session:"
	if prefix == wire.DefaultPrefix || prefix == "" {
		return name
	}
	return prefix + ":" + name
}

// OnRedis returns a keeper for a server in a cluster, which keeps sessions on Redis: a client resumes its session on any
// server, and also when the one that had it was killed. The client stays the caller's to close, after the keeper.
func OnRedis(client redis.UniversalClient, source Source, opts RedisOptions) *Keeper {
	opts.Options = opts.withDefaults()
	if opts.Prefix == "" {
		opts.Prefix = Prefix("")
	}
	s := &redisStore{
		client: client, log: opts.Logger, prefix: opts.Prefix, ttl: opts.MaxDisconnection,
		renew:   min(max(opts.MaxDisconnection/4, 2*sessionsInterval), 30*time.Second),
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
		left:    newExpiring[departure](opts.Sessions),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.keeper = &Keeper{source: source, opts: opts.Options, log: opts.Logger, store: s, close: s.close}
	source.OnReturn(func() { s.again.Store(true) })
	go s.run(s.ctx) // ends with close
	return s.keeper
}

func (s *redisStore) key(pid socket.PrivateSessionId) string { return s.prefix + string(pid) }

func (s *redisStore) find(ctx context.Context, pid socket.PrivateSessionId) (*record, error) {
	if r := s.waiting(pid); r != nil {
		return r, nil
	}
	text, err := s.client.Get(ctx, s.key(pid)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		redisconn.Reload(ctx, s.client)
		return nil, err
	}
	r, err := readRecord(text)
	if err != nil {
		return nil, errors.Join(wire.ErrMalformed, err)
	}
	return r, nil
}

// waiting returns a session whose client has gone and that has not been written yet.
func (s *redisStore) waiting(pid socket.PrivateSessionId) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.left.get(pid); w != nil {
		return w.value.record
	}
	return nil
}

// take implements store.
func (s *redisStore) take(ctx context.Context, r *record) (bool, error) {
	if r.Text == "" { // one that is waiting
		s.mu.Lock()
		defer s.mu.Unlock()
		if w := s.left.get(r.Pid); w == nil || w.value.record != r {
			return false, nil
		}
		s.left.drop(r.Pid)
		return true, nil
	}
	mine := *r
	mine.Holder = s.holderOf(r)
	mine.Turn++
	text, err := mine.encode()
	if err != nil {
		return false, errors.Join(wire.ErrMalformed, err) // a Node.js server has no bound
	}
	n, err := s.client.Eval(ctx, takeScript, []string{s.key(r.Pid)}, r.Text, text, s.ttl.Milliseconds()).Int()
	if err != nil {
		redisconn.Reload(ctx, s.client)
	}
	return n == 1, err
}

// holderOf is how this server is called in the namespace of a session; any of its names will do for one of
// a Node.js server.
func (s *redisStore) holderOf(record *record) string {
	for _, r := range s.keeper.all() {
		if r.Local.Nsp().Name() == record.Nsp || record.Nsp == "" {
			return r.Server
		}
	}
	return ""
}

func (s *redisStore) changed(l *session) {
	s.mu.Lock()
	here := l.isHere() // else its departure is under way, or has come already
	if here {
		s.left.drop(l.pid)
		s.enqueue(l)
	}
	s.mu.Unlock()
	if here {
		s.signal()
	}
}

// enqueue adds a session to those that wait to be written; s.mu is held.
func (s *redisStore) enqueue(l *session) {
	if !l.queued {
		l.queued = true
		s.queue = append(s.queue, l)
	}
}

func (s *redisStore) gone(pid socket.PrivateSessionId, d departure) {
	s.mu.Lock()
	s.dropped += s.left.put(pid, d, time.Now().Add(s.ttl))
	s.mu.Unlock()
	s.signal()
}

func (s *redisStore) stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Away: len(s.left.byPid), Dropped: s.dropped, Unkept: s.unkept.Load()}
}

func (s *redisStore) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // run has not taken the last signal yet
	}
}

// run writes until ctx ends, or close and there is nothing left.
func (s *redisStore) run(ctx context.Context) {
	defer close(s.stopped)
	ticker := time.NewTicker(sessionsInterval)
	defer ticker.Stop()
	var pause redisconn.Backoff
	for {
		batch, ending := s.batch()
		switch {
		case len(batch) > 0:
			if again := s.write(ctx, batch); len(again) > 0 {
				s.putBack(again)
				pause.Wait(ctx)
			} else {
				pause.Reset()
			}
			if ctx.Err() == nil {
				continue
			}
		case ending:
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-ticker.C:
			s.look()
		}
	}
}

// close writes what waits, for as long as ctx allows.
func (s *redisStore) close(ctx context.Context) {
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.signal()
	select {
	case <-s.stopped:
	case <-ctx.Done():
	}
	s.cancel()
}
