package lane

import (
	"log/slog"

	"chorus/chat/rule"
	"chorus/chat/shape"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// announce tells the sockets of this node in the room who came and who went. Above BatchAbove users it does not.
func (l *Lane) announce(change *store.PresenceChange) {
	c := l.all
	policy := c.opts.Policies.Of(l.Topic)
	if policy.OnJoin == nil && policy.OnLeave == nil || change.Reset {
		return
	}
	if change.Count > c.opts.Presence.BatchAbove {
		c.opts.Untold(len(change.Joined) + len(change.Left))
		if !l.quiet {
			l.quiet = true
			c.opts.Logger.Info("a room is too large to announce who comes and goes: on_join and on_leave stop there",
				slog.String("room", l.Topic), slog.Int("users", change.Count), slog.Int("chat.presence.batch_above", c.opts.Presence.BatchAbove))
		}
		return
	}
	l.quiet = false
	for _, p := range change.Joined {
		l.announceOne(policy.OnJoin, rule.User{ID: p.User, Name: p.Name}, change.Count)
	}
	for _, id := range change.Left {
		l.announceOne(policy.OnLeave, rule.User{ID: id, Name: change.Names[id]}, change.Count)
	}
}

// announceOne tells about one user. The user's own sockets hear nothing of it.
func (l *Lane) announceOne(a *rule.Announcement, user rule.User, count int) {
	if a == nil {
		return
	}
	event := []any{a.Event}
	if a.Shape != nil {
		event = append(event, a.Shape.Build(announced{l.Topic, user, count, rule.Now()}))
	}
	l.all.local([]string{l.Topic}, []socket.Room{socket.Room(rule.UserRoom(user.ID)), socket.Room(user.ID)}, event)
}

// announced gives the values of an announcement.
type announced struct {
	room  string
	user  rule.User
	count int
	at    int64
}

// Value implements shape.Values.
func (a announced) Value(p shape.Placeholder) any {
	switch p.Kind {
	case shape.Sub:
		return a.user.ID
	case shape.Name:
		return a.user.Called()
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
