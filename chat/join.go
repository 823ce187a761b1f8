package chat

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

// join makes a client a member of a room and brings it up to date: what it missed, who is there. Joining again changes
// nothing and is answered alike.
func (c *Chat) join(ca *call) error {
	p, err := ca.place(rule.EventJoin)
	if err != nil {
		return err
	}
	opts, err := option[joinOptions](ca, rule.EventJoin, 1)
	if err != nil {
		return err
	}
	if opts.History < 0 || opts.History > maxHistory {
		return rule.BadRequest(fmt.Sprintf("join: history is not between 0 and %d", maxHistory))
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
	l.Answer(ca.socket, pos, opts.Presence && p.Peer == "", func(tooMuch bool) {
		if full = tooMuch; !full {
			ca.ok(answer)
		}
	})
	if full {
		return &rule.Error{Code: rule.CodeOverloaded, Message: "too much was said while you joined: try again"}
	}
	return nil
}

// enter makes the client a member of a place and reads what the answer needs. What is said meanwhile waits in the lane,
// for which answer or cancel, and release, must follow.
func (cl *client) enter(p rule.Place, opts joinOptions) (answer map[string]any, l *lane.Lane, pos int64, err error) {
	c := cl.chat
	if err := cl.mayJoin(p, opts); err != nil {
		return nil, nil, 0, err
	}
	a := &Action{Kind: ActionJoin, client: cl, Room: p.Name}
	if err := c.before(a); err != nil {
		return nil, nil, 0, err
	}
	return cl.settle(p, opts, a)
}

// settle is enter for a client that may be in the place.
func (cl *client) settle(p rule.Place, opts joinOptions, a *Action) (answer map[string]any, l *lane.Lane, pos int64, err error) {
	c := cl.chat
	ctx, cancel := c.context()
	defer cancel()
	l, err = c.lanes.Acquire(ctx, p.Log)
	fresh := false
	if err == nil || !p.Policy.History.Keeps() { // a room without history works while Redis is away
		if err = cl.notBanned(ctx, p); err == nil {
			l.Begin(cl.socket, cl.user().ID)
			if fresh, err = cl.add(p, l); err == nil {
				err = cl.notBanned(ctx, p) // a ban that came meanwhile did not find the client
			}
		}
	}
	if err == nil {
		answer, pos, err = cl.readUp(ctx, p, l, fresh, opts)
	}
	if err != nil {
		l.Cancel(cl.socket)
		if fresh {
			cl.exit(p.Name)
		}
		l.Release()
		return nil, nil, 0, err
	}
	a.Fresh = fresh
	c.after(a, nil)
	return answer, l, pos, nil
}

// mayJoin returns why the token does not permit what a join asks for.
func (cl *client) mayJoin(p rule.Place, opts joinOptions) error {
	ca := &call{client: cl}
	if err := ca.allow(permission.Join, p); err != nil {
		return err
	}
	if opts.Since != nil || opts.History > 0 {
		if err := ca.allow(permission.History, p); err != nil {
			return err
		}
	}
	if opts.Presence {
		return ca.allow(permission.Presence, p)
	}
	return nil
}

// add makes the client a member, and reports whether it was none. A room in which the program has put it stays the
// program's.
func (cl *client) add(p rule.Place, l *lane.Lane) (fresh bool, err error) {
	if p.Peer == "" && !cl.joined(p.Name) && cl.socket.Rooms().Has(socket.Room(p.Name)) {
		return false, nil
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.rooms[p.Name] != nil || cl.gone {
		return false, nil
	}
	if most := cl.chat.opts.MaxRooms; len(cl.rooms) >= most && !cl.forget() {
		return false, &rule.Error{Code: rule.CodeTooManyRooms, Message: fmt.Sprintf("a client may be in at most %d rooms: leave one first", most), Details: map[string]any{"limit": most}}
	}
	l.Hold()
	if cl.rooms == nil {
		cl.rooms = make(map[string]*membership)
	}
	cl.rooms[p.Name] = &membership{place: p, lane: l}
	if p.Peer == "" {
		cl.socket.Join(socket.Room(p.Name))
		adapter.MarkOwn(cl.socket, socket.Room(p.Name))
	}
	return true, nil
}
