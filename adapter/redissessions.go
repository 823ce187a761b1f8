package adapter

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chorus/internal/library"
	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	// sessionsAtOnce is how many sessions are written in one round trip.
	sessionsAtOnce = 256
	// sessionsInterval is how often sessions are looked at: whether their data was replaced, or they have to
	// be renewed.
	sessionsInterval = time.Second
)

// redisSessions keeps sessions on Redis, those whose client is here as well: a node that is killed writes
// nothing. They are written soon after each change, and renewed.
type redisSessions struct {
	redis  *Redis
	prefix string
	ttl    time.Duration // of a session without its client
	renew  time.Duration // how often one whose client is here is written

	wake    chan struct{} // capacity 1: there is something to do
	stopped chan struct{} // closed when run has returned
	anew    atomic.Bool   // Redis was away, and may have lost what it had

	mu         sync.Mutex
	recoveries []*recovery
	queue      map[socket.PrivateSessionId]sessionWrite
	ending     bool
}

// sessionWrite is what is to be done about a session: what it is when it is written, what it was when its
// client went, or its end.
type sessionWrite struct {
	live   *liveSession
	record *sessionRecord
	end    bool
}

func newRedisSessions(r *Redis, prefix string, opts RecoveryOptions) *redisSessions {
	return &redisSessions{
		redis: r, prefix: prefix, ttl: opts.MaxDisconnection,
		renew:   min(max(opts.MaxDisconnection/4, 2*sessionsInterval), 30*time.Second),
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
		queue:   make(map[socket.PrivateSessionId]sessionWrite),
	}
}

func (s *redisSessions) key(pid socket.PrivateSessionId) string { return s.prefix + string(pid) }

// add has the sessions of a namespace kept.
func (s *redisSessions) add(r *recovery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recoveries = append(s.recoveries, r)
}

func (s *redisSessions) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.recoveries {
		n += r.count()
	}
	return n
}

func (s *redisSessions) find(ctx context.Context, pid socket.PrivateSessionId) (*sessionRecord, error) {
	if r := s.waiting(pid); r != nil {
		return r, nil
	}
	text, err := s.redis.client.Get(ctx, s.key(pid)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := readSession(text)
	if err != nil {
		return nil, errors.Join(errMalformed, err)
	}
	return r, nil
}

// waiting returns a session whose client has gone and that has not been written yet.
func (s *redisSessions) waiting(pid socket.PrivateSessionId) *sessionRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, ok := s.queue[pid]; ok {
		return w.record
	}
	return nil
}

