package client

import (
	"fmt"

	"chorus/adapter"
	"chorus/auth/permission"
	"chorus/chat/lane"
	"chorus/chat/rule"
	"chorus/chat/store"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// joinOptions are the last argument of "join".
type joinOptions struct {
	Since    *string `json:"since"`
	History  int     `json:"history"`
	Presence bool    `json:"presence"`
}

// join makes a client a member of a room and brings it up to date: the messages it missed, and the members. Joining again changes
// nothing and is answered alike.
func (c *Clients) join(ca *Call) error {
	p, err := ca.Place(rule.EventJoin)
	if err != nil {
		return err
	}
	opts, err := Option[joinOptions](ca, rule.EventJoin, 1)
	if err != nil {
		return err
	}
	if opts.History < 0 || opts.History > MaxHistory {
		return rule.BadRequest(fmt.Sprintf("join: history is not between 0 and %d", MaxHistory))
	}
	if opts.Since != nil {
		if _, err := store.ParseCursor(*opts.Since); err != nil {
			return err
		}
	}
	answer, l, pos, err := ca.enter(p, opts)
	if err != nil {
		return err
	}
	defer l.Release()
	full := false
	l.Answer(ca.Socket, pos, opts.Presence && p.Peer == "", func(tooMuch bool) {
		if full = tooMuch; !full {
			ca.OK(answer)
		}
	})
	if full {
		return &rule.Error{Code: rule.CodeOverloaded, Message: "too much was said while you joined: try again"}
	}
	return nil
}

// enter makes the client a member of a place and reads what the answer needs. What is said meanwhile waits in the lane,
// for which answer or cancel, and release, must follow.
func (cl *Client) enter(p rule.Place, opts joinOptions) (answer map[string]any, l *lane.Lane, pos int64, err error) {
	c := cl.all
	if err := cl.mayJoin(p, opts); err != nil {
		return nil, nil, 0, err
	}
	a := &Action{Kind: ActionJoin, client: cl, Room: p.Name}
	if err := c.AskHooks(a); err != nil {
		return nil, nil, 0, err
	}
	return cl.settle(p, opts, a)
}

// settle is enter for a client that may be in the place.
func (cl *Client) settle(p rule.Place, opts joinOptions, a *Action) (answer map[string]any, l *lane.Lane, pos int64, err error) {
	c := cl.all
	ctx, cancel := c.Context()
	defer cancel()
	l, err = c.Lanes.Acquire(ctx, p.Log)
	fresh := false
	if err == nil || !p.Policy.History.Keeps() { // a room without history works while Redis is away
		if err = cl.NotBanned(ctx, p); err == nil {
			l.Begin(cl.Socket, cl.User().ID)
			if fresh, err = cl.add(p, l); err == nil {
				err = cl.NotBanned(ctx, p) // a ban that came meanwhile did not find the client
			}
		}
	}
	if err == nil {
		answer, pos, err = cl.readUp(ctx, p, l, fresh, opts)
	}
	if err != nil {
		l.Cancel(cl.Socket)
		if fresh {
			cl.Exit(p.Name)
		}
		l.Release()
		return nil, nil, 0, err
	}
	a.Fresh = fresh
	c.TellHooks(a, nil)
	return answer, l, pos, nil
}

// mayJoin returns why the token does not permit what a join asks for.
func (cl *Client) mayJoin(p rule.Place, opts joinOptions) error {
	ca := &Call{Client: cl}
	if err := ca.Allow(permission.Join, p); err != nil {
		return err
	}
	if opts.Since != nil || opts.History > 0 {
		if err := ca.Allow(permission.History, p); err != nil {
			return err
		}
	}
	if opts.Presence {
		return ca.Allow(permission.Presence, p)
	}
	return nil
}

// add makes the client a member, and reports whether it was none. A room in which the program has put it stays the
// program's.
func (cl *Client) add(p rule.Place, l *lane.Lane) (fresh bool, err error) {
	if p.Peer == "" && !cl.Joined(p.Name) && cl.Socket.Rooms().Has(socket.Room(p.Name)) {
		return false, nil
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.rooms[p.Name] != nil || cl.gone {
		return false, nil
	}
	if most := cl.all.Options.MaxRooms; len(cl.rooms) >= most && !cl.forget() {
		return false, &rule.Error{Code: rule.CodeTooManyRooms, Message: fmt.Sprintf("a client may be in at most %d rooms: leave one first", most), Details: map[string]any{"limit": most}}
	}
	l.Hold()
	if cl.rooms == nil {
		cl.rooms = make(map[string]*membership)
	}
	cl.rooms[p.Name] = &membership{place: p, lane: l}
	if p.Peer == "" {
		cl.Socket.Join(socket.Room(p.Name))
		adapter.MarkOwn(cl.Socket, socket.Room(p.Name))
	}
	return true, nil
}

// JoinQuietly makes the client a member of a place, without an answer.
func (cl *Client) JoinQuietly(p rule.Place) error {
	_, l, pos, err := cl.enter(p, joinOptions{})
	if err != nil {
		return err
	}
	l.Answer(cl.Socket, pos, false, func(bool) {})
	l.Release()
	return nil
}
