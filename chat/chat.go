package chat

import (
	"errors"
	"log/slog"

	"chorus/adapter"
	"chorus/auth"
	"chorus/codec"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Codes of a refused chat event, besides those of auth.
const (
	CodeBadRequest         = "bad_request"
	CodeTooManyRooms       = "too_many_rooms"
	CodeClusterUnavailable = "cluster_unavailable"
	CodeOverloaded         = "overloaded"
	CodeInternal           = "internal_error"
)

// The chat events of clients. "message" and "publish" are also what clients hear; "left" they only hear.
const (
	eventMessage = "message" // a value for everybody
	eventJoin    = "join"    // enter a room
	eventLeave   = "leave"   // leave a room
	eventPublish = "publish" // a room and a value for its members
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
	// Logger gets what goes wrong; default no log.
	Logger *slog.Logger
}

// Chat handles the chat events of one namespace.
type Chat struct {
	opts      Options
	publisher adapter.Publisher
	members   memberships
}

// New registers the chat events on a namespace, whose adapter must be of package adapter.
func New(nsp socket.Namespace, opts Options) (*Chat, error) {
	if opts.MaxRooms <= 0 {
		opts.MaxRooms = DefaultMaxRooms
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	publisher, ok := adapter.Of(nsp)
	if !ok {
		return nil, errors.New("chat: the adapter of the namespace is not one of package adapter")
	}
	c := &Chat{opts: opts, publisher: publisher}
	return c, nsp.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket) //nolint:errcheck,forcetypeassert // the library's contract for this event
		if s.Recovered() {
			c.recovered(s)
		}
		// On fails for reserved names only.
		_ = s.On(eventMessage, func(args ...any) { c.message(s, args) })
		_ = s.On(eventJoin, func(args ...any) { c.join(s, args) })
		_ = s.On(eventLeave, func(args ...any) { c.leave(s, args) })
		_ = s.On(eventPublish, func(args ...any) { c.publish(s, args) })
	})
}

// message sends a value to every client of the cluster.
func (c *Chat) message(s *socket.Socket, args []any) {
	args, ack, asked := splitAck(args)
	switch {
	case len(args) != 1:
		ack(refusal(CodeBadRequest, "message takes exactly one value"))
	case !c.permits(s, auth.ActionBroadcast, ""):
		ack(auth.Forbidden(auth.ActionBroadcast, ""))
	default:
		c.send(s, []any{eventMessage, args[0]}, nil, ack, asked)
	}
}

// publish sends a value to the members of a room. Who sends it need not be one.
func (c *Chat) publish(s *socket.Socket, args []any) {
	args, ack, asked := splitAck(args)
	if len(args) != 2 {
		ack(refusal(CodeBadRequest, "publish takes the name of a room and one value"))
		return
	}
	room, err := roomOf(eventPublish, args)
	switch {
	case err != nil:
		ack(refusal(CodeBadRequest, err.Error()))
	case !c.permits(s, auth.ActionPublish, room):
		ack(auth.Forbidden(auth.ActionPublish, room))
	default:
		opts := &socket.BroadcastOptions{Rooms: types.NewSet(socket.Room(room))}
		c.send(s, []any{eventPublish, args[0], args[1]}, opts, ack, asked) // as they came: nothing is to be encoded
	}
}

// permits tells whether a client may do something, at this moment: a new token replaces the rights of the
// old one.
func (c *Chat) permits(s *socket.Socket, action auth.Action, room string) bool {
	return c.opts.Open || auth.FromSocket(s).Decide(action, room).Allowed
}

// splitAck is codec.SplitAck, and tells whether the client has asked for an acknowledgement.
func splitAck(args []any) (values []any, ack func(...any), asked bool) {
	values, ack = codec.SplitAck(args)
	return values, ack, len(values) < len(args)
}

// send publishes an event. While Redis is away one that nobody has asked about waits for it; the others are refused,
// so that who has sent them can decide what is to become of them.
func (c *Chat) send(s *socket.Socket, event []any, opts *socket.BroadcastOptions, ack func(...any), asked bool) {
	packet := &parser.Packet{Type: parser.EVENT, Data: event}
	if !asked {
		c.publisher.Publish(packet, opts, nil)
		return
	}
	c.publisher.Publish(packet, opts, func(err error) {
		if err != nil {
			c.opts.Logger.Debug("message not accepted", slog.String("socket", string(s.Id())), slog.Any("error", err))
			ack(refusal(c.codeOf(err)))
			return
		}
		ack(accepted())
	})
}

func accepted() map[string]any { return map[string]any{"ok": true} }

// refusal is the answer to an event that was not done as asked.
func refusal(code, message string) map[string]any {
	return map[string]any{"ok": false, "error": map[string]any{"code": code, "message": message}}
}

func (c *Chat) codeOf(err error) (code, message string) {
	reached := "only clients of this node got it"
	if c.opts.TotalOrder {
		reached = "nobody got it"
	}
	switch {
	case errors.Is(err, adapter.ErrOverflow):
		return CodeOverloaded, "too many messages wait for Redis: " + reached
	case errors.Is(err, adapter.ErrUnavailable), errors.Is(err, adapter.ErrClosed):
		return CodeClusterUnavailable, "Redis is not available: " + reached
	default:
		return CodeInternal, "the message could not be sent"
	}
}
