package engine

import (
	"errors"
	"sync"

	"chorus/engine/link"
	"chorus/engine/message"
	"chorus/engine/outgoing"
)

// Bounds of what waits for a shard. Whoever sends more waits until the shard has caught up, and
// with it the clients that make it send.
const (
	maxInbox      = 16 << 10 // entries
	maxInboxBytes = 16 << 20 // of messages, each counted once
)

// Bounds of a sweep. When every connection gets something of its own between the broadcasts, each
// has a path and joined bytes of its own, and a batch would take as much as the inbox times the
// connections.
const (
	maxNodes     = 16 << 10 // of the tree; then the connections are given what they have so far
	maxJoinBytes = 16 << 20 // what is joined beyond is not kept for others that get the same
	maxKeptPath  = 1 << 10  // messages
)

// entry is one thing that a shard has to do.
type entry struct {
	conn *Conn    // of message or op
	msg  *Message // to conn, or to the members of lists
	op   func(*shard, *Conn)

	lists  [][]*Conn
	except *except
}

// shard writes for a share of the connections. Everything about what a connection is sent is done by
// one goroutine at a time, whoever is busy, which is why Conn.out needs no lock. That is the shard's
// own goroutine, or one that sends to a single connection when the shard has nothing to do.
type shard struct {
	server *Server
	wake   chan struct{} // capacity 1: the shard's goroutine is to work
	poller *link.Poller  // nil where each connection has a goroutine that reads

	mu      sync.Mutex
	room    sync.Cond // the inbox was taken
	inbox   []entry
	bytes   int
	busy    bool // somebody works
	woken   bool // the shard's goroutine is about to
	stopped bool

	// What follows belongs to whoever is busy.
	spare  []entry // the memory of the last batch
	writer link.Writer
	tree   outgoing.Tree
	dirty  []*Conn    // connections that this batch has something for
	path   []*Message // scratch
	join   []byte     // scratch
	stamp  uint64     // counts broadcasts to several lists
	noted  uint64     // messages for connections, since the last sweep
}

func newShard(server *Server) *shard {
	s := &shard{server: server, wake: make(chan struct{}, 1)}
	s.room.L = &s.mu
	return s
}

// push appends a message to the inbox. While the inbox is full it waits. A message to one connection
// is written at once when nobody is at work: that spares waking the goroutine, which takes longer.
func (s *shard) push(e entry) {
	s.mu.Lock()
	for (len(s.inbox) >= maxInbox || s.bytes >= maxInboxBytes) && !s.stopped {
		s.room.Wait()
	}
	s.bytes += e.msg.Size()
	s.add(e, e.conn != nil)
}

// do appends something to do about a connection, which comes after what was sent to it before. It
// does not wait: there are only a few of these for each connection at a time.
func (s *shard) do(c *Conn, op func(*shard, *Conn)) {
	s.mu.Lock()
	s.add(entry{conn: c, op: op}, true)
}

// add appends an entry, unlocks s.mu and sees to it that somebody works.
func (s *shard) add(e entry, here bool) {
	if s.stopped {
		s.mu.Unlock()
		return
	}
	s.inbox = append(s.inbox, e)
	if s.busy || s.woken {
		s.mu.Unlock() // whoever is at work, or is about to be, looks again
		return
	}
	if !here {
		s.woken = true
		s.mu.Unlock()
		s.wake <- struct{}{}
		return
	}
	s.busy = true
	batch := s.take()
	s.mu.Unlock()
	s.sweep(batch)
	s.mu.Lock()
	s.busy = false
	left := len(s.inbox) > 0 || s.stopped
	s.woken = left
	s.mu.Unlock()
	if left {
		s.wake <- struct{}{}
	}
}

// run works whenever it is woken, until the shard is stopped.
func (s *shard) run() {
	for range s.wake {
		s.mu.Lock()
		s.woken = false
		s.busy = true
		for len(s.inbox) > 0 {
			batch := s.take()
			s.mu.Unlock()
			s.sweep(batch)
			s.mu.Lock()
		}
		s.busy = false
		stopped := s.stopped
		s.mu.Unlock()
		if stopped {
			return
		}
	}
}

