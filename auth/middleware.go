package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"chorus/auth/limit"
	"chorus/auth/refusal"
	"chorus/auth/revocation"
	"chorus/auth/token"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Mode says when a client shows its token.
type Mode string

// The modes. ModeEvent and ModeBoth need an adapter inside an [Adapter].
const (
	// ModeHandshake: in the handshake, or the connection is refused.
	ModeHandshake Mode = "handshake"

	// ModeEvent: with the event "authenticate" after connecting, in time, or it is disconnected.
	// A token in the handshake is not looked at.
	ModeEvent Mode = "event"

	// ModeBoth: as ModeHandshake when the handshake has a token, be it good or bad, and else as
	// ModeEvent.
	ModeBoth Mode = "both"
)

// DefaultEventTimeout is how long a client may take to authenticate with an event.
const DefaultEventTimeout = 15 * time.Second

// MiddlewareOptions are the options of [Middleware].
type MiddlewareOptions struct {
	// Mode says when a client shows its token; empty stands for ModeHandshake.
	Mode Mode

	// EventTimeout is how long a client may stay without authenticating, counted from the
	// handshake; 0 stands for DefaultEventTimeout. ModeHandshake has no use for it.
	EventTimeout time.Duration

	// Cookie names a cookie that may hold the token; empty stands for none. Browsers send cookies
	// with every WebSocket handshake, whatever page opens it, so a cookie counts only for pages of
	// the server's own origin, as the Origin header names it, and those of Origins. Others, and
	// clients without the header, are refused with code origin_not_allowed.
	Cookie string

	// Origins are those whose pages may use the cookie besides the server's own, as
	// "https://app.example.com" or "https://*.example.com". "*" and "null" permit none.
	Origins []string

	// OriginListed reports whether pages of an origin may use the cookie besides the server's own. It is asked at each
	// handshake, so that its answers may change while the server runs. nil stands for the list Origins.
	OriginListed func(origin string) bool

	// Scrub names further query parameters, headers and members of the auth object that may hold a token or
	// another secret. They are removed from the socket's Handshake like the token itself, since the handshake
	// travels over Redis to every server that calls fetchSockets. Headers and members are compared without
	// regard to case. See [Middleware] for what is always removed.
	Scrub []string

	// Logger gets refusals at level debug and faults of the server's set-up at level error; nil
	// stands for no log. Tokens are not logged.
	Logger *slog.Logger

	// Observe is called with refusal.CodeOK for every client that was let in and with the code of every
	// refusal, a timeout being one with code credentials_required; nil stands for nothing. It
	// must not block.
	Observe func(code string)

	// Refused is called with the reason when a client that authenticates by event is refused: for each bad token,
	// for too many events before it, and when no token comes in time. nil stands for nothing. It must not block.
	Refused func(s *socket.Socket, reason error)

	// Delay returns how long the answer about a bad token is kept back that came by event, so that a client which tries
	// many waits longer and longer; nil stands for never. It must not block.
	Delay func(s *socket.Socket, reason error) time.Duration

	// ExpiryNotice is how long before the end of its token a client gets "token:expiring"; 0 stands for
	// DefaultExpiryNotice, a negative value for no notice.
	ExpiryNotice time.Duration

	// Revocations disconnect the sockets of tokens that are revoked while they are connected; nil stands for none. The
	// verifier needs the function Revoked of the same set.
	Revocations *revocation.Set

	// Limit bounds the connections of a subject; nil stands for no limit.
	Limit *limit.Connections

	// Verified is called when the token at the handshake of a client was found good, before anything is
	// remembered of its socket: it may give the socket the id of an earlier one, as connection state recovery
	// does. nil stands for nothing. It may wait.
	Verified func(s *socket.Socket, claims *Claims)

	// Authenticating is called with the claims of a good token that came by event, before they are those of the socket,
	// and may refuse it with an error of [refusal.New]; nil stands for nothing. It may wait.
	Authenticating func(s *socket.Socket, claims *Claims) error

	// Refreshing is called with the claims of a good token before it replaces that of a client, and may refuse it with
	// an error of [refusal.New]; nil stands for nothing. It may wait.
	Refreshing func(s *socket.Socket, claims *Claims) error

	// Refreshed is called when a client has replaced its token, with the claims of the new one; nil
	// stands for nothing. It runs where the socket's handlers run.
	Refreshed func(s *socket.Socket, claims *Claims)

	// ObserveRefresh is called with refusal.CodeOK for every token that was replaced and with the code of every
	// refusal; nil stands for nothing. It must not block.
	ObserveRefresh func(code string)

	// ObserveEnd is called with the code for every socket that was disconnected because of its token: it
	// has expired, was revoked, or its subject has opened too many connections; nil stands for nothing.
	// It must not block.
	ObserveEnd func(code string)
}

