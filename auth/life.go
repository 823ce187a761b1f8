package auth

import (
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

	// connectPatience is when a socket that was not connected is looked at again.
	connectPatience = time.Second

	// maxTimer bounds how long a session sleeps: clocks are set and machines are suspended, and a
	// timer knows of neither.
	maxTimer = time.Hour
)

// schedule has the session look at its token when something is due. A token without exp never asks
// for anything.
func (p *session) schedule() {
	claims := p.claims.Load()
	if !claims.has(claimExpiresAt) {
		return
	}
	left := p.left(claims)
	if notice := p.m.opts.ExpiryNotice; notice > 0 && p.noticed != claims {
		left -= notice
	}
	p.wake(left)
}

// left is for how long the claims are still good: until exp and the leeway after it have passed, as for
// Verify.
func (p *session) left(claims *Claims) time.Duration {
	v := p.m.verifier
	return claims.expiresAt.Add(v.leeway).Sub(v.now())
}

func (p *session) wake(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(min(after, maxTimer), func() { p.s.Enqueue(p.tend) })
}

// tend does what is due about the token.
func (p *session) tend() {
	claims := p.claims.Load()
	left := p.left(claims)
	switch {
	case !p.s.Connected():
		p.wake(connectPatience)
		return
	case left <= 0:
		p.evict(ErrTokenExpired)
		return
	case left <= p.m.opts.ExpiryNotice && p.noticed != claims:
		p.noticed = claims
		_ = p.s.Emit(eventExpiring, map[string]any{"exp": claims.expiresAt.Unix(), "seconds": int64(left.Seconds())})
	}
	p.schedule()
}

// refresh replaces the claims of the socket by those of a new token of the same subject.
func (p *session) refresh(args []any, ack func(answer any)) {
	claims, err := p.verify(args)
	if err == nil && claims.subject != p.claims.Load().subject {
		err = ErrSubjectChanged
	}
	if err != nil {
		p.m.refreshed(p.s, err)
		ack(denied(err))
		p.failed(err)
		return
	}
	p.attempts = 0
	p.claims.Store(claims)
	if err := p.m.verifier.revocations.check(claims); err != nil {
		p.evict(err) // revoked while it came
		return
	}
	remember(p.s, claims)
	p.schedule()
	p.m.refreshed(p.s, nil)
	if p.m.opts.Refreshed != nil {
		p.m.opts.Refreshed(p.s, claims)
	}
	answer := map[string]any{"ok": true}
	if claims.has(claimExpiresAt) {
		answer["exp"] = claims.expiresAt.Unix()
	}
	ack(answer)
}

// failed disconnects a client that shows one bad token after the other. That the keys are not there
// is not its fault.
func (p *session) failed(err error) {
	if errors.Is(err, ErrKeysUnavailable) {
		return
	}
	if p.attempts++; p.attempts < maxAttempts {
		return
	}
	if p.authenticated {
		p.evict(err)
		return
	}
	p.disconnect()
}