// take returns what is in the inbox; s.mu is held.
func (s *shard) take() []entry {
	batch := s.inbox
	clear(s.spare)
	s.inbox, s.spare = s.spare[:0], batch
	s.bytes = 0
	s.room.Broadcast()
	return batch
}

// stop has run return when it has done what there is to do.
func (s *shard) stop() {
	s.mu.Lock()
	s.stopped = true
	s.room.Broadcast()
	wake := !s.busy && !s.woken
	s.woken = s.woken || wake
	s.mu.Unlock()
	if wake {
		s.wake <- struct{}{}
	}
}

// sweep first finds out what each connection gets, and then gives it to them. Connections that get
// the same share one piece of memory.
func (s *shard) sweep(batch []entry) {
	for i := range batch {
		switch e := &batch[i]; {
		case e.op != nil:
			s.flush(e.conn)
			e.op(s, e.conn)
		case e.conn != nil:
			s.note(e.conn, e.msg)
		default:
			s.noteAll(e)
		}
		if s.tree.Used >= maxNodes {
			s.flushAll()
		}
	}
	s.flushAll()
	s.server.stats.Sent.Add(s.noted)
	s.noted = 0
}

// flushAll gives all connections what was noted for them.
func (s *shard) flushAll() {
	for _, c := range s.dirty {
		s.flush(c)
	}
	clear(s.dirty)
	s.dirty = s.dirty[:0]
	s.tree.Reset()
	if cap(s.join) > maxJoinBytes {
		s.join = nil
	}
	s.join = s.join[:0]
	if cap(s.path) > maxKeptPath {
		s.path = nil
	}
	clear(s.path[:cap(s.path)])
	s.path = s.path[:0]
}

// noteAll notes a broadcast. A connection that is in several lists gets it once.
func (s *shard) noteAll(e *entry) {
	several := len(e.lists) > 1
	if several {
		s.stamp++
	}
	for _, list := range e.lists {
		for _, c := range list {
			if several {
				if c.out.stamp == s.stamp {
					continue
				}
				c.out.stamp = s.stamp
			}
			if e.except == nil || !e.except.has(c) {
				s.note(c, e.msg)
			}
		}
	}
}

// note remembers that a connection gets a message.
func (s *shard) note(c *Conn, m *Message) {
	o := &c.out
	if o.ended {
		return
	}
	if o.node == nil {
		o.node = &s.tree.Root
		s.dirty = append(s.dirty, c)
	}
	o.node = s.tree.Next(o.node, m)
	s.noted++
}

// flush gives a connection what this batch has for it.
func (s *shard) flush(c *Conn) {
	o := &c.out
	n := o.node
	o.node = nil
	if n == nil || n.Depth() == 0 || o.ended {
		return
	}
	o.sent.Add(uint64(n.Depth())) //nolint:gosec // not negative
	if o.socket == nil || o.blocked || !o.back.Empty() {
		s.path = n.Path(s.path[:0])
		for _, m := range s.path {
			s.keep(c, m)
		}
		s.kept(c)
		return
	}
	start := len(s.join)
	p := s.frames(n, o.socket.encoding)
	wrote, err := s.writer.Write(&o.socket.Link, p)
	if len(s.join) > maxJoinBytes && o.socket.encoding.Kept() {
		s.join, n.Joined[o.socket.encoding] = s.join[:start], nil
	}
	switch {
	case err == nil:
		if n.Notify {
			s.path = n.Path(s.path[:0])
			for _, m := range s.path {
				m.Sent()
			}
		}
	case errors.Is(err, link.ErrBlocked):
		s.tear(c, n, wrote)
	default:
		s.giveUp(c, err)
	}
}

