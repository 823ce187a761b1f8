package lane

import (
	"slices"

	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// cast sends a record to the sockets of this node that hear it, but not to those that are held.
func (c *Lanes) cast(r *store.Record, held []socket.Room) {
	for _, room := range r.Except {
		held = append(held, socket.Room(room))
	}
	a, b, talk := rule.Talkers(r.Log)
	if !talk {
		if event := view.Event(r, r.Log, c.opts.Logger); event != nil {
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
		if room := rule.UserRoom(side[0]); c.lane(room) != nil {
			if event := view.Event(r, rule.TalkSign+side[1], c.opts.Logger); event != nil {
				c.local([]string{room}, held, event)
			}
		}
		if a == b {
			return
		}
	}
}

// castTo sends a record to one socket.
func (c *Lanes) castTo(s *socket.Socket, user string, r *store.Record) {
	if len(r.Except) > 0 {
		in := s.Rooms()
		if slices.ContainsFunc(r.Except, func(room string) bool { return in.Has(socket.Room(room)) }) {
			return
		}
	}
	name := r.Log
	if a, b, talk := rule.Talkers(r.Log); talk {
		name = rule.TalkSign + a
		if a == user {
			name = rule.TalkSign + b
		}
		if r.Kind == store.KindMessage && r.Origin == string(s.Id()) {
			return
		}
	}
	if event := view.Event(r, name, c.opts.Logger); event != nil {
		c.local([]string{string(s.Id())}, nil, event)
	}
}

// local sends an event to the sockets of this node in any of some rooms, but not to those in others.
func (c *Lanes) local(rooms []string, except []socket.Room, event []any) {
	to := types.NewSet[socket.Room]()
	for _, room := range rooms {
		to.Add(socket.Room(room))
	}
	c.opts.Publisher.Publish(&parser.Packet{Type: parser.EVENT, Data: event}, localOptions(to, except), nil)
}

// localLatest is local for the newest state of something: a slow client gets the newest alone.
func (c *Lanes) localLatest(slot, room string, except []socket.Room, event []any) {
	opts := localOptions(types.NewSet(socket.Room(room)), except)
	c.opts.Publisher.PublishLatest(slot, &parser.Packet{Type: parser.EVENT, Data: event}, opts, nil)
}

func localOptions(to *types.Set[socket.Room], except []socket.Room) *socket.BroadcastOptions {
	return &socket.BroadcastOptions{Rooms: to, Except: types.NewSet(except...), Flags: &socket.BroadcastFlags{Local: true}}
}

// LocalTo sends an event to one socket of this node.
func (c *Lanes) LocalTo(s *socket.Socket, event ...any) {
	c.local([]string{string(s.Id())}, nil, event)
}