// The scripts compare what is stored before they change it: only the holder may renew or drop a session,
// and of two that would take it one does.
const (
	saveScript = `local v = redis.call('GET', KEYS[1])
if v and string.sub(v, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`
	dropScript = `local v = redis.call('GET', KEYS[1])
if not v or string.sub(v, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`
	takeScript = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`
)

func (s *redisSessions) take(ctx context.Context, r *sessionRecord) (bool, error) {
	if r.text == "" { // one that is waiting
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.queue[r.pid].record != r {
			return false, nil
		}
		delete(s.queue, r.pid)
		return true, nil
	}
	mine := *r
	mine.holder = s.holderOf(r)
	mine.turn++
	text, err := mine.encode()
	if err != nil {
		return false, err
	}
	n, err := s.redis.client.Eval(ctx, takeScript, []string{s.key(r.pid)}, r.text, text, s.ttl.Milliseconds()).Int()
	return n == 1, err
}

// holderOf is how this server is called in the namespace of a session; any of its names will do for one of
// a Node.js server.
func (s *redisSessions) holderOf(record *sessionRecord) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.recoveries {
		if r.local.nsp.Name() == record.nsp || record.nsp == "" {
			return r.holder
		}
	}
	return ""
}

func (s *redisSessions) changed(l *liveSession) { s.push(l.pid, sessionWrite{live: l}) }

func (s *redisSessions) closed(l *liveSession, r *sessionRecord) {
	s.push(r.pid, sessionWrite{live: l, record: r})
}

func (s *redisSessions) ended(l *liveSession) { s.push(l.pid, sessionWrite{live: l, end: true}) }

func (s *redisSessions) push(pid socket.PrivateSessionId, w sessionWrite) {
	s.mu.Lock()
	s.queue[pid] = w
	s.mu.Unlock()
	s.signal()
}

func (s *redisSessions) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // run has not taken the last signal yet
	}
}

// run writes until ctx ends, or close and there is nothing left.
func (s *redisSessions) run(ctx context.Context) {
	defer close(s.stopped)
	ticker := time.NewTicker(sessionsInterval)
	defer ticker.Stop()
	var pause redisconn.Backoff
	for {
		batch, ending := s.batch()
		switch {
		case len(batch) > 0:
			if err := s.write(ctx, batch); err != nil {
				s.putBack(batch)
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
func (s *redisSessions) close(ctx context.Context) {
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.signal()
	select {
	case <-s.stopped:
	case <-ctx.Done():
	}
}

func (s *redisSessions) batch() (batch map[socket.PrivateSessionId]sessionWrite, ending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch = make(map[socket.PrivateSessionId]sessionWrite)
	for pid, w := range s.queue {
		batch[pid] = w
		delete(s.queue, pid)
		if len(batch) == sessionsAtOnce {
			break
		}
	}
	return batch, s.ending
}

// putBack keeps what was not written, unless there is something newer.
func (s *redisSessions) putBack(batch map[socket.PrivateSessionId]sessionWrite) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pid, w := range batch {
		if _, newer := s.queue[pid]; !newer {
			s.queue[pid] = w
		}
	}
}

// look has those sessions written that are due.
func (s *redisSessions) look() {
	s.mu.Lock()
	recoveries := s.recoveries
	s.mu.Unlock()
	now, anew := time.Now(), s.anew.Swap(false)
	for _, r := range recoveries {
		r.mu.Lock()
		live := make([]*liveSession, 0, len(r.live))
		for _, l := range r.live {
			live = append(live, l)
		}
		r.mu.Unlock()
		for _, l := range live {
			if anew || now.Sub(l.written) >= s.renew || library.DataVersion(l.socket) != l.version {
				s.changedIfLive(l)
			}
		}
	}
}

// changedIfLive does not bring a session back that has ended meanwhile.
func (s *redisSessions) changedIfLive(l *liveSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, waits := s.queue[l.pid]; !waits {
		s.queue[l.pid] = sessionWrite{live: l}
	}
}

// write writes a batch in one round trip.
func (s *redisSessions) write(ctx context.Context, batch map[socket.PrivateSessionId]sessionWrite) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	pipe := s.redis.client.Pipeline()
	for pid, w := range batch {
		record, ttl := w.record, s.ttl
		if record == nil && !w.end {
			if record = w.live.current(); record == nil {
				continue // it has ended, and what is to be done of it comes
			}
			w.live.written, w.live.version = time.Now(), library.DataVersion(w.live.socket)
			ttl += s.renew + 2*sessionsInterval
		}
		key := []string{s.key(pid)}
		if w.end {
			pipe.Eval(ctx, dropScript, key, heldBy(w.live.r.holder))
			continue
		}
		text, err := record.encode()
		if err != nil {
			s.redis.stats.SessionsUnkept.Add(1)
			s.redis.log.Warn("a client will not get its session back", slog.String("socket", string(record.sid)), slog.Any("error", err))
			pipe.Eval(ctx, dropScript, key, heldBy(record.holder)) // rather none than an old one
			continue
		}
		pipe.Eval(ctx, saveScript, key, heldBy(record.holder), text, ttl.Milliseconds())
	}
	if pipe.Len() == 0 {
		return nil
	}
	_, err := pipe.Exec(ctx)
	if isRedisAnswer(err) {
		s.redis.stats.SessionsUnkept.Add(1)
		return nil // Redis refuses; to ask again would not help
	}
	return err
}

// isRedisAnswer tells an answer of Redis from a failure to talk to it.
func isRedisAnswer(err error) bool {
	var answer redis.Error
	return err != nil && errors.As(err, &answer) && !strings.HasPrefix(err.Error(), "LOADING") && !strings.HasPrefix(err.Error(), "READONLY")
}

// current is what the session is now; nil when its client has gone.
func (l *liveSession) current() *sessionRecord {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	if l.r.live[l.socket.Id()] != l {
		return nil
	}
	return l.record()
}
