package client

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
func (c *Clients) listPresence(ca *Call) error {
	p, err := ca.Place(rule.EventPresence)
	if err != nil {
		return err
	}
	opts, err := Option[presenceOptions](ca, rule.EventPresence, 1)
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
	if err := ca.Allow(permission.Presence, p); err != nil {
		return err
	}
	ctx, cancel := ca.all.Context()
	defer cancel()
	l, err := c.Lanes.Acquire(ctx, p.Log)
	defer l.Release()
	if err != nil {
		return err
	}
	if err := ca.NotBanned(ctx, p); err != nil {
		return err
	}
	switch {
	case opts.Watch == nil:
	case *opts.Watch && !ca.watch(l):
		return &rule.Error{Code: rule.CodeLimitReached, Message: "a client may watch so many rooms at most", Details: map[string]any{"limit": c.Options.MaxRooms}}
	case *opts.Watch:
	default:
		ca.unwatch(l.Topic)
	}
	l.Begin(ca.Socket, ca.User().ID)
	epoch, seq := l.PresenceNow(ca.Socket)
	page, err := c.Store.List(ctx, p.Log, opts.Cursor, limit)
	if err != nil {
		l.Cancel(ca.Socket)
		return err
	}
	answer := view.UserPage(page)
	answer["room"], answer["epoch"], answer["seq"], answer["count"] = p.Name, epoch, seq, page.Count
	watch := opts.Watch != nil && *opts.Watch
	l.Answer(ca.Socket, 0, watch, func(bool) { ca.OK(answer) })
	return nil
}

// setStatus sets what others see of the user besides the name.
func (c *Clients) setStatus(ca *Call) error {
	data, err := codec.Arg[json.RawMessage](rule.EventStatus, ca.Args, 0)
	switch {
	case err != nil:
		return rule.BadRequest("status: the data, the first argument, is not JSON")
	case len(data) > c.Options.Presence.MaxData:
		return &rule.Error{Code: rule.CodeTooLarge, Message: fmt.Sprintf("status: the data has more than %d bytes", c.Options.Presence.MaxData), Details: map[string]any{"limit": c.Options.Presence.MaxData}}
	}
	if string(data) == "null" {
		data = nil
	}
	room := ""
	if len(ca.Args) > 1 {
		p, err := (&Call{Client: ca.Client, Args: ca.Args[1:]}).Place(rule.EventStatus)
		switch {
		case err != nil:
			return err
		case p.Peer != "" || !ca.Joined(p.Name):
			return rule.NotJoined(p.Name)
		}
		room = p.Log
	}
	ctx, cancel := c.Context()
	defer cancel()
	if err := c.Store.SetStatus(ctx, ca.PresenceID(), room, data); err != nil {
		return err
	}
	ca.OK(nil)
	return nil
}

// PresenceID is who the client is among the users of a room. A client without a subject is a user of its own.
func (cl *Client) PresenceID() string {
	if user := cl.User(); user.ID != "" {
		return user.ID
	}
	return string(cl.Socket.Id())
}
