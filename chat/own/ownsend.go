package own

import (
	"errors"
	"strings"

	"chorus/adapter"
	"chorus/chat/event"
	"chorus/chat/message"
	"chorus/chat/rule"
	"chorus/chat/shape"
	"chorus/chat/view"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func invalidValue(err error) error {
	var invalid *event.SchemaError
	if !errors.As(err, &invalid) {
		return err
	}
	return &rule.Error{Code: rule.CodeInvalidValue, Message: invalid.Error(), Details: map[string]any{"path": invalid.Path}}
}

// Value implements shape.Values.
func (o *own) Value(p shape.Placeholder) any {
	user := o.User()
	switch p.Kind {
	case shape.Arg:
		if p.Index >= len(o.args) {
			return nil
		}
		return shape.Part(o.args[p.Index], p.Path)
	case shape.Args:
		return append([]any{}, o.args...) // a list, also when there are none
	case shape.Sub:
		return view.OrNull(user.ID)
	case shape.Name:
		return view.OrNull(user.Called())
	case shape.Claim:
		return o.claim(p.Path)
	case shape.Socket:
		return string(o.Socket.Id())
	case shape.ID:
		return o.id
	case shape.At:
		return o.at
	case shape.Room:
		return view.OrNull(o.room.Name)
	default:
		return o.answers[question{p.Kind, p.Room}]
	}
}

// claim returns a claim of the sender's token.
func (o *own) claim(path []string) any {
	claims := o.Claims()
	if claims == nil {
		return nil
	}
	// The name of a claim may have dots itself, as https://example.com/team has.
	for n := len(path); n > 0; n-- {
		if value, ok := claims.Get(strings.Join(path[:n], ".")); ok {
			return shape.Part(value, path[n:])
		}
	}
	return nil
}

// values returns what receivers get: the arguments, or the one value of the template.
func (o *own) values() []any {
	if o.event.Value == nil {
		return o.args
	}
	return []any{o.event.Value.Build(o)}
}

// send sends the event to its receivers and calls done once.
func (o *own) send(done func(error)) error {
	e := o.event
	switch {
	case e.To == event.Nobody:
		done(nil)
		return nil
	case e.History && o.room.Policy.History.Keeps():
		return o.keepOwn(done)
	}
	if err := o.awaitTurn(); err != nil {
		return err
	}
	publisher, ok := adapter.Of(o.Socket.Nsp())
	if !ok {
		return errors.New("chat: the adapter of the namespace is not one of package adapter")
	}
	packet := &parser.Packet{Type: parser.EVENT, Data: append([]any{e.Heard()}, o.values()...)}
	told := done
	if !o.Asked {
		told = nil // nobody waits: while Redis is away the event waits for it
	}
	if e.Latest != "" {
		publisher.PublishLatest(o.slot(), packet, o.receivers(), told)
	} else {
		publisher.Publish(packet, o.receivers(), told)
	}
	if told == nil {
		done(nil)
	}
	return nil
}

// slowSeconds returns the seconds of slow mode for the event. One that is volatile or the latest of its kind, as typing is,
// takes no turn.
func (o *own) slowSeconds() (int, error) {
	if o.event.To != event.Room || o.event.Volatile || o.event.Latest != "" {
		return 0, nil
	}
	return o.Slowness(o.room)
}

// awaitTurn takes the sender's turn for an event that is not kept.
func (o *own) awaitTurn() error {
	slow, err := o.slowSeconds()
	if err != nil || slow == 0 {
		return err
	}
	ctx, cancel := o.owned.Context()
	defer cancel()
	return o.owned.TakeTurn(ctx, o.room.Log, o.PresenceID(), slow)
}

// slot names the place of the event at a client that does not keep up: what one sender says takes the place of nothing
// but what the same sender said there.
func (o *own) slot() string {
	return o.event.Latest + "\n" + o.room.Name + "\n" + o.to + "\n" + string(o.Socket.Id())
}

// receivers returns who hears the event.
func (o *own) receivers() *socket.BroadcastOptions {
	e, self := o.event, socket.Room(o.Socket.Id())
	opts := &socket.BroadcastOptions{
		Rooms: types.NewSet[socket.Room](), Except: types.NewSet[socket.Room](), Flags: &socket.BroadcastFlags{},
	}
	opts.Flags.Volatile = e.Volatile
	if e.ExceptSender || e.To == event.Others || e.To == event.User {
		opts.Except.Add(self)
	}
	switch e.To {
	case event.Room:
		if o.room.Peer == "" {
			opts.Rooms.Add(socket.Room(o.room.Name))
			break
		}
		opts.Rooms.Add(socket.Room(rule.UserRoom(o.room.Peer))) // a conversation is heard by the two users
		o.addSelf(opts)
	case event.User:
		opts.Rooms.Add(socket.Room(rule.UserRoom(o.to)))
		o.addSelf(opts)
	case event.Self:
		o.addSelf(opts)
	}
	return opts
}

// addSelf adds the sockets of the sender's user.
func (o *own) addSelf(opts *socket.BroadcastOptions) {
	if id := o.User().ID; id != "" {
		opts.Rooms.Add(socket.Room(rule.UserRoom(id)))
	} else {
		opts.Rooms.Add(socket.Room(o.Socket.Id()))
	}
}

// keepOwn keeps the event in the history of its room, from where every node hears it.
func (o *own) keepOwn(done func(error)) error {
	m := &message.Outgoing{
		Place: o.room, From: o.User(), Sender: o.PresenceID(), ID: o.id, Value: o.values(), Event: o.event.Heard(),
	}
	var err error
	if m.Slow, err = o.slowSeconds(); err != nil {
		return err
	}
	if o.event.ExceptSender {
		m.Origin = string(o.Socket.Id())
	}
	r, err := o.owned.messages.Deliver(m)
	if err != nil {
		return err
	}
	o.id, o.at = r.ID, r.At
	done(nil)
	return nil
}

// replyToSender sends the sender's socket what the event declares for it alone.
func (o *own) replyToSender() {
	reply := o.event.Reply
	if reply == nil {
		return
	}
	values := []any{}
	if o.event.ReplyValue != nil {
		values = append(values, o.event.ReplyValue.Build(o))
	}
	_ = o.Socket.Emit(reply.As, values...) // fails for reserved names only, which no declaration has
}
