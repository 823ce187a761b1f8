package auth

import (
	"chorus/auth/limit"
	"chorus/auth/refusal"
	"chorus/auth/token"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// closeGrace is how long a client that was disconnected has for closing the connection itself.
const closeGrace = time.Second

// session is what is known of a socket that has authenticated, or may do so with an event. It acts on
// the socket's task queue, one thing after the other; only evict and its end may come from anywhere.
type session struct {
	m     *middleware
	s     *socket.Socket
	holds *holds // that hold the socket until it has authenticated; nil when it has at the handshake

	authenticated bool
	attempts      int       // tokens that were refused, one after the other
	unanswered    int       // of them, those whose answer is kept back
	early         int       // events that came before the token
	event         []any     // the event at hand, between conceal and intercept
	noticed       bool      // the client was told about the end of its token
	noticedAt     time.Time // when it was last told

	claims atomic.Pointer[Claims] // nil before authentication

	mu      sync.Mutex
	ended   bool
	evicted bool
	closed  bool        // the connection had closed when the timer last fired
	timer   *time.Timer // for what is due about the token next
	release func()      // gives up the place among the connections of the subject
}

// accept makes the claims those of the socket and tends the session until its end. A token that was
// revoked meanwhile is refused: either this finds that out, or whoever revoked it finds the session.
func (p *session) accept(claims *Claims) error {
	release, err := p.m.place(p, claims)
	if err != nil {
		return err
	}
	p.claims.Store(claims)
	p.m.sessions.add(p)
	if p.m.verifier.Revoked(claims) {
		p.m.sessions.remove(p)
		release()
		return token.ErrRevoked
	}
	p.release = release
	p.authenticated = true
	p.attempts = 0
	remember(p.s, claims)
	p.schedule()
	return nil
}

// place takes a place among the connections of the subject.
func (m *middleware) place(p *session, claims *Claims) (release func(), err error) {
	if m.opts.Limit == nil {
		return func() {}, nil
	}
	replaced := func() { p.s.Enqueue(func() { p.evict(limit.ErrConnectionReplaced) }) }
	return m.opts.Limit.Acquire(context.Background(), claims.Subject(), p.s.Conn().Id(), replaced)
}

// watchEnd has the session end with its socket. Its [Adapter] notices the end of every socket, be it connected
// or refused by a later middleware. Without one, the session of a socket that never connects ends with the
// connection.
func (p *session) watchEnd() {
	if h := holdsOf(p.s.Nsp().Adapter()); h != nil {
		h.watch(p.s.Id(), p.end)
		return
	}
	_ = p.s.Once("disconnect", func(...any) { p.end() }) // fails for reserved names of a client's events only
}

// end stops what was begun for the session. It is idempotent.
func (p *session) end() {
	p.mu.Lock()
	ended, timer, release := p.ended, p.timer, p.release
	p.ended, p.timer, p.release = true, nil, nil
	p.mu.Unlock()
	if ended {
		return
	}
	if timer != nil {
		timer.Stop()
	}
	if release != nil {
		release()
	}
	p.m.sessions.remove(p)
}

// The events that tell a client why it is disconnected, by the code of the reason.
var farewells = map[string]string{
	refusal.CodeTokenExpired:       "token:expired",
	refusal.CodeTokenRevoked:       "token:revoked",
	refusal.CodeConnectionReplaced: "connection:replaced",
}

// evict tells the client why, with the event of the reason, and disconnects it. It may be called from
// anywhere; the first reason counts.
func (p *session) evict(reason error) {
	code := refusal.Code(reason)
	switch {
	case !p.mayEvict():
		return
	case !p.s.Connected():
		// It is about to connect: with its connection closed the library ends it instead.
		p.s.Conn().Close(true)
	default:
		name, ok := farewells[code]
		if !ok {
			name = eventUnauthorized
		}
		p.tell(name, map[string]any{"code": code, "message": refusal.Reason(reason)})
		p.disconnect()
	}
	p.m.ended(p.s, reason)
}

func (p *session) mayEvict() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	may := !p.ended && !p.evicted
	p.evicted = true
	return may
}

// tell sends an event to the client at once. With connection state recovery the library's Emit keeps it
// for the next connection, and with some adapters it comes after what follows.
func (p *session) tell(event string, args ...any) {
	if p.s.Nsp().Server().Opts().ConnectionStateRecovery() == nil {
		_ = p.s.Emit(event, args...) // fails for reserved names only
		return
	}
	_ = p.s.Nsp().Local().To(socket.Room(p.s.Id())).Emit(event, args...) // as above
}

// disconnect ends the socket. Closing the connection at once, as Disconnect(true) does, loses what
// is still to be written: the reason, and the packet without which the official client takes the
// end for a network failure and comes back for ever.
func (p *session) disconnect() {
	conn := p.s.Conn()
	p.s.Disconnect(false)
	time.AfterFunc(closeGrace, func() { conn.Close(false) })
}

// sessions are those of one middleware that have authenticated and not ended.
type sessions struct {
	mu   sync.Mutex
	live map[*session]struct{}
}

func (l *sessions) add(p *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live == nil {
		l.live = make(map[*session]struct{})
	}
	l.live[p] = struct{}{}
}

func (l *sessions) remove(p *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.live, p)
}

// find returns the sessions whose claims are among the affected, which is asked without the lock.
func (l *sessions) find(affected func(*Claims) bool) []*session {
	return slices.DeleteFunc(l.all(), func(p *session) bool { return !affected(p.claims.Load()) })
}

func (l *sessions) all() []*session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.live))
}

// revoked disconnects the sessions whose tokens have been revoked. It does not wait for the handlers of what
// they have sent before, which may be many and slow; with the socket disconnected those are not called.
func (m *middleware) revoked(affected func(*Claims) bool) {
	for _, p := range m.sessions.find(affected) {
		evict := func() {
			if affected(p.claims.Load()) { // it may have a new token by now
				p.evict(token.ErrRevoked)
			}
		}
		if p.s.Connected() {
			go evict() // ends with the handlers of "disconnect"
		} else {
			p.s.Enqueue(evict) // behind what there is to do to connect
		}
	}
}
