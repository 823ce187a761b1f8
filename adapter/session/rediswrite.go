package session

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"chorus/internal/library"
	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

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

// sessionWrite is one session on its way to Redis: that of a client that is here, or of one that has gone.
type sessionWrite struct {
	live *session
	gone *lasting[departure]
	sent redis.Cmder
}

func (s *redisStore) batch() (batch []*sessionWrite, ending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.queue), sessionsAtOnce)
	for _, l := range s.queue[:n] {
		l.queued = false
		batch = append(batch, &sessionWrite{live: l})
	}
	s.queue = slices.Delete(s.queue, 0, n)
	s.left.expire()
	for _, w := range s.left.byPid { // they are found there until they are written
		if len(batch) == sessionsAtOnce {
			break
		}
		batch = append(batch, &sessionWrite{gone: w})
	}
	return batch, s.ending
}

// putBack keeps what was not written, unless there is something newer.
func (s *redisStore) putBack(batch []*sessionWrite) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range batch {
		if w.live == nil { // it is still there
			continue
		}
		if s.left.get(w.live.pid) == nil {
			s.enqueue(w.live)
		}
	}
}

// done forgets the departure of a client that has gone.
func (s *redisStore) done(w *sessionWrite) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.gone != nil && s.left.byPid[w.gone.pid] == w.gone {
		s.left.drop(w.gone.pid)
	}
}

// look enqueues the sessions that are due.
func (s *redisStore) look() {
	now, again := time.Now(), s.again.Swap(false)
	for _, r := range s.keeper.all() {
		for _, l := range r.live() {
			if again || now.Sub(l.written) >= s.renew || library.DataVersion(l.socket) != l.version {
				s.mu.Lock()
				if s.left.get(l.pid) == nil { // else it has ended meanwhile
					s.enqueue(l)
				}
				s.mu.Unlock()
			}
		}
	}
}

// write writes a batch in one round trip, and returns the sessions to write again.
func (s *redisStore) write(ctx context.Context, batch []*sessionWrite) (again []*sessionWrite) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	pipe := s.client.Pipeline()
	for _, w := range batch {
		s.ask(ctx, pipe, w)
	}
	if pipe.Len() > 0 {
		if _, err := pipe.Exec(ctx); err != nil { // each command has its own error
			redisconn.Reload(ctx, s.client)
		}
	}
	for _, w := range batch {
		switch {
		case w.sent == nil: // there was nothing to write
		case isTransient(w.sent.Err()):
			again = append(again, w)
			continue
		case w.sent.Err() != nil: // Redis refuses; to ask again would not help
			s.unkept.Add(1)
		case w.live != nil:
			if answer, ok := w.sent.(*redis.Cmd); ok && answer.Val() == int64(0) {
				w.live.replaced()
			}
		}
		s.done(w)
	}
	return again
}

// ask puts the commands for a session into the pipeline.
func (s *redisStore) ask(ctx context.Context, pipe redis.Pipeliner, w *sessionWrite) {
	var record *record
	ttl := s.ttl
	if w.live != nil {
		if record = w.live.current(); record == nil {
			return // it has ended, and its departure comes
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
			w.sent = pipe.Eval(ctx, dropScript, []string{s.key(w.gone.pid)}, heldBy(f.holder))
			return
		}
	}
	key := []string{s.key(record.Pid)}
	text, err := record.encode()
	if err != nil {
		s.unkept.Add(1)
		s.log.Warn("a client will not get its session back", slog.String("socket", string(record.Sid)), slog.Any("error", err))
		pipe.Eval(ctx, dropScript, key, heldBy(record.Holder)) // rather none than an old one
		return
	}
	w.sent = pipe.Eval(ctx, saveScript, key, heldBy(record.Holder), text, ttl.Milliseconds())
}

// isTransient reports whether an error is an answer that Redis gives while it starts, or has no master or not all of its slots, or a
// failure to talk to it, and no refusal.
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
func (s *session) replaced() {
	if s.ns.endLive(s) {
		s.socket.Enqueue(func() { s.socket.Conn().Close(true) }) // handlers run there
	}
}
