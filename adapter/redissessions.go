package adapter

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chorus/adapter/wire"
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

	// While mu is held, that of a recovery may be locked. While Redis is away, what is to be done waits: for the
	// clients that are here in live, and for those that have gone, as long as it matters and within a bound, in gone.
	mu         sync.Mutex
	recoveries []*recovery
	live       map[socket.PrivateSessionId]*liveSession
	gone       *expiring[farewell]
	dropped    uint64 // of gone, before their time
	ending     bool
}

// farewell is what is to be done about a session whose client has gone: what it was then, or its end.
type farewell struct {
	record *wire.Session // nil for the end
	holder string
}

func newRedisSessions(r *Redis, prefix string, opts RecoveryOptions) *redisSessions {
	return &redisSessions{
		redis: r, prefix: prefix, ttl: opts.MaxDisconnection,
		renew:   min(max(opts.MaxDisconnection/4, 2*sessionsInterval), 30*time.Second),
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
		live:    make(map[socket.PrivateSessionId]*liveSession),
		gone:    newExpiring[farewell](opts.Sessions),
	}
}

func (s *redisSessions) key(pid socket.PrivateSessionId) string { return s.prefix + string(pid) }

// add has the sessions of a namespace kept.
func (s *redisSessions) add(r *recovery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recoveries = append(s.recoveries, r)
}

func (s *redisSessions) find(ctx context.Context, pid socket.PrivateSessionId) (*wire.Session, error) {
	if r := s.waiting(pid); r != nil {
		return r, nil
	}
	text, err := s.redis.client.Get(ctx, s.key(pid)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		s.redis.reload()
		return nil, err
	}
	r, err := wire.ReadSession(text)
	if err != nil {
		return nil, errors.Join(wire.ErrMalformed, err)
	}
	return r, nil
}

// waiting returns a session whose client has gone and that has not been written yet.
func (s *redisSessions) waiting(pid socket.PrivateSessionId) *wire.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.gone.get(pid); w != nil {
		return w.value.record
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

func (s *redisSessions) take(ctx context.Context, r *wire.Session) (bool, error) {
	if r.Text == "" { // one that is waiting
		s.mu.Lock()
		defer s.mu.Unlock()
		if w := s.gone.get(r.Pid); w == nil || w.value.record != r {
			return false, nil
		}
		s.gone.drop(r.Pid)
		return true, nil
	}
	mine := *r
	mine.Holder = s.holderOf(r)
	mine.Turn++
	text, err := mine.Encode()
	if err != nil {
		return false, errors.Join(wire.ErrMalformed, err) // a Node.js server has no bound
	}
	n, err := s.redis.client.Eval(ctx, takeScript, []string{s.key(r.Pid)}, r.Text, text, s.ttl.Milliseconds()).Int()
	if err != nil {
		s.redis.reload()
	}
	return n == 1, err
}

// holderOf is how this server is called in the namespace of a session; any of its names will do for one of
// a Node.js server.
func (s *redisSessions) holderOf(record *wire.Session) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.recoveries {
		if r.local.nsp.Name() == record.Nsp || record.Nsp == "" {
			return r.holder
		}
	}
	return ""
}

func (s *redisSessions) changed(l *liveSession) {
	s.mu.Lock()
	here := l.isHere() // else its farewell is under way, or has come already
	if here {
		s.gone.drop(l.pid)
		s.live[l.pid] = l
	}
	s.mu.Unlock()
	if here {
		s.signal()
	}
}

func (s *redisSessions) closed(r *wire.Session) { s.leave(r.Pid, farewell{r, r.Holder}) }

func (s *redisSessions) ended(l *liveSession) { s.leave(l.pid, farewell{nil, l.r.holder}) }

func (s *redisSessions) leave(pid socket.PrivateSessionId, f farewell) {
	s.mu.Lock()
	delete(s.live, pid)
	s.dropped += s.gone.put(pid, f, time.Now().Add(s.ttl))
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

// sessionWrite is one session on its way to Redis: that of a client that is here, or of one that has gone.
type sessionWrite struct {
	live *liveSession
	gone *lasting[farewell]
	sent redis.Cmder
}

func (s *redisSessions) batch() (batch []*sessionWrite, ending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pid, l := range s.live {
		if len(batch) == sessionsAtOnce {
			return batch, s.ending
		}
		batch = append(batch, &sessionWrite{live: l})
		delete(s.live, pid)
	}
	s.gone.expire()
	for _, w := range s.gone.byPid { // they are found there until they are written
		if len(batch) == sessionsAtOnce {
			break
		}
		batch = append(batch, &sessionWrite{gone: w})
	}
	return batch, s.ending
}

// putBack keeps what was not written, unless there is something newer.
func (s *redisSessions) putBack(batch []*sessionWrite) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range batch {
		if w.live == nil { // it is still there
			continue
		}
		if _, newer := s.live[w.live.pid]; !newer && s.gone.get(w.live.pid) == nil {
			s.live[w.live.pid] = w.live
		}
	}
}

