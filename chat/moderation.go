package chat

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"
	"chorus/codec"
)

// area returns the room that a request of moderation is about, "" for everywhere, if the client may moderate there. Who
// may moderate everywhere has the pattern "*".
func (ca *call) area(event string) (string, error) {
	room, right := "", "*"
	if raw, ok := ca.args[0].(json.RawMessage); ca.args[0] != nil && (!ok || string(raw) != "null") {
		p, err := ca.place(event)
		if err != nil {
			return "", err
		}
		if p.Peer != "" {
			return "", auth.Forbidden(permission.Moderate, p.Name)
		}
		room, right = p.Name, p.Name
	}
	if !ca.permits(permission.Moderate, right) {
		return "", auth.Forbidden(permission.Moderate, room)
	}
	return room, nil
}

// barOptions are the last argument of mute, kick and ban.
type barOptions struct {
	For    *float64 `json:"for"` // seconds
	Reason string   `json:"reason"`
}

// bar returns the handler of a measure against a user.
func (c *Chat) bar(action string) func(*call) error {
	return func(ca *call) error {
		room, err := ca.area(action)
		if err != nil {
			return err
		}
		user, err := codec.Arg[string](action, ca.args, 1)
		if err != nil {
			return rule.BadRequest(action + ": the second argument is not the id of a user")
		}
		opts, err := option[barOptions](ca, action, 2)
		if err != nil {
			return err
		}
		m := Measure{Action: action, Room: room, User: user, Reason: opts.Reason}
		if opts.For != nil {
			seconds := *opts.For
			if !(seconds > 0) || seconds > maxBar.Seconds() {
				return rule.BadRequest(action + ": for is a number of seconds above 0")
			}
			m.For = max(time.Millisecond, time.Duration(math.Round(seconds*1000))*time.Millisecond)
		}
		return ca.moderate(&m)
	}
}

// slow sets the seconds between two messages of a user.
func (c *Chat) slow(ca *call) error {
	room, err := ca.area(Slow)
	if err != nil {
		return err
	}
	seconds, err := codec.Arg[int](Slow, ca.args, 1)
	if err != nil {
		return rule.BadRequest("slow: the second argument is not a whole number of seconds")
	}
	return ca.moderate(&Measure{Action: Slow, Room: room, Slow: seconds})
}

// freeze lets nobody speak, or everybody again.
func (c *Chat) freeze(ca *call) error {
	room, err := ca.area(Freeze)
	if err != nil {
		return err
	}
	on, err := codec.Arg[bool](Freeze, ca.args, 1)
	if err != nil {
		return rule.BadRequest("freeze: the second argument is not true or false")
	}
	return ca.moderate(&Measure{Action: Freeze, Room: room, Frozen: on})
}

// moderate takes a measure for a client.
func (ca *call) moderate(m *Measure) error {
	c := ca.chat
	m.By = ca.user().ID
	if err := m.check(); err != nil {
		return err
	}
	a := &Action{Kind: ActionModerate, client: ca.client, Room: m.Room, To: m.User, Event: m.Action, Value: *m}
	if err := c.before(a); err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	until, err := c.Moderate(ctx, *m)
	c.after(a, err)
	if err != nil {
		return err
	}
	answer := map[string]any{}
	if until > 0 {
		answer["until"] = until
	}
	ca.ok(answer)
	return nil
}

// moderationOptions are the last argument of "moderation".
type moderationOptions struct {
	Cursor string `json:"cursor"`
}

// moderation lists what is in force in a room, or everywhere.
func (c *Chat) moderation(ca *call) error {
	room, err := ca.area(rule.EventModeration)
	if err != nil {
		return err
	}
	opts, err := option[moderationOptions](ca, rule.EventModeration, 1)
	if err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	page, err := c.store.Rules(ctx, room, opts.Cursor, maxBars)
	if err != nil {
		return err
	}
	bars := make([]any, 0, len(page.Bars))
	for i := range page.Bars {
		bars = append(bars, barOf(&page.Bars[i]))
	}
	answer := map[string]any{"bars": bars, "slow": page.Slow, "frozen": page.Frozen}
	if page.Next != "" {
		answer["next"] = page.Next
	}
	if opts.Cursor == "" {
		reports := make([]any, 0, len(page.Reports))
		for _, r := range page.Reports {
			reports = append(reports, reportOf(r))
		}
		answer["reports"] = reports
	}
	ca.ok(answer)
	return nil
}

func barOf(b *store.Bar) map[string]any {
	bar := map[string]any{"action": b.Action, "user": b.User, "by": view.OrNull(b.By), "at": b.At}
	if b.Until > 0 {
		bar["until"] = b.Until
	}
	if b.Reason != "" {
		bar["reason"] = b.Reason
	}
	return bar
}

func reportOf(r store.Report) map[string]any {
	return map[string]any{"id": r.ID, "by": r.By, "reason": r.Reason, "at": r.At}
}

// report tells the moderators of a room that a message is wrong.
func (c *Chat) report(ca *call) error {
	p, id, err := ca.target(rule.EventReport)
	if err != nil {
		return err
	}
	reason, ok := textArg(ca, rule.EventReport, 2, maxReason)
	switch {
	case !ok:
		return rule.BadRequest(fmt.Sprintf("report: the third argument is not a text of 1 to %d bytes", maxReason))
	case p.Peer != "":
		return &rule.Error{Code: refusal.CodeForbidden, Message: "a conversation of two has no moderators", Details: map[string]any{"action": rule.EventReport, "room": p.Name}}
	}
	if err := ca.allow(permission.Join, p); err != nil {
		return err
	}
	if !ca.member(p.Name) {
		return rule.NotJoined(p.Name)
	}
	ctx, cancel := c.context()
	defer cancel()
	if err := ca.notBanned(ctx, p); err != nil {
		return err
	}
	// To take back a reaction that nobody can have changes nothing, and is refused when there is no such message.
	if _, err := c.store.Change(ctx, &store.Change{Log: p.Log, Topics: p.Topics, Bounds: p.Policy.History, Kind: store.KindReact, ID: id, User: ca.presenceID(), Key: "\x00"}); err != nil {
		return err
	}
	a := &Action{Kind: ActionReport, client: ca.client, Room: p.Name, ID: id, Value: reason}
	if err := c.before(a); err != nil {
		return err
	}
	r := store.Report{ID: id, By: ca.presenceID(), Reason: reason, At: rule.Now()}
	err = c.store.SetRule(ctx, p.Log, store.Rule{Report: &r})
	c.after(a, err)
	if err != nil {
		return err
	}
	text, err := json.Marshal(reportOf(r))
	if err != nil {
		return err
	}
	c.store.Signal(p.Log, append([]byte(reportNotice), text...))
	ca.ok(nil)
	return nil
}