// refusedMessage is the message of every refusal at the handshake. Existing front ends compare it.
const refusedMessage = "Authentication error"

// Middleware returns a middleware for Server.Use or Namespace.Use that lets clients in only with
// a token that the verifier finds good. From then on [FromSocket] returns the claims, and the
// socket's data, unless the application has put something else than a map[string]any there, holds
// them as "decoded".
//
// At the handshake the token is taken from the client's auth object {token}, then the header
// "Authorization: Bearer", the query parameter "token" and the cookie of the options; the first
// that is there decides. A refused client gets the error "Authentication error" with the data
// {code, reason, type: "UnauthorizedError"}; a Socket.IO v2 client gets the data alone, with the message in it.
// In every mode the socket's Handshake then no longer has: the query parameters and members of auth "token" and
// "access_token", the headers Authorization and Proxy-Authorization, the cookie of the options, the values of
// those parameters in the URL and the Referer, and what MiddlewareOptions.Scrub names.
//
// With ModeEvent and ModeBoth a client without a token connects, the handlers of "connection" run,
// and until it has authenticated it is nobody:
//
//   - it is in no room and joins none, and no broadcast reaches it; an Emit on the socket itself
//     does, and Namespace.Sockets lists it;
//   - its events reach no middleware of the socket and no handler; one with an acknowledgement is
//     answered {ok: false, error: {code: "credentials_required", message}}. Handlers of OnAny see
//     a nameless event without values;
//   - the event "authenticate" with {token} is answered with the event "authenticated", which is
//     also raised on the namespace with the socket for the program's own use, or "unauthorized"
//     with {message, data: {code, type: "UnauthorizedError", message}} and an acknowledgement:
//     a client that calls it is disconnected. The code is one of [Code], as in the handshake;
//   - after three refused attempts or the timeout it is disconnected: from the namespace at once,
//     and a second later, when it has had time to read why, its connection is closed.
//
// A further "authenticate" is answered "authenticated" and changes nothing: to become somebody
// else, a client connects anew. An acknowledgement of "authenticate" gets {ok: true}, or the error
// as above.
//
// In every mode the end of the token is the end of the socket. ExpiryNotice before it, the client gets the
// event "token:expiring" with {exp, seconds}: when the token ends, in seconds since 1970 and from now. It
// answers with "token:refresh" and {token}, a new token of the same subject, whose claims are then those of
// the socket; an acknowledgement gets {ok: true, exp} or the error as above, and the third bad token in
// succession ends the socket. Without a new one it gets "token:expired" once exp and the leeway have passed.
// A client whose token is revoked gets "token:revoked", one that gave way to a newer connection of its
// subject "connection:replaced". These three have {code, message}, and the client is then disconnected as
// above.
//
// With the library's connection state recovery these events reach the client at once: they are of this
// connection.
//
// Without an [Adapter], and with the library's connection state recovery, these two modes are not
// safe: every client that would have to use them is refused with code internal_error, and the
// log says so.
//
// Middleware panics when the verifier is nil, the mode is unknown, or an entry of Origins can never match.
func Middleware(v *Verifier, opts MiddlewareOptions) socket.NamespaceMiddleware {
	return newMiddleware(v, opts).connect
}

