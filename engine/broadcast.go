package engine

import "slices"

// Receivers are connections that get broadcasts together, grouped once for all broadcasts. They do
// not change, and are safe for concurrent use.
type Receivers struct{ groups []group }

type group struct {
	shard *shard
	conns []*Conn
}

// NewReceivers groups connections, each of which must be there once. It keeps no reference to
// conns.
func NewReceivers(conns []*Conn) *Receivers {
	r := &Receivers{}
	for _, c := range conns {
		r.add(c)
	}
	return r
}

func (r *Receivers) add(c *Conn) {
	for i := range r.groups {
		if g := &r.groups[i]; g.shard == c.shard {
			g.conns = append(g.conns, c)
			return
		}
	}
	r.groups = append(r.groups, group{shard: c.shard, conns: []*Conn{c}})
}

// Broadcast sends a message to all receivers but those of except. A connection gets it once, even
// when it is among several receivers. What one goroutine sends, here and with Conn.Send, reaches a
// connection in order; what comes to an end meanwhile gets nothing. It returns when the message is
// in the inboxes of the shards, and waits when they are full.
func Broadcast(m *Message, except []*Conn, to ...*Receivers) {
	without := newExcept(except)
	if len(to) == 1 {
		for i := range to[0].groups {
			g := &to[0].groups[i]
			g.shard.push(entry{msg: m, lists: [][]*Conn{g.conns}, except: without})
		}
		return
	}
	lists := make(map[*shard][][]*Conn)
	for _, r := range to {
		for _, g := range r.groups {
			lists[g.shard] = append(lists[g.shard], g.conns)
		}
	}
	for s, of := range lists {
		s.push(entry{msg: m, lists: of, except: without})
	}
}

// except are the connections that a broadcast leaves out.
type except struct {
	few  []*Conn
	many map[*Conn]struct{}
}

// fewConns is up to where comparing is faster than looking up.
const fewConns = 8

func newExcept(conns []*Conn) *except {
	switch {
	case len(conns) == 0:
		return nil
	case len(conns) <= fewConns:
		return &except{few: slices.Clone(conns)}
	}
	e := &except{many: make(map[*Conn]struct{}, len(conns))}
	for _, c := range conns {
		e.many[c] = struct{}{}
	}
	return e
}

func (e *except) has(c *Conn) bool {
	if e.many != nil {
		_, ok := e.many[c]
		return ok
	}
	for _, other := range e.few {
		if other == c {
			return true
		}
	}
	return false
}