// frames returns the bytes of all messages up to n, joined once for all that get the same.
func (s *shard) frames(n *outgoing.Node, e message.Encoding) []byte {
	threshold := s.server.opts.DeflateThreshold
	if n.Depth() == 1 {
		return n.Msg.Frames(e, threshold)
	}
	if !e.Kept() {
		s.path = n.Path(s.path[:0])
		var frames []byte
		for _, m := range s.path {
			frames = append(frames, m.Frames(e, threshold)...)
		}
		return frames
	}
	if n.Joined[e] == nil {
		s.path = n.Path(s.path[:0])
		start := len(s.join)
		for _, m := range s.path {
			s.join = append(s.join, m.Frames(e, threshold)...)
		}
		n.Joined[e] = s.join[start:len(s.join):len(s.join)]
	}
	return n.Joined[e]
}

// tear keeps what a write did not take: the rest of the message that it ended in, and those behind.
func (s *shard) tear(c *Conn, n *outgoing.Node, wrote int) {
	o := &c.out
	s.path = n.Path(s.path[:0])
	o.blocked = true
	c.behind.Store(true)
	for _, m := range s.path {
		size := len(m.Frames(o.socket.encoding, s.server.opts.DeflateThreshold))
		switch {
		case wrote >= size:
			wrote -= size
			m.Sent()
		case wrote > 0:
			o.back.Push(outgoing.Piece{Msg: m, Off: wrote, Size: size - wrote})
			wrote = 0
		default:
			s.keep(c, m)
		}
	}
	s.kept(c)
	if !o.ended {
		s.await(c)
	}
}

// keep has a message wait for a connection, unless it is one that does not wait.
func (s *shard) keep(c *Conn, m *Message) {
	o := &c.out
	if m.Options().Volatile && c.behind.Load() {
		s.server.stats.VolatileDropped.Add(1)
		return
	}
	if name := m.Options().Latest; name != "" && o.back.Replace(name) {
		s.server.stats.Replaced.Add(1)
	}
	o.back.Push(outgoing.Piece{Msg: m, Size: m.Size()})
}

// kept is called when something was kept: to answer a request that waits for it, or to close a
// connection for which too much waits.
func (s *shard) kept(c *Conn) {
	o := &c.out
	switch {
	case o.poll != nil:
		s.answer(c)
	case o.back.Over(s.server.opts.MaxBuffer):
		s.server.stats.SlowConsumers.Add(1)
		s.fail(c, ReasonSlowConsumer)
	}
}

// await has the shard told when a connection takes something again.
func (s *shard) await(c *Conn) {
	l := &c.out.socket.Link
	s.server.goes.Go(func() { // ends with the connection at the latest
		l.AwaitWritable()
		s.do(c, (*shard).drain)
	})
}

// maxDrainBytes is how much is joined for a connection that catches up.
const maxDrainBytes = 64 << 10

// drain writes what waits for a connection.
func (s *shard) drain(c *Conn) {
	o := &c.out
	if o.ended {
		return
	}
	o.blocked = false
	for !o.ended && o.socket != nil && !o.back.Empty() {
		start := len(s.join)
		p := o.back.Large(maxDrainBytes, o.socket.encoding, s.server.opts.DeflateThreshold)
		if p == nil {
			s.join = o.back.Gather(s.join, maxDrainBytes, o.socket.encoding, s.server.opts.DeflateThreshold)
			p = s.join[start:]
		}
		wrote, err := s.writer.Write(&o.socket.Link, p)
		s.join = s.join[:start]
		o.back.Advance(wrote, o.socket.encoding, s.server.opts.DeflateThreshold)
		switch {
		case err == nil:
		case errors.Is(err, link.ErrBlocked):
			o.blocked = true
			s.await(c)
			return
		default:
			s.giveUp(c, err)
			return
		}
	}
	c.behind.Store(o.socket == nil && o.poll == nil)
	if o.closing && o.back.Empty() {
		s.finish(c)
	}
}
