package rooms

import (
	"slices"
	"sync/atomic"

	"chorus/engine"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// recipients are the sockets that get a broadcast to one room, or to all. It is made once after each join or
// leave, for as many broadcasts as there are until the next, and does not change.
type recipients struct {
	sockets   []*socket.Socket
	receivers *engine.Receivers // those on this project's engine
	others    []*socket.Socket  // those on another one

	// Clients of Socket.IO 2 among them, see outgoing.
	old       *engine.Receivers // nil when there are none
	oldOthers []*socket.Socket
}

func (a *recipients) add(m *member, conns, old *[]*engine.Conn) {
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

// newRecipients gathers what each calls its argument with.
func newRecipients(size int, each func(func(*member))) *recipients {
	a := &recipients{sockets: make([]*socket.Socket, 0, size)}
	conns := make([]*engine.Conn, 0, size)
	var old []*engine.Conn
	each(func(m *member) { a.add(m, &conns, &old) })
	a.receivers = engine.NewReceivers(conns)
	if len(old) > 0 {
		a.old = engine.NewReceivers(old)
	}
	return a
}

// cache holds the recipients of a room until a socket comes or goes. Under the index's lock for reading, several
// may make the same one.
type cache struct{ made atomic.Pointer[recipients] }

func (c *cache) drop() { c.made.Store(nil) }

func (c *cache) get(size int, each func(func(*member))) *recipients {
	if a := c.made.Load(); a != nil {
		return a
	}
	a := newRecipients(size, each)
	c.made.Store(a)
	return a
}

// recipients returns the sockets in at least one of rooms (no rooms: all), and the members of except.
// A socket may be in several lists, none of which is empty. connecting reports whether a member receives nothing yet.
func (x *index) recipients(rooms, except []socket.Room) (to []*recipients, without []*member, connecting bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(rooms) == 0 {
		to = append(to, x.everybody())
	}
	for _, name := range rooms {
		if a := x.membersOf(name); a != nil {
			to = append(to, a)
		}
	}
	for _, name := range except {
		x.eachMember(name, func(m *member) { without = append(without, m) })
	}
	to = slices.DeleteFunc(to, func(a *recipients) bool { return len(a.sockets) == 0 })
	return to, without, x.connecting > 0
}

// everybody returns all sockets; x.mu is held.
func (x *index) everybody() *recipients {
	return x.all.get(len(x.sids), func(use func(*member)) {
		for _, m := range x.sids {
			use(m)
		}
	})
}

// membersOf returns the members of a room, nil when there are none; x.mu is held.
func (x *index) membersOf(name socket.Room) *recipients {
	r, owner := x.rooms[name], x.owner(name)
	switch {
	case r != nil && owner == nil:
		return r.cache.get(len(r.members), func(use func(*member)) {
			for m := range r.members {
				use(m)
			}
		})
	case r != nil || owner != nil:
		return newRecipients(1, func(use func(*member)) { x.eachMember(name, use) })
	default:
		return nil
	}
}
