package auth

import (
	"chorus/auth/token"
	"errors"
	"time"
)

// The events about the end of a token. The client answers the first with the second.
const (
	eventExpiring = "token:expiring"
	eventRefresh  = "token:refresh"
)

const (
	// DefaultExpiryNotice is how long before the end of its token a client is told.
	DefaultExpiryNotice = 30 * time.Second

	// connectPatience is when a socket that is not connected, or whose connection has closed, is looked at
	// again.
	connectPatience = time.Second

	// minNoticeInterval is the least time between two notices to a client that refreshes with tokens that are
	// about to expire themselves.
	minNoticeInterval = time.Second

	// maxTimer bounds how long a session sleeps: clocks are set and machines are suspended, and a
	// timer knows of neither.
	maxTimer = time.Hour
)

// schedule has the session look at its token when something is due, and at the socket when it should have
// connected.
func (p *session) schedule() {
	claims := p.claims.Load()
	left := p.m.verifier.Left(claims)
	if notice := p.m.opts.ExpiryNotice; notice > 0 && !p.noticed {
		left = min(left, max(left-notice, time.Until(p.noticedAt.Add(minNoticeInterval))))
	}
	if !p.s.Connected() {
		left = min(left, connectPatience)
	}
	p.wake(left)
}

func (p *session) wake(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	after = min(after, maxTimer)
	switch {
	case p.ended:
	case p.timer == nil:
		p.timer = time.AfterFunc(after, p.due)
	default:
		p.timer.Reset(after)
	}
}

// due is called by the timer. A session ends with its socket, but the library forgets two kinds of sockets
// when their connection closes: one about which a later middleware never decides, and one that it is
// connecting at that moment. They are ended here, when the library has had time to do so.
func (p *session) due() {
	switch connected := p.s.Connected(); {
	case p.lost():
		p.s.Disconnect(false)
		if h := holdsOf(p.s.Nsp().Adapter()); h != nil {
			h.leave(p.s.Id())()
		}
		p.end()
	case connected && p.s.Conn().ReadyState() != "closed":
		p.s.Enqueue(p.tend)
	default:
		p.wake(connectPatience)
	}
}

// lost reports whether the connection has closed, and had when it was last asked for.
func (p *session) lost() bool {
	closed := p.s.Conn().ReadyState() == "closed"
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.closed
	p.closed = closed
	return before && closed
}

// tend does what is due about the token.
func (p *session) tend() {
	claims := p.claims.Load()
	left := p.m.verifier.Left(claims)
	switch {
	case left <= 0:
		p.evict(token.ErrExpired)
		return
	case left <= p.m.opts.ExpiryNotice && !p.noticed && time.Since(p.noticedAt) >= minNoticeInterval:
		p.noticed, p.noticedAt = true, time.Now()
		p.tell(eventExpiring, map[string]any{"exp": claims.ExpiresAt().Unix(), "seconds": int64(left.Seconds())})
	}
	p.schedule()
}

// refresh replaces the claims of the socket by those of a new token of the same subject. A subject is known by
// its name within one issuer only (RFC 7519 section 4.1.2).
func (p *session) refresh(args []any, ack func(answer any)) {
	claims, err := p.verify(args)
	if before := p.claims.Load(); err == nil && (claims.Subject() != before.Subject() || claims.Issuer() != before.Issuer()) {
		err = ErrSubjectChanged
	}
	if err == nil && p.m.opts.Refreshing != nil {
		err = p.m.opts.Refreshing(p.s, claims)
	}
	if err != nil {
		p.m.refreshed(p.s, err)
		ack(denied(err))
		if p.spent(err) {
			p.evict(err)
		}
		return
	}
	p.attempts = 0
	p.noticed = false // each token has its notice
	p.claims.Store(claims)
	if p.m.verifier.Revoked(claims) {
		p.evict(token.ErrRevoked) // revoked while it came
		return
	}
	remember(p.s, claims)
	p.schedule()
	p.m.refreshed(p.s, nil)
	if p.m.opts.Refreshed != nil {
		p.m.opts.Refreshed(p.s, claims)
	}
	answer := map[string]any{"ok": true}
	if !claims.ExpiresAt().IsZero() {
		answer["exp"] = claims.ExpiresAt().Unix()
	}
	ack(answer)
}

// spent counts a bad token, and reports whether it was the last one that the client may show in a row. That the keys
// are not there is not its fault.
func (p *session) spent(err error) bool {
	if errors.Is(err, token.ErrKeysUnavailable) {
		return false
	}
	p.attempts++
	return p.attempts >= maxAttempts
}
