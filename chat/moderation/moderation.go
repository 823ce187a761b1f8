package moderation

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/client"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"
	"chorus/codec"
)

// area returns the room that a request of moderation is about, "" for everywhere, if the client may moderate there. Who
// may moderate everywhere has the pattern "*".
func (c *Moderation) area(ca *client.Call, event string) (string, error) {
	room, right := "", "*"
	if raw, ok := ca.Args[0].(json.RawMessage); ca.Args[0] != nil && (!ok || string(raw) != "null") {
		p, err := ca.Place(event)
		if err != nil {
			return "", err
		}
		if p.Peer != "" {
			return "", auth.Forbidden(permission.Moderate, p.Name)
		}
		room, right = p.Name, p.Name
	}
	if !ca.Permits(permission.Moderate, right) {
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
func (c *Moderation) bar(action string) func(*client.Call) error {
	return func(ca *client.Call) error {
		room, err := c.area(ca, action)
		if err != nil {
			return err
		}
		user, err := codec.Arg[string](action, ca.Args, 1)
		if err != nil {
			return rule.BadRequest(action + ": the second argument is not the id of a user")
		}
		opts, err := client.Option[barOptions](ca, action, 2)
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
		return c.moderate(ca, &m)
	}
}

// slow sets the seconds between two messages of a user.
func (c *Moderation) slow(ca *client.Call) error {
	room, err := c.area(ca, Slow)
	if err != nil {
		return err
	}
	seconds, err := codec.Arg[int](Slow, ca.Args, 1)
	if err != nil {
		return rule.BadRequest("slow: the second argument is not a whole number of seconds")
	}
	return c.moderate(ca, &Measure{Action: Slow, Room: room, Slow: seconds})
}

// freeze lets nobody speak, or everybody again.
func (c *Moderation) freeze(ca *client.Call) error {
	room, err := c.area(ca, Freeze)
	if err != nil {
		return err
	}
	on, err := codec.Arg[bool](Freeze, ca.Args, 1)
	if err != nil {
		return rule.BadRequest("freeze: the second argument is not true or false")
	}
	return c.moderate(ca, &Measure{Action: Freeze, Room: room, Frozen: on})
}

// moderate takes a measure for a client.
func (c *Moderation) moderate(ca *client.Call, m *Measure) error {
	m.By = ca.User().ID
	if err := m.check(); err != nil {
		return err
	}
	a := ca.Action(client.Action{Kind: client.ActionModerate, Room: m.Room, To: m.User, Event: m.Action, Value: *m})
	if err := c.AskHooks(a); err != nil {
		return err
	}
	ctx, cancel := c.Context()
	defer cancel()
	until, err := c.Moderate(ctx, *m)
	c.TellHooks(a, err)
	if err != nil {
		return err
	}
	answer := map[string]any{}
	if until > 0 {
		answer["until"] = until
	}
	ca.OK(answer)
	return nil
}

// moderationOptions are the last argument of "moderation".
type moderationOptions struct {
	Cursor string `json:"cursor"`
}

// moderation lists what is in force in a room, or everywhere.
func (c *Moderation) moderation(ca *client.Call) error {
	room, err := c.area(ca, rule.EventModeration)
	if err != nil {
		return err
	}
	opts, err := client.Option[moderationOptions](ca, rule.EventModeration, 1)
	if err != nil {
		return err
	}
	ctx, cancel := c.Context()
	defer cancel()
	page, err := c.Store.Rules(ctx, room, opts.Cursor, maxBars)
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
	ca.OK(answer)
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
func (c *Moderation) report(ca *client.Call) error {
	p, id, err := ca.Target(rule.EventReport)
	if err != nil {
		return err
	}
	reason, ok := client.TextArg(ca, rule.EventReport, 2, maxReason)
	switch {
	case !ok:
		return rule.BadRequest(fmt.Sprintf("report: the third argument is not a text of 1 to %d bytes", maxReason))
	case p.Peer != "":
		return &rule.Error{Code: refusal.CodeForbidden, Message: "a conversation of two has no moderators", Details: map[string]any{"action": rule.EventReport, "room": p.Name}}
	}
	if err := ca.Allow(permission.Join, p); err != nil {
		return err
	}
	ctx, cancel := c.Context()
	defer cancel()
	if !ca.Member(p.Name) {
		return ca.Outside(ctx, p)
	}
	if err := ca.NotBanned(ctx, p); err != nil {
		return err
	}
	// To take back a reaction that nobody can have changes nothing, and is refused when there is no such message.
	if _, err := c.Store.Change(ctx, &store.Change{Log: p.Log, Topics: p.Topics, Bounds: p.Policy.History, Kind: store.KindReact, ID: id, User: ca.PresenceID(), Key: "\x00"}); err != nil {
		return err
	}
	a := ca.Action(client.Action{Kind: client.ActionReport, Room: p.Name, ID: id, Value: reason})
	if err := c.AskHooks(a); err != nil {
		return err
	}
	r := store.Report{ID: id, By: ca.PresenceID(), Reason: reason, At: rule.Now()}
	err = c.Store.SetRule(ctx, p.Log, store.Rule{Report: &r})
	if errors.Is(err, store.ErrReported) { // the moderators know, and the queue has room for others
		ca.OK(nil)
		return nil
	}
	c.TellHooks(a, err)
	if err != nil {
		return err
	}
	text, err := json.Marshal(reportOf(r))
	if err != nil {
		return err
	}
	c.Store.Signal(p.Log, append([]byte(reportNotice), text...))
	ca.OK(nil)
	return nil
}
