package chat

import (
	"context"
	"errors"
	"log/slog"

	"chorus/adapter"
	"chorus/auth"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// The events of the chat product. Clients send and hear "message" and "publish"; they only hear "left".
const (
	eventMessage = "message" // a value for everybody
	eventJoin    = "join"    // enter a room
	eventLeave   = "leave"   // leave a room
	eventPublish = "publish" // a value for the members of a room
	eventLeft    = "left"    // a room that the client had to leave, and why
)

// Options configure New.
type Options struct {
	// Open permits everything to every client. It is for a node without keys, whose clients have no tokens.
	Open bool
	// MaxRooms is how many rooms a client may join; default DefaultMaxRooms.
	MaxRooms int
	// TotalOrder says that a message which Redis does not accept reaches nobody, not even the clients of this node.
	TotalOrder bool
	// Meta gives "message" one more argument behind the value: who sent it, when, and its id.
	Meta bool
	// PublishWithoutJoin lets clients publish to rooms that they have not joined.
	PublishWithoutJoin bool
	// NameClaim is the claim with the name of a user, as a path with dots; default DefaultNameClaim.
	NameClaim string
	// OnUnknown is called with each event that nobody handles and the events that are handled; default nothing. It
	// must not block.
	OnUnknown func(namespace, event string, handled []string)
	// Logger gets what goes wrong; default no log.
	Logger *slog.Logger
}

// DefaultNameClaim is the claim with the name of a user.
const DefaultNameClaim = "name"

func (o Options) withDefaults() Options {
	if o.MaxRooms <= 0 {
		o.MaxRooms = DefaultMaxRooms
	}
	if o.NameClaim == "" {
		o.NameClaim = DefaultNameClaim
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Chat is the chat product of one node. Its methods are safe for concurrent use.
type Chat struct {
	opts      Options
	nsp       socket.Namespace
	publisher adapter.Publisher
	requests  map[string]requests // of each namespace, by its name
	stats     Stats
}

// New makes the chat product of a namespace, whose adapter must be one of package adapter. The sockets of every
// namespace of the server must pass Watch.
func New(nsp socket.Namespace, opts Options) (*Chat, error) {
	publisher, ok := adapter.Of(nsp)
	if !ok {
		return nil, errors.New("chat: the adapter of the namespace is not one of package adapter")
	}
	c := &Chat{opts: opts.withDefaults(), nsp: nsp, publisher: publisher}
	c.requests = map[string]requests{nsp.Name(): c.builtIn()}
	connected := func(args ...any) {
		if cl := clientOf(args[0].(*socket.Socket)); cl != nil { //nolint:errcheck,forcetypeassert // the library's contract for this event
			cl.begin()
		}
	}
	// A client that authenticates by event comes into rooms when it has done so.
	return c, errors.Join(nsp.On("connection", connected), nsp.On("authenticated", connected))
}

// begin puts a client into the rooms that it has from the beginning.
func (cl *client) begin() {
	if !cl.chat.opts.Open && cl.claims() == nil {
		return // it has not authenticated yet
	}
	if user := cl.user(); user.ID != "" {
		cl.socket.Join(socket.Room(userRoom(user.ID)))
	}
	if cl.socket.Recovered() {
		cl.recovered()
	}
}

// end is called when the socket has ended.
func (cl *client) end() {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.gone = true
}

// permits reports whether a client may do something at this moment: a new token replaces the rights of the old one.
func (ca *call) permits(action auth.Action, room string) bool {
	return ca.chat.opts.Open || permitted(ca.claims(), action, room)
}

// send publishes an event to the cluster and calls done with the outcome. While Redis is away, an event without done
// waits for it; the others fail at once, so that the sender can decide what to do.
func (c *Chat) send(event []any, opts *socket.BroadcastOptions, done func(error)) {
	c.publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: event}, opts, done)
}

// sendFor is send for a request, which is answered with the outcome.
func (ca *call) sendFor(r string, event []any, opts *socket.BroadcastOptions, answer map[string]any) {
	if !ca.asked {
		ca.chat.send(event, opts, nil)
		return
	}
	ca.chat.send(event, opts, func(err error) {
		if err != nil {
			ca.refuse(r, err)
			return
		}
		ca.ok(answer)
	})
}

// debug logs at level debug.
func (c *Chat) debug(message string, attrs ...slog.Attr) {
	c.opts.Logger.LogAttrs(context.Background(), slog.LevelDebug, message, attrs...)
}
