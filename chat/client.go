package chat

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
	"chorus/chat/event"
	"chorus/chat/lane"
	"chorus/chat/rule"
	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"golang.org/x/time/rate"
)

// client is a socket of this node. It takes the place of the socket's event emitter, so that a request costs no
// handler on each socket and an event that nobody handles is noticed. The library calls handlers one after the other;
// only the end of the socket may come from anywhere.
type client struct {
	types.EventEmitter // the program's own handlers
	chat               *Chat
	requests           requests // of the namespace
	socket             *socket.Socket
	came               time.Time   // when it connected
	settled            atomic.Bool // it has left a room: what it sends is nothing from before it connected

	mu       sync.Mutex
	rooms    map[string]*membership         // that the client has joined, by name; nil while there are none
	own      *membership                    // the room of its user; nil without one
	watching map[string]*lane.Lane          // rooms of which it hears who comes and goes
	typing   map[string]*typist             // where it types
	texts    map[string]*text               // that it writes bit by bit
	gone     bool                           // the socket has ended
	rates    map[*event.Event]*rate.Limiter // of the declared events with a rate that it has sent
	online   bool                           // it counts among the users who are online
	granted  *Action                        // what the hooks gave with a permission that is not in force yet
	grants   map[string]bool                // rooms that the hooks let it into, whatever its token permits
	extra    map[string]any                 // claims that the hooks gave
	forgone  map[string]*rule.Error         // rooms of its session that it does not get back, and why
}

// Watch is the middleware that makes the sockets of a namespace clients. It belongs behind the token check.
func (c *Chat) Watch(s *socket.Socket, next func(*socket.ExtendedError)) {
	events := s.StrictEventEmitter
	cl := &client{EventEmitter: events.EventEmitter, chat: c, requests: c.requests[s.Nsp().Name()], socket: s, came: time.Now()}
	events.EventEmitter = cl
	// A client that authenticates by event is nobody yet: its token comes as in a refresh.
	if c.opts.Open || cl.claims() != nil {
		if err := c.before(&Action{Kind: ActionConnect, client: cl, Namespace: s.Nsp().Name()}); err != nil {
			refused := c.refusalOf(err)
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
	if s.Recovered() && s.Nsp() == c.nsp {
		cl.reviewRestored()
	}
	switch user := cl.user().ID; {
	case s.Nsp() == c.nsp:
		cl.beginUser() // before the client knows that it is connected: what is said to its user from then on reaches it
	case user != "" && len(cl.requests) > 0:
		s.Join(socket.Room(rule.UserRoom(user))) // declared events of this namespace may be for a user
	}
	next(nil)
}

// clientOf returns the client of a socket, nil for one that Watch has not seen.
func clientOf(s *socket.Socket) *client {
	cl, _ := s.EventEmitter.(*client)
	return cl
}

// Emit handles an event of the client, or of the library about the socket.
func (cl *client) Emit(name types.EventName, args ...any) {
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
	case r != nil && (r.shared || !own):
		cl.do(r, args)
		if own {
			cl.EventEmitter.Emit(name, args...)
		}
	case own:
		cl.EventEmitter.Emit(name, args...)
	case len(cl.socket.ListenersAny()) > cl.chat.ownAny():
		// The program handles all events.
	case cl.chat.relayed != nil:
		cl.do(cl.chat.relayed(string(name)), args)
	default:
		cl.unknown(string(name), args)
	}
}

// ownAny is how many OnAny handlers of each socket are not the program's: package auth has one.
func (c *Chat) ownAny() int {
	if c.opts.Open {
		return 0
	}
	return 1
}

// unknown refuses an event that nobody handles.
func (cl *client) unknown(name string, args []any) {
	c := cl.chat
	c.stats.Unknown.Add(1)
	names := cl.handled()
	c.opts.Logger.LogAttrs(context.Background(), slog.LevelDebug, "a client sent an event that nobody handles",
		slog.String("event", name), slog.String("namespace", cl.socket.Nsp().Name()), slog.String("socket", string(cl.socket.Id())))
	if c.opts.OnUnknown != nil {
		c.opts.OnUnknown(cl.socket.Nsp().Name(), name, names)
	}
	_, ack := codec.SplitAck(args)
	message := "nobody handles this event; there are: " + strings.Join(names, ", ")
	if len(names) == 0 {
		message = "nobody handles this event, nor any other of this namespace"
	}
	ack((&rule.Error{Code: rule.CodeUnknownEvent, Message: message, Details: map[string]any{"events": names}}).Answer())
}

// handled returns the names of the events that are handled.
func (cl *client) handled() []string {
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

// claims returns what the token of the client says now, nil for a client without one.
func (cl *client) claims() *auth.Claims { return auth.FromSocket(cl.socket) }
