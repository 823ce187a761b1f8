package adapter

import (
	"slices"

	"sync/atomic"

	"chorus/engine"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// audience is who gets a broadcast to one room, or to all. It is made once after each join or
// leave, for as many broadcasts as there are until the next, and does not change.
type audience struct {
	sockets   []*socket.Socket
	receivers *engine.Receivers // those on this project's engine
	others    []*socket.Socket  // those on another one

	// Clients of Socket.IO 2 among them, see outgoing.
	old       *engine.Receivers // nil when there are none
	oldOthers []*socket.Socket
}

func (a *audience) add(m *member, conns, old *[]*engine.Conn) {
	switch {
	case m.socket == nil:
		return
	case m.conn != nil && m.conn.Protocol() == socketIO2:
		*old = append(*old, m.conn)
	case m.conn != nil:
		*conns = append(*conns, m.conn)
	case m.socket.Conn().Protocol() == socketIO2:
		a.oldOthers = append(a.oldOthers, m.socket)
	default:
		a.others = append(a.others, m.socket)
	}
	a.sockets = append(a.sockets, m.socket)
}

// newAudience gathers what each calls its argument with.
func newAudience(size int, each func(func(*member))) *audience {
	a := &audience{sockets: make([]*socket.Socket, 0, size)}
	conns := make([]*engine.Conn, 0, size)
	var old []*engine.Conn
	each(func(m *member) { a.add(m, &conns, &old) })
	a.receivers = engine.NewReceivers(conns)
	if len(old) > 0 {
		a.old = engine.NewReceivers(old)
	}
	return a
}

// cache holds an audience until somebody comes or goes. Under the index's lock for reading, several
// may make the same one.
type cache struct{ made atomic.Pointer[audience] }

func (c *cache) drop() { c.made.Store(nil) }

func (c *cache) get(size int, each func(func(*member))) *audience {
	if a := c.made.Load(); a != nil {
		return a
	}
	a := newAudience(size, each)
	c.made.Store(a)
	return a
}

// audiences returns who is in at least one of rooms (no rooms: all), and who is in one of except.
// A socket may be in several audiences, none of which is empty.
func (x *index) audiences(rooms, except []socket.Room) (to []*audience, without []*member) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(rooms) == 0 {
		to = append(to, x.everybody())
	}
	for _, name := range rooms {
		if a := x.audienceOf(name); a != nil {
			to = append(to, a)
		}
	}
	for _, name := range except {
		x.eachMember(name, func(m *member) { without = append(without, m) })
	}
	to = slices.DeleteFunc(to, func(a *audience) bool { return len(a.sockets) == 0 })
	return to, without
}

// everybody returns all sockets; x.mu is held.
func (x *index) everybody() *audience {
	return x.all.get(len(x.sids), func(use func(*member)) {
		for _, m := range x.sids {
			use(m)
		}
	})
}

// audienceOf returns the members of a room, nil when there are none; x.mu is held.
func (x *index) audienceOf(name socket.Room) *audience {
	r, owner := x.rooms[name], x.owner(name)
	switch {
	case r != nil && owner == nil:
		return r.cache.get(len(r.members), func(use func(*member)) {
			for m := range r.members {
				use(m)
			}
		})
	case r != nil || owner != nil:
		return newAudience(1, func(use func(*member)) { x.eachMember(name, use) })
	default:
		return nil
	}
}
