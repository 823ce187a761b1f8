package chat

import (
	"fmt"

	"chorus/adapter"
	"chorus/auth/permission"
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
	p, err := ca.place(eventJoin)
	if err != nil {
		return err
	}
	opts, err := option[joinOptions](ca, eventJoin, 1)
	if err != nil {
		return err
	}
	if opts.History < 0 || opts.History > maxHistory {
		return badRequest(fmt.Sprintf("join: history is not between 0 and %d", maxHistory))
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
	defer c.release(l)
	full := false
	l.answer(ca.client, pos, opts.Presence && p.peer == "", func(tooMuch bool) {
		if full = tooMuch; !full {
			ca.ok(answer)
		}
	})
	if full {
		return &Error{Code: CodeOverloaded, Message: "too much was said while you joined: try again"}
	}
	return nil
}

// enter makes the client a member of a place and reads what the answer needs. What is said meanwhile waits in the lane,
// for which answer or cancel, and release, must follow.
func (cl *client) enter(p place, opts joinOptions) (answer map[string]any, l *lane, pos int64, err error) {
	c := cl.chat
	if err := cl.mayJoin(p, opts); err != nil {
		return nil, nil, 0, err
	}
	a := &Action{Kind: ActionJoin, client: cl, Room: p.name}
	if err := c.before(a); err != nil {
		return nil, nil, 0, err
	}
	return cl.settle(p, opts, a)
}

// settle is enter for a client that may be in the place.
func (cl *client) settle(p place, opts joinOptions, a *Action) (answer map[string]any, l *lane, pos int64, err error) {
	c := cl.chat
	ctx, cancel := c.context()
	defer cancel()
	l, err = c.acquire(ctx, p.log)
	fresh := false
	if err == nil || !p.policy.History.Keeps() { // a room without history works while Redis is away
		if err = cl.notBanned(ctx, p); err == nil {
			l.begin(cl)
			if fresh, err = cl.add(p, l); err == nil {
				err = cl.notBanned(ctx, p) // a ban that came meanwhile did not find the client
			}
		}
	}
	if err == nil {
		answer, pos, err = cl.readUp(ctx, p, l, fresh, opts)
	}
	if err != nil {
		l.cancel(cl)
		if fresh {
			cl.exit(p.name)
		}
		c.release(l)
		return nil, nil, 0, err
	}
	a.Fresh = fresh
	c.after(a, nil)
	return answer, l, pos, nil
}

// mayJoin returns why the token does not permit what a join asks for.
func (cl *client) mayJoin(p place, opts joinOptions) error {
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
func (cl *client) add(p place, l *lane) (fresh bool, err error) {
	if p.peer == "" && !cl.joined(p.name) && cl.socket.Rooms().Has(socket.Room(p.name)) {
		return false, nil
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.rooms[p.name] != nil || cl.gone {
		return false, nil
	}
	if most := cl.chat.opts.MaxRooms; len(cl.rooms) >= most && !cl.forget() {
		return false, &Error{Code: CodeTooManyRooms, Message: fmt.Sprintf("a client may be in at most %d rooms: leave one first", most), Details: map[string]any{"limit": most}}
	}
	cl.hold(l)
	if cl.rooms == nil {
		cl.rooms = make(map[string]*membership)
	}
	cl.rooms[p.name] = &membership{place: p, lane: l}
	if p.peer == "" {
		cl.socket.Join(socket.Room(p.name))
		adapter.MarkOwn(cl.socket, socket.Room(p.name))
	}
	return true, nil
}

// hold takes one more reference to a lane, which the caller has one of.
func (cl *client) hold(l *lane) {
	cl.chat.mu.Lock()
	defer cl.chat.mu.Unlock()
	l.refs++
}
