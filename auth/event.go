package auth

import (
	"chorus/auth/refusal"
	"chorus/auth/token"
	"context"
	"slices"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// The events of the module socketio-jwt, and the type of its errors.
const (
	eventAuthenticate  = "authenticate"
	eventAuthenticated = "authenticated"
	eventUnauthorized  = "unauthorized"
	unauthorizedType   = "UnauthorizedError"
)

// maxAttempts is how many tokens a client may try on one connection.
const maxAttempts = 3

// maxEarlyEvents is how many events a client may send before it has authenticated. A client that
// waits for "authenticated" sends one, and what waits for the handlers must be bounded: as long as
// the client is nobody, nothing else slows it down.
const maxEarlyEvents = 100

func newSession(m *middleware, s *socket.Socket, h *holds) *session {
	return &session{m: m, s: s, holds: h}
}

// listen puts the session between the client and the handlers.
func (p *session) listen() {
	p.s.PrependAny(p.conceal)
	if p.takesEvent() {
		p.s.Use(p.intercept)
	}
}

// takesEvent reports whether the client may use the event "authenticate".
func (p *session) takesEvent() bool { return p.m.opts.Mode != ModeHandshake }

// conceal keeps an event from the handlers of OnAny, which the library calls before it asks any
// middleware: they would handle events of nobody and log tokens. All of them get the same list of
// values, and this handler is the first of them.
func (p *session) conceal(args ...any) {
	p.event = nil
	if len(args) == 0 || p.authenticated && args[0] != eventRefresh && (args[0] != eventAuthenticate || !p.takesEvent()) {
		return
	}
	p.event = slices.Clone(args)
	clear(args)
	args[0] = ""
	if !p.takesEvent() {
		event, ack := splitAck(p.event)
		p.event = nil
		p.refresh(event[1:], ack)
	}
}

// intercept decides whether an event goes on to the handlers. What it does not pass on ends here: an
// error given to next would be raised on the socket, once for each event.
func (p *session) intercept(event []any, next func(error)) {
	if p.event == nil && p.authenticated {
		next(nil)
		return
	}
	if p.event != nil {
		event, p.event = p.event, nil
	}
	args, ack := splitAck(event)
	switch {
	case len(args) > 0 && args[0] == eventAuthenticate:
		p.authenticate(args[1:], ack)
	case len(args) > 0 && args[0] == eventRefresh && p.authenticated:
		p.refresh(args[1:], ack)
	default:
		ack(denied(token.ErrRequired))
		if p.early++; p.early == maxEarlyEvents {
			p.m.refusedByEvent(p.s, token.ErrRequired)
			p.disconnect()
		}
	}
}

func (p *session) authenticate(args []any, ack func(answer any)) {
	if p.authenticated {
		_ = p.s.Emit(eventAuthenticated) // fails for reserved names only
		ack(map[string]any{"ok": true})
		return
	}
	if p.attempts >= maxAttempts {
		ack(denied(token.ErrRequired)) // the answer to the last one is on its way, and the end
		return
	}
	claims, err := p.verify(args)
	if err == nil && p.m.opts.Authenticating != nil {
		err = p.m.opts.Authenticating(p.s, claims)
	}
	if err == nil {
		err = p.accept(claims)
	}
	if err != nil {
		p.refuse(err, ack)
		return
	}
	if !p.holds.release(p.s.Id(), p.end) {
		p.end() // it has disconnected meanwhile
		return
	}
	p.m.opts.Observe(refusal.CodeOK)
	_ = p.s.Emit(eventAuthenticated)
	ack(map[string]any{"ok": true})
	p.s.Nsp().EmitUntyped(eventAuthenticated, p.s)
}

// refuse answers a bad token, perhaps later. A good token that comes meanwhile is not delayed.
func (p *session) refuse(err error, ack func(answer any)) {
	p.spent(err)
	p.unanswered++
	answer := func() {
		p.unanswered--
		if !p.authenticated {
			p.unauthorized(err)
		}
		ack(denied(err))
		if p.attempts >= maxAttempts && p.unanswered == 0 {
			p.disconnect()
		}
	}
	if delay := p.m.opts.Delay(p.s, err); delay > 0 {
		time.AfterFunc(delay, func() { p.s.Enqueue(answer) }) // ends with the delay
		return
	}
	answer()
}

func (p *session) verify(args []any) (*Claims, error) {
	if len(args) == 0 {
		return nil, token.ErrRequired
	}
	token, err := eventToken(args[0])
	if err != nil {
		return nil, err
	}
	return p.m.verifier.Verify(context.Background(), token)
}

// unauthorized tells the client why, in the form of socketio-jwt: when the client calls the
// acknowledgement, it is disconnected.
func (p *session) unauthorized(err error) {
	p.m.refusedByEvent(p.s, err)
	_ = p.s.Emit(eventUnauthorized, map[string]any{
		"message": refusal.Reason(err),
		"data":    map[string]any{"code": refusal.Code(err), "type": unauthorizedType, "message": refusal.Reason(err)},
	}, func([]any, error) { p.disconnect() })
}

// timeout ends the session of a client that has not authenticated in time. The timer calls it;
// an "authenticate" that is being handled, or came earlier, goes first.
func (p *session) timeout() { p.s.Enqueue(p.expire) }

func (p *session) expire() {
	switch {
	case p.authenticated, !p.holds.has(p.s.Id()):
	case p.s.Connected():
		p.m.refusedByEvent(p.s, token.ErrRequired)
		p.disconnect()
	case p.s.Conn().ReadyState() == "open":
		// A later middleware has not decided yet. With the connection closed the library ends
		// the socket once it does, and the hold with it.
		p.s.Conn().Close(true)
		p.holds.extend(p.s.Id())
	default:
		p.holds.drop(p.s.Id()) // it never did
	}
}

// splitAck separates an event from the client's acknowledgement, which does nothing when the
// client wants none.
func splitAck(event []any) ([]any, func(answer any)) {
	if n := len(event); n > 0 {
		if ack, ok := event[n-1].(socket.Ack); ok {
			return event[:n-1], func(answer any) { ack([]any{answer}, nil) }
		}
	}
	return event, func(any) {}
}

// denied is the acknowledgement of an event that was refused.
func denied(err error) map[string]any {
	return (&RequestError{Code: refusal.Code(err), Message: refusal.Reason(err)}).Answer()
}
