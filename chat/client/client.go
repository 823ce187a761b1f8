package client

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chorus/auth"
	"chorus/chat/lane"
	"chorus/chat/rule"
	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"golang.org/x/time/rate"
)

// Client is a socket of this node. It takes the place of the socket's event emitter, so that a request costs no
// handler on each socket and an event that nobody handles is noticed. The library calls handlers one after the other;
// only the end of the socket may come from anywhere.
type Client struct {
	types.EventEmitter // the program's own handlers
	all                *Clients
	requests           requests // of the namespace
	Socket             *socket.Socket
	Since              time.Time   // when it connected
	settled            atomic.Bool // it has left a room: what it sends is nothing from before it connected

	mu       sync.Mutex
	rooms    map[string]*membership // that the client has joined, by name; nil while there are none
	own      *membership            // the room of its user; nil without one
	watching map[string]*lane.Lane  // rooms of which it hears who comes and goes
	typing   map[string]*typist     // where it types
	gone     bool                   // the socket has ended
	rates    map[any]*rate.Limiter  // of the declared events with a rate that it has sent
	online   bool                   // it counts among the users who are online
	granted  *Action                // what the hooks gave with a permission that is not in force yet
	grants   map[string]bool        // rooms that the hooks let it into, whatever its token permits
	extra    map[string]any         // claims that the hooks gave
	forgone  map[string]*rule.Error // rooms of its session that it does not get back, and why
}

// Watch is the middleware that makes the sockets of a namespace clients. It belongs behind the token check.
func (c *Clients) Watch(s *socket.Socket, next func(*socket.ExtendedError)) {
	events := s.StrictEventEmitter
	cl := &Client{EventEmitter: events.EventEmitter, all: c, requests: c.requests[s.Nsp().Name()], Socket: s, Since: time.Now()}
	events.EventEmitter = cl
	// A client that authenticates by event is nobody yet: its token comes as in a refresh.
	if c.Options.Open || cl.Claims() != nil {
		if err := c.AskHooks(&Action{Kind: ActionConnect, client: cl, Namespace: s.Nsp().Name()}); err != nil {
			refused := c.Refusal(err)
			details := maps.Clone(refused.Details)
			if details == nil {
				details = make(map[string]any, 2)
			}
			details["code"], details["message"] = refused.Code, refused.Message
			next(socket.NewExtendedError(refused.Message, details))
			return
		}
		if cl.granted != nil {
			cl.addClaims(cl.granted.Extra)
		}
	}
	if s.Recovered() && s.Nsp() == c.Namespace {
		cl.reviewRestored()
	}
	switch user := cl.User().ID; {
	case s.Nsp() == c.Namespace:
		cl.beginUser() // before the client knows that it is connected: what is said to its user from then on reaches it
	case user != "" && len(cl.requests) > 0:
		s.Join(socket.Room(rule.UserRoom(user))) // declared events of this namespace may be for a user
	}
	next(nil)
}

// Of returns the client of a socket, nil for one that Watch has not seen.
func Of(s *socket.Socket) *Client {
	cl, _ := s.EventEmitter.(*Client)
	return cl
}

// Emit handles an event of the client, or of the library about the socket.
func (cl *Client) Emit(name types.EventName, args ...any) {
	if socket.SOCKET_RESERVED_EVENTS.Has(string(name)) || name == "error" {
		if name == "disconnect" {
			cl.end()
		}
		cl.EventEmitter.Emit(name, args...)
		return
	}
	own := cl.ListenerCount(name) > 0 // by the program
	r := cl.requests[string(name)]
	switch {
	case r != nil && (r.Shared || !own):
		cl.do(r, args)
		if own {
			cl.EventEmitter.Emit(name, args...)
		}
	case own:
		cl.EventEmitter.Emit(name, args...)
	case len(cl.Socket.ListenersAny()) > cl.all.ownAny():
		// The program handles all events.
	case cl.all.Relayed != nil:
		cl.do(cl.all.Relayed(string(name)), args)
	default:
		cl.unknown(string(name), args)
	}
}

// ownAny is how many OnAny handlers of each socket are not the program's: package auth has one.
func (c *Clients) ownAny() int {
	if c.Options.Open {
		return 0
	}
	return 1
}

// unknown refuses an event that nobody handles.
func (cl *Client) unknown(name string, args []any) {
	c := cl.all
	c.stats.Unknown.Add(1)
	names := cl.handled()
	c.Options.Logger.LogAttrs(context.Background(), slog.LevelDebug, "a client sent an event that nobody handles",
		slog.String("event", name), slog.String("namespace", cl.Socket.Nsp().Name()), slog.String("socket", string(cl.Socket.Id())))
	if c.Options.OnUnknown != nil {
		c.Options.OnUnknown(cl.Socket.Nsp().Name(), name, names)
	}
	_, ack := codec.SplitAck(args)
	message := "nobody handles this event; there are: " + strings.Join(names, ", ")
	if len(names) == 0 {
		message = "nobody handles this event, nor any other of this namespace"
	}
	ack((&rule.Error{Code: rule.CodeUnknownEvent, Message: message, Details: map[string]any{"events": names}}).Answer())
}

// handled returns the names of the events that are handled.
func (cl *Client) handled() []string {
	names := make(map[string]struct{})
	for name := range cl.requests {
		names[name] = struct{}{}
	}
	for _, name := range cl.EventNames() {
		if cl.ListenerCount(name) > 0 && !socket.SOCKET_RESERVED_EVENTS.Has(string(name)) && name != "error" {
			names[string(name)] = struct{}{}
		}
	}
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(names)))) // never null
}

// Claims returns what the token of the client says now, nil for a client without one.
func (cl *Client) Claims() *auth.Claims { return auth.FromSocket(cl.Socket) }

// Limiter returns the limiter of what the client may do so often a second.
func (cl *Client) Limiter(of any, limit float64, burst int) *rate.Limiter {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	l := cl.rates[of]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(limit), burst)
		if cl.rates == nil {
			cl.rates = make(map[any]*rate.Limiter)
		}
		cl.rates[of] = l
	}
	return l
}
