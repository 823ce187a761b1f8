package chat

import (
	"log/slog"

	"chorus/chat/shape"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Announcement is an event by which the others of a room hear that a user came or went.
type Announcement struct {
	Event string
	// Shape is what they hear of it; nil for nothing but the event. It knows {sub}, {name}, {room}, {count} and {at}.
	Shape *shape.Shape
}

// announce tells the sockets of this node in the room who came and who went. Above BatchAbove users it does not.
func (l *lane) announce(change *store.PresenceChange) {
	c := l.chat
	policy := c.policies.of(l.topic)
	if policy.OnJoin == nil && policy.OnLeave == nil || change.Reset {
		return
	}
	if change.Count > c.opts.Presence.BatchAbove {
		c.stats.Untold.Add(uint64(len(change.Joined) + len(change.Left))) //nolint:gosec // a length is not negative
		if !l.quiet {
			l.quiet = true
			c.opts.Logger.Info("a room is too large to announce who comes and goes: on_join and on_leave stop there",
				slog.String("room", l.topic), slog.Int("users", change.Count), slog.Int("chat.presence.batch_above", c.opts.Presence.BatchAbove))
		}
		return
	}
	l.quiet = false
	for _, p := range change.Joined {
		l.announceOne(policy.OnJoin, User{ID: p.User, Name: p.Name}, change.Count)
	}
	for _, id := range change.Left {
		l.announceOne(policy.OnLeave, User{ID: id, Name: change.Names[id]}, change.Count)
	}
}

// announceOne tells about one user. The user's own sockets hear nothing of it.
func (l *lane) announceOne(a *Announcement, user User, count int) {
	if a == nil {
		return
	}
	event := []any{a.Event}
	if a.Shape != nil {
		event = append(event, a.Shape.Build(announced{l.topic, user, count, now()}))
	}
	l.chat.local([]string{l.topic}, []socket.Room{socket.Room(userRoom(user.ID)), socket.Room(user.ID)}, event)
}

// announced gives the values of an announcement.
type announced struct {
	room  string
	user  User
	count int
	at    int64
}

// Value implements shape.Values.
func (a announced) Value(p shape.Placeholder) any {
	switch p.Kind {
	case shape.Sub:
		return a.user.ID
	case shape.Name:
		return a.user.called()
	case shape.Room:
		return a.room
	case shape.Count:
		return a.count
	case shape.At:
		return a.at
	default:
		return nil
	}
}
