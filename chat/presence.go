package chat

import (
	"encoding/json"
	"fmt"

	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/rule"
	"chorus/chat/view"
	"chorus/codec"
)

// maxListed is how many users a page of presence has at most, and defaultListed without a limit.
const (
	maxListed     = 1000
	defaultListed = 100
)

// presenceOptions are the last argument of "presence".
type presenceOptions struct {
	Cursor string `json:"cursor"`
	Limit  *int   `json:"limit"`
	Watch  *bool  `json:"watch"`
}

// presence lists who is in a room.
func (c *Chat) listPresence(ca *call) error {
	p, err := ca.place(rule.EventPresence)
	if err != nil {
		return err
	}
	opts, err := option[presenceOptions](ca, rule.EventPresence, 1)
	if err != nil {
		return err
	}
	limit := defaultListed
	if opts.Limit != nil {
		limit = *opts.Limit
	}
	switch {
	case limit < 1 || limit > maxListed:
		return rule.BadRequest(fmt.Sprintf("presence: limit is not between 1 and %d", maxListed))
	case p.Peer != "" || p.Policy.NoPresence:
		return &rule.Error{Code: refusal.CodeForbidden, Message: "nobody is told who is here", Details: map[string]any{"action": string(permission.Presence), "room": p.Name}}
	}
	if err := ca.allow(permission.Presence, p); err != nil {
		return err
	}
	ctx, cancel := ca.chat.context()
	defer cancel()
	l, err := c.lanes.Acquire(ctx, p.Log)
	defer l.Release()
	if err != nil {
		return err
	}
	if err := ca.notBanned(ctx, p); err != nil {
		return err
	}
	switch {
	case opts.Watch == nil:
	case *opts.Watch && !ca.watch(l):
		return &rule.Error{Code: rule.CodeLimitReached, Message: "a client may watch so many rooms at most", Details: map[string]any{"limit": c.opts.MaxRooms}}
	case *opts.Watch:
	default:
		ca.unwatch(l.Topic)
	}
	l.Begin(ca.socket, ca.user().ID)
	epoch, seq := l.PresenceNow(ca.socket)
	page, err := c.store.List(ctx, p.Log, opts.Cursor, limit)
	if err != nil {
		l.Cancel(ca.socket)
		return err
	}
	answer := view.UserPage(page)
	answer["room"], answer["epoch"], answer["seq"], answer["count"] = p.Name, epoch, seq, page.Count
	watch := opts.Watch != nil && *opts.Watch
	l.Answer(ca.socket, 0, watch, func(bool) { ca.ok(answer) })
	return nil
}

// setStatus sets what others see of the user besides the name.
func (c *Chat) setStatus(ca *call) error {
	data, err := codec.Arg[json.RawMessage](rule.EventStatus, ca.args, 0)
	switch {
	case err != nil:
		return rule.BadRequest("status: the data, the first argument, is not JSON")
	case len(data) > c.opts.Presence.MaxData:
		return &rule.Error{Code: rule.CodeTooLarge, Message: fmt.Sprintf("status: the data has more than %d bytes", c.opts.Presence.MaxData), Details: map[string]any{"limit": c.opts.Presence.MaxData}}
	}
	if string(data) == "null" {
		data = nil
	}
	room := ""
	if len(ca.args) > 1 {
		p, err := (&call{client: ca.client, args: ca.args[1:]}).place(rule.EventStatus)
		switch {
		case err != nil:
			return err
		case p.Peer != "" || !ca.joined(p.Name):
			return rule.NotJoined(p.Name)
		}
		room = p.Log
	}
	ctx, cancel := c.context()
	defer cancel()
	if err := c.store.SetStatus(ctx, ca.presenceID(), room, data); err != nil {
		return err
	}
	ca.ok(nil)
	return nil
}

// presenceID is who the client is among the users of a room. A client without a subject is a user of its own.
func (cl *client) presenceID() string {
	if user := cl.user(); user.ID != "" {
		return user.ID
	}
	return string(cl.socket.Id())
}