func newMiddleware(v *Verifier, opts MiddlewareOptions) *middleware {
	if v == nil {
		panic("auth: Middleware needs a Verifier")
	}
	switch opts.Mode {
	case "":
		opts.Mode = ModeHandshake
	case ModeHandshake, ModeEvent, ModeBoth:
	default:
		panic(fmt.Sprintf("auth: unknown mode %q", opts.Mode))
	}
	if opts.EventTimeout <= 0 {
		opts.EventTimeout = DefaultEventTimeout
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	for _, observe := range []*func(string){&opts.Observe, &opts.ObserveRefresh, &opts.ObserveEnd} {
		if *observe == nil {
			*observe = func(string) {}
		}
	}
	if opts.Delay == nil {
		opts.Delay = func(*socket.Socket, error) time.Duration { return 0 }
	}
	if opts.Refused == nil {
		opts.Refused = func(*socket.Socket, error) {}
	}
	if opts.ExpiryNotice == 0 {
		opts.ExpiryNotice = DefaultExpiryNotice
	}
	if origins := mustOrigins(opts.Origins); opts.OriginListed == nil {
		opts.OriginListed = origins.Names
	}
	m := &middleware{verifier: v, opts: opts}
	opts.Revocations.Watch(m.revoked)
	return m
}

// middleware is what the clients of one Middleware have in common.
type middleware struct {
	verifier *Verifier
	opts     MiddlewareOptions
	sessions sessions

	misconfigured sync.Once // one line in the log, and not one for each client
}

func (m *middleware) connect(s *socket.Socket, next func(*socket.ExtendedError)) {
	text, err := credentials(s.Handshake(), cookieSource{m.opts.Cookie, s.Request().Request().Host, m.opts.OriginListed})
	scrub(s.Handshake(), m.opts.Cookie, m.opts.Scrub)

	switch {
	case m.isTwin(s):
		s.Conn().Close(true)
		err = fmt.Errorf("%w: connected twice", ErrCredentialsFormat)
	case m.opts.Mode == ModeEvent, m.opts.Mode == ModeBoth && errors.Is(err, token.ErrRequired):
		err = m.await(s)
	case err == nil:
		err = m.verify(s, text)
	}
	if err != nil {
		m.refused(s, err)
		next(connectError(s, err))
		return
	}
	next(nil)
}

// verify authenticates a socket at the handshake.
func (m *middleware) verify(s *socket.Socket, text string) error {
	// The verification has no use for a deadline, and the context of the HTTP request ends with
	// the request, which for long-polling is at any moment.
	claims, err := m.verifier.Verify(context.Background(), text)
	if err != nil {
		return err
	}
	if m.opts.Verified != nil {
		m.opts.Verified(s, claims)
	}
	p := newSession(m, s, nil)
	if err := p.accept(claims); err != nil {
		return err
	}
	p.watchEnd()
	p.listen()
	m.opts.Observe(refusal.CodeOK)
	return nil
}

// await lets a socket connect as nobody.
func (m *middleware) await(s *socket.Socket) error {
	h := holdsOf(s.Nsp().Adapter())
	if h == nil {
		return m.unsafe("the adapter is not wrapped: use SetAdapter(auth.Adapter(adapter)), or the handshake mode")
	}
	if s.Nsp().Server().Opts().ConnectionStateRecovery() != nil {
		return m.unsafe("connection state recovery is on: turn it off, or use the handshake mode")
	}
	session := newSession(m, s, h)
	h.hold(s.Id(), m.opts.EventTimeout, session.timeout)
	session.listen()
	return nil
}

// isTwin reports whether there is another socket of the same id. Only a Socket.IO v2 client that connects to
// a namespace twice at a time has two. Rooms and holds know ids only: the end of one socket would be that of the other,
// or release it, so such a connection is closed.
func (m *middleware) isTwin(s *socket.Socket) bool {
	h := holdsOf(s.Nsp().Adapter())
	return h != nil && h.knows(s.Id())
}

func (m *middleware) unsafe(remedy string) error {
	m.misconfigured.Do(func() {
		m.opts.Logger.Error("clients are refused: authentication by event is not safe here",
			slog.String("mode", string(m.opts.Mode)), slog.String("remedy", remedy))
	})
	return fmt.Errorf("%w: %s", ErrMisconfigured, remedy)
}

func (m *middleware) refused(s *socket.Socket, err error) {
	m.opts.Observe(refusal.Code(err))
	m.log("client refused", s, err)
}

// refusedByEvent reports a client that authenticates by event.
func (m *middleware) refusedByEvent(s *socket.Socket, err error) {
	m.refused(s, err)
	m.opts.Refused(s, err)
}

// refreshed reports an attempt to replace a token.
func (m *middleware) refreshed(s *socket.Socket, err error) {
	if err == nil {
		m.opts.ObserveRefresh(refusal.CodeOK)
		return
	}
	m.opts.ObserveRefresh(refusal.Code(err))
	m.log("token not replaced", s, err)
}

// ended reports a socket that was disconnected because of its token.
func (m *middleware) ended(s *socket.Socket, reason error) {
	m.opts.ObserveEnd(refusal.Code(reason))
	m.log("client disconnected", s, reason)
}

func (m *middleware) log(message string, s *socket.Socket, err error) {
	m.opts.Logger.Debug(message, slog.String("namespace", s.Nsp().Name()),
		slog.String("socket", string(s.Id())), slog.String("code", refusal.Code(err)), slog.Any("error", err))
}

// connectError is what a client that is refused at the handshake gets. The type is what isUnauthorizedError of
// socketio-jwt and its successor look at. To a Socket.IO v2 client the library sends the data alone.
func connectError(s *socket.Socket, err error) *socket.ExtendedError {
	data := map[string]any{"code": refusal.Code(err), "reason": refusal.Reason(err), "type": unauthorizedType}
	if s.Conn().Protocol() == 3 {
		data["message"] = refusedMessage
	}
	return socket.NewExtendedError(refusedMessage, data)
}
