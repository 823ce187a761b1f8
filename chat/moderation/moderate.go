package moderation

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// What moderation does, and the event by which those concerned hear of it.
const (
	Mute   = "mute"   // the user may not speak
	Unmute = "unmute" // the user may again
	Kick   = "kick"   // the user has to leave, and may come back
	Ban    = "ban"    // the user has to leave, and may not come back
	Unban  = "unban"  // the user may come back
	Slow   = "slow"   // seconds between two messages of a user
	Freeze = "freeze" // nobody may speak

)

// Bounds of moderation.
const (
	maxReason = 1000         // bytes
	maxSlow   = 24 * 60 * 60 // seconds
	maxBar    = 100 * 366 * 24 * time.Hour
	maxBars   = 200 // of a page
)

// Measure is one act of moderation.
type Measure struct {
	Action string // Mute, Unmute, Kick, Ban, Unban, Slow or Freeze
	Room   string // "" is everywhere; Slow and Freeze need a room
	User   string // of all but Slow and Freeze
	For    time.Duration
	Reason string
	By     string // who does it; "" is the system
	Slow   int    // seconds, 0 for off
	Frozen bool
}

// check returns what is wrong with a measure.
func (m *Measure) check() error {
	if m.Room != "" {
		if err := rule.CheckName(m.Room); err != nil {
			return rule.BadRequest(err.Error())
		}
	}
	switch m.Action {
	case Slow, Freeze:
		switch {
		case m.Room == "":
			return rule.BadRequest(m.Action + " needs a room")
		case m.Slow < 0 || m.Slow > maxSlow:
			return rule.BadRequest(fmt.Sprintf("slow takes 0 to %d seconds", maxSlow))
		}
		return nil
	case Mute, Unmute, Kick, Ban, Unban:
	default:
		return rule.BadRequest("moderation knows mute, unmute, kick, ban, unban, slow and freeze")
	}
	switch {
	case rule.CheckName(rule.UserRoom(m.User)) != nil || m.User == "":
		return rule.BadRequest(m.Action + ": this is not the id of a user")
	case m.For < 0 || m.For > maxBar:
		return rule.BadRequest(m.Action + ": for is a number of seconds above 0")
	case len(m.Reason) > maxReason:
		return rule.BadRequest(fmt.Sprintf("%s: a reason has at most %d bytes", m.Action, maxReason))
	}
	return nil
}

// Moderate puts a measure in force on every node and tells those concerned. until is when it ends, in milliseconds since
// 1970, and 0 when it does not.
func (c *Moderation) Moderate(ctx context.Context, m Measure) (until int64, err error) {
	if err := m.check(); err != nil {
		return 0, err
	}
	at := rule.Now()
	if m.For > 0 && (m.Action == Mute || m.Action == Ban) {
		until = at + m.For.Milliseconds()
	}
	if rule := m.rule(at, until); rule != nil {
		if err := c.Store.SetRule(ctx, m.Room, *rule); err != nil {
			return 0, err
		}
	} else {
		c.kick(&m)
	}
	c.tellMeasure(&m, until)
	c.tellMeasureTo(ctx, &m, at, until)
	return until, nil
}

// rule is what the store keeps of a measure; nil for nothing.
func (m *Measure) rule(at, until int64) *store.Rule {
	switch m.Action {
	case Mute, Ban:
		return &store.Rule{Bar: &store.Bar{Action: m.Action, User: m.User, Until: until, Reason: m.Reason, By: m.By, At: at}}
	case Unmute:
		return &store.Rule{Lift: &store.Bar{Action: Mute, User: m.User}}
	case Unban:
		return &store.Rule{Lift: &store.Bar{Action: Ban, User: m.User}}
	case Slow:
		return &store.Rule{Slow: &m.Slow}
	case Freeze:
		return &store.Rule{Frozen: &m.Frozen}
	}
	return nil
}

// tellMeasure tells all sockets of the user, or the room.
func (c *Moderation) tellMeasure(m *Measure, until int64) {
	about := map[string]any{"action": m.Action, "room": view.OrNull(m.Room), "by": view.OrNull(m.By)}
	room := m.Room
	switch m.Action {
	case Slow:
		about["seconds"] = m.Slow
	case Freeze:
		about["on"] = m.Frozen
	default:
		room = rule.UserRoom(m.User)
		if until > 0 {
			about["until"] = until
		}
		if m.Reason != "" {
			about["reason"] = m.Reason
		}
	}
	to := types.NewSet(socket.Room(room))
	if c.Options.Open && m.User != "" {
		to.Add(socket.Room(m.User)) // without tokens a user is a socket
	}
	c.Emit([]any{rule.EventModerated, about}, &socket.BroadcastOptions{Rooms: to}, nil)
}

// Rules returns what is in force in a room, or everywhere with ""; see Moderation.
func (c *Moderation) Rules(ctx context.Context, room, cursor string, limit int) (store.ModerationPage, error) {
	return c.Store.Rules(ctx, room, cursor, cmp.Or(limit, maxBars))
}
