package chat

import (
	"context"
	"encoding/json"
	"log/slog"

	"chorus/chat/notice"
	"chorus/chat/rule"
	"chorus/chat/store"
)

// tells reports whether a back end is told of a kind of thing in a place.
func (c *Chat) tells(kind string, p rule.Place) bool {
	return c.opts.Targets != nil && c.opts.Targets.Wants(kind, p.Room())
}

// toldMessage is a message in a notice.
type toldMessage struct {
	ID     string `json:"id"`
	At     int64  `json:"at,omitempty"`
	Seq    int64  `json:"seq,omitempty"`
	Cursor string `json:"cursor,omitempty"`
	Event  string `json:"event,omitempty"`
	Value  any    `json:"value,omitempty"`
}

// toldOf returns what a message says, as back ends get it.
func toldOf(m *outgoing) *toldMessage {
	told := &toldMessage{ID: m.id, Event: m.event, Value: m.value}
	if m.event != "" {
		told.Value = store.EventValue(m.value)
	}
	return told
}

// noticeOf returns the members of a notice about a message of a room, up to the end of those of the message.
func noticeOf(p rule.Place, by rule.User, message *toldMessage) string {
	text, err := json.Marshal(message)
	if err != nil {
		return "" // of a program: it cannot be told
	}
	return notice.Members(notice.Member{Name: "room", Value: p.Log}, notice.Member{Name: "user", Value: toldUser(by)}) + `,"message":` + string(text[:len(text)-1])
}

// toldUser is a user in a notice; nil is the system.
func toldUser(user rule.User) any {
	if user.ID == "" {
		return nil
	}
	return notice.User{ID: user.ID, Name: user.Name}
}

// tellSent tells of a message that the store does not tell of: one that is not kept, or one to a user.
func (c *Chat) tellSent(ctx context.Context, m *outgoing, r *receipt) {
	message := toldOf(m)
	message.At, message.Seq, message.Cursor = r.At, r.Seq, r.Cursor
	n := &notice.Notice{Kind: notice.MessagePublished, Room: m.place.Room(), User: m.from.ID}
	members := []notice.Member{{Name: "user", Value: toldUser(m.from)}, {Name: "message", Value: message}}
	if m.place.Peer != "" {
		n.Kind = notice.DirectSent
		members = append(members, notice.Member{Name: "to", Value: m.place.Peer}, notice.Member{Name: "away", Value: r.Online == nil || *r.Online == 0})
	} else {
		members = append(members, notice.Member{Name: "room", Value: n.Room})
	}
	if !c.tells(n.Kind, m.place) {
		return
	}
	n.Members = notice.Members(members...)
	c.notify(ctx, n)
}

// tellMeasureTo tells of an act of moderation.
func (c *Chat) tellMeasureTo(ctx context.Context, m *Measure, at, until int64) {
	kind := notice.Moderation(m.Action)
	if c.opts.Targets == nil || !c.opts.Targets.Wants(kind, m.Room) {
		return
	}
	members := []notice.Member{{Name: "action", Value: m.Action}, {Name: "at", Value: at}}
	add := func(name string, value any, is bool) {
		if is {
			members = append(members, notice.Member{Name: name, Value: value})
		}
	}
	add("room", m.Room, m.Room != "")
	add("user", notice.User{ID: m.User}, m.User != "")
	add("by", m.By, m.By != "")
	add("reason", m.Reason, m.Reason != "")
	add("until", until, until > 0)
	add("seconds", m.Slow, m.Action == Slow)
	add("on", m.Frozen, m.Action == Freeze)
	c.notify(ctx, &notice.Notice{Kind: kind, Room: m.Room, User: m.User, Members: notice.Members(members...)})
}

// notify puts a notice into the queues. What happened has happened, so a failure is no failure of the request.
func (c *Chat) notify(ctx context.Context, n *notice.Notice) {
	if err := c.store.Notify(ctx, n); err != nil {
		c.stats.Unnoticed.Add(1)
		c.opts.Logger.LogAttrs(ctx, slog.LevelWarn, "back ends are not told of something: the queue did not take it", slog.String("kind", n.Kind), slog.Any("error", err))
	}
}
