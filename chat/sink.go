package chat

import (
	"chorus/chat/store"
	"log/slog"
	"slices"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// sink receives what the feed of the store brings, and passes it on to the sockets of this node.
type sink struct{ *Chat }

var _ store.Sink = sink{}

// Logged implements Sink.
func (s sink) Logged(r *store.Record) {
	if l := s.lane(r.Log); l != nil {
		l.logged(r)
		return
	}
	s.cast(r, nil)
}

// Present implements Sink.
func (s sink) Present(room string, change *store.PresenceChange) {
	if l := s.lane(room); l != nil {
		l.present(change)
	}
}

// Barred implements Sink.
func (s sink) Barred(topic string) { s.tasks.Go(func() { s.barred(topic) }) } // ends when the clients have left

// Signalled implements Sink.
func (s sink) Signalled(topic string, data []byte) {
	if s.asked(topic, data) || s.noticed(topic, data) {
		return
	}
	if l := s.lane(topic); l != nil {
		l.signalled(data)
	}
}

// Lost implements Sink. A client that needs what was missed sees a gap in seq and asks for the history.
func (s sink) Lost(topic string) {
	s.stats.Lost.Add(1)
	s.opts.Logger.Warn("messages of a room were missed and are not kept any more", slog.String("room", topic))
}

// cast sends a record to the sockets of this node that hear it, but not to those that are held.
func (c *Chat) cast(r *store.Record, held []socket.Room) {
	for _, room := range r.Except {
		held = append(held, socket.Room(room))
	}
	a, b, talk := talkers(r.Log)
	if !talk {
		if event := c.eventOf(r, r.Log); event != nil {
			if r.Event != "" && r.Origin != "" {
				held = append(held, socket.Room(r.Origin)) // the event is not for its sender
			}
			c.local([]string{r.Log}, held, event)
		}
		return
	}
	if r.Origin != "" && r.Kind == store.KindMessage {
		held = append(held, socket.Room(r.Origin)) // the sender has its acknowledgement
	}
	for _, side := range [][2]string{{a, b}, {b, a}} {
		if room := userRoom(side[0]); c.lane(room) != nil {
			if event := c.eventOf(r, talkSign+side[1]); event != nil {
				c.local([]string{room}, held, event)
			}
		}
		if a == b {
			return
		}
	}
}

// castTo sends a record to one socket.
func (c *Chat) castTo(cl *client, r *store.Record) {
	if len(r.Except) > 0 {
		in := cl.socket.Rooms()
		if slices.ContainsFunc(r.Except, func(room string) bool { return in.Has(socket.Room(room)) }) {
			return
		}
	}
	name := r.Log
	if a, b, talk := talkers(r.Log); talk {
		name = talkSign + a
		if a == cl.user().ID {
			name = talkSign + b
		}
		if r.Kind == store.KindMessage && r.Origin == string(cl.socket.Id()) {
			return
		}
	}
	if event := c.eventOf(r, name); event != nil {
		c.local([]string{string(cl.socket.Id())}, nil, event)
	}
}

// eventOf returns the event by which clients hear of a record. name is that of the room for the receiver.
func (c *Chat) eventOf(r *store.Record, name string) []any {
	if r.Kind != store.KindMessage {
		return c.changeEvent(r, name)
	}
	value, err := store.DecodeValue(r.Value, r.Attach)
	if err != nil {
		c.opts.Logger.Error("a message of the history cannot be read", slog.String("room", r.Log), slog.Any("error", err))
		return nil
	}
	if r.Event != "" {
		return store.EventArgs(r.Event, value)
	}
	m := meta{ID: r.ID, At: r.Message.At, From: from(User{r.User, r.Name}), Seq: r.Seq, Cursor: r.Cursor}
	if peer, talk := cutTalk(name); talk {
		return []any{eventDirect, peer, value, m.argument()}
	}
	return []any{eventPublish, name, value, m.argument()}
}

// local sends an event to the sockets of this node in any of some rooms, but not to those in others.
func (c *Chat) local(rooms []string, except []socket.Room, event []any) {
	to := types.NewSet[socket.Room]()
	for _, room := range rooms {
		to.Add(socket.Room(room))
	}
	c.publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: event}, localOptions(to, except), nil)
}

// localLatest is local for the newest state of something: a slow client gets the newest alone.
func (c *Chat) localLatest(slot, room string, except []socket.Room, event []any) {
	opts := localOptions(types.NewSet(socket.Room(room)), except)
	c.publisher.PublishLatest(slot, &parser.Packet{Type: parser.EVENT, Data: event}, opts, nil)
}

func localOptions(to *types.Set[socket.Room], except []socket.Room) *socket.BroadcastOptions {
	return &socket.BroadcastOptions{Rooms: to, Except: types.NewSet(except...), Flags: &socket.BroadcastFlags{Local: true}}
}

// localTo sends an event to one socket of this node.
func (c *Chat) localTo(s *socket.Socket, event ...any) {
	c.local([]string{string(s.Id())}, nil, event)
}
