package moderation

import (
	"context"

	"chorus/chat/client"
	"chorus/chat/notice"
	"chorus/chat/rule"
)

// Moderation keeps users from speaking or from being in a room.
type Moderation struct{ *client.Clients }

// New returns the moderation of a node.
func New(c *client.Clients) *Moderation { return &Moderation{c} }

// takesBar is what requests about a user take.
const takesBar = "the name of a room or null, the id of a user and, if wanted, {for, reason}"

// Requests are what clients may ask for.
func (c *Moderation) Requests() []client.Request {
	return []client.Request{
		{Name: Mute, Takes: takesBar, Least: 2, Most: 3, Handle: c.bar(Mute)},
		{Name: Unmute, Takes: takesBar, Least: 2, Most: 3, Handle: c.bar(Unmute)},
		{Name: Kick, Takes: takesBar, Least: 2, Most: 3, Handle: c.bar(Kick)},
		{Name: Ban, Takes: takesBar, Least: 2, Most: 3, Handle: c.bar(Ban)},
		{Name: Unban, Takes: takesBar, Least: 2, Most: 3, Handle: c.bar(Unban)},
		{Name: Slow, Takes: "the name of a room and a number of seconds", Least: 2, Most: 2, Handle: c.slow},
		{Name: Freeze, Takes: "the name of a room and true or false", Least: 2, Most: 2, Handle: c.freeze},
		{Name: rule.EventModeration, Takes: "the name of a room or null and, if wanted, {cursor}", Least: 1, Most: 2, Handle: c.moderation},
		{Name: rule.EventReport, Takes: "the name of a room, the id of a message and a reason", Least: 3, Most: 3, Handle: c.report},
	}
}

// tellMeasureTo tells of an act of moderation.
func (c *Moderation) tellMeasureTo(ctx context.Context, m *Measure, at, until int64) {
	kind := notice.Moderation(m.Action)
	if !c.Tells(kind, m.Room) {
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
	c.Notify(ctx, &notice.Notice{Kind: kind, Room: m.Room, User: m.User, Members: notice.Members(members...)})
}

// Act puts a measure in force as Moderate does, and tells the functions of After.
func (c *Moderation) Act(ctx context.Context, m Measure) (until int64, err error) {
	if err := m.check(); err != nil {
		return 0, err
	}
	a := client.SystemAction(rule.User{ID: m.By}, client.Action{Kind: client.ActionModerate, Room: m.Room, To: m.User, Event: m.Action, Value: m, At: rule.Now()})
	until, err = c.Moderate(ctx, m)
	c.TellHooks(a, err)
	return until, err
}