// done forgets what was said of a client that has gone.
func (s *redisSessions) done(w *sessionWrite) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.gone != nil && s.gone.byPid[w.gone.pid] == w.gone {
		s.gone.drop(w.gone.pid)
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
	if _, waits := s.live[l.pid]; !waits && s.gone.get(l.pid) == nil {
		s.live[l.pid] = l
	}
}

// write writes a batch in one round trip, and returns what is to be written again.
func (s *redisSessions) write(ctx context.Context, batch []*sessionWrite) (again []*sessionWrite) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	pipe := s.redis.client.Pipeline()
	for _, w := range batch {
		s.ask(ctx, pipe, w)
	}
	if pipe.Len() > 0 {
		if _, err := pipe.Exec(ctx); err != nil { // each command has its own error
			s.redis.reload()
		}
	}
	for _, w := range batch {
		switch {
		case w.sent == nil: // there was nothing to write
		case isTransient(w.sent.Err()):
			again = append(again, w)
			continue
		case w.sent.Err() != nil: // Redis refuses; to ask again would not help
			s.redis.stats.SessionsUnkept.Add(1)
		case w.live != nil:
			if answer, ok := w.sent.(*redis.Cmd); ok && answer.Val() == int64(0) {
				w.live.replaced()
			}
		}
		s.done(w)
	}
	return again
}

// ask puts into the pipeline what is to be done about a session.
func (s *redisSessions) ask(ctx context.Context, pipe redis.Pipeliner, w *sessionWrite) {
	var record *wire.Session
	ttl := s.ttl
	if w.live != nil {
		if record = w.live.current(); record == nil {
			return // it has ended, and what is to be done of it comes
		}
		w.live.written, w.live.version = time.Now(), library.DataVersion(w.live.socket)
		ttl += s.renew + 2*sessionsInterval
	} else {
		s.mu.Lock()
		f := w.gone.value
		s.mu.Unlock()
		if ttl = time.Until(w.gone.ends); f.holder == "" || ttl < time.Millisecond {
			return // its client is here again, or it is too late
		}
		if record = f.record; record == nil {
			w.sent = pipe.Eval(ctx, dropScript, []string{s.key(w.gone.pid)}, wire.HeldBy(f.holder))
			return
		}
	}
	key := []string{s.key(record.Pid)}
	text, err := record.Encode()
	if err != nil {
		s.redis.stats.SessionsUnkept.Add(1)
		s.redis.log.Warn("a client will not get its session back", slog.String("socket", string(record.Sid)), slog.Any("error", err))
		pipe.Eval(ctx, dropScript, key, wire.HeldBy(record.Holder)) // rather none than an old one
		return
	}
	w.sent = pipe.Eval(ctx, saveScript, key, wire.HeldBy(record.Holder), text, ttl.Milliseconds())
}

// isTransient tells an answer that Redis gives while it starts, or has no master or not all of its slots, and a
// failure to talk to it, from a refusal.
func isTransient(err error) bool {
	var answer redis.Error
	if err == nil || !errors.As(err, &answer) {
		return err != nil
	}
	code, _, _ := strings.Cut(err.Error(), " ")
	return slices.Contains([]string{"LOADING", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "MOVED", "ASK", "NOREPLICAS", "BUSY"}, code)
}

// replaced ends the socket of a session that another server has: the message that should have ended it was lost,
// or came too early.
func (l *liveSession) replaced() {
	l.r.mu.Lock()
	there := l.r.live[l.socket.Id()] == l
	if there {
		l.r.remove(l.socket.Id())
	}
	l.r.mu.Unlock()
	if there {
		l.socket.Enqueue(func() { l.socket.Conn().Close(true) }) // handlers run there
	}
}

// isHere tells whether the client has not gone.
func (l *liveSession) isHere() bool {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	return l.r.live[l.socket.Id()] == l
}

// current is what the session is now; nil when its client has gone.
func (l *liveSession) current() *wire.Session {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	if l.r.live[l.socket.Id()] != l {
		return nil
	}
	return l.record()
}
