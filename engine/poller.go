package engine

import (
	"errors"
	"io"
	"log/slog"
	"net"
)

// watched is a WebSocket that a poller reads instead of a goroutine of its own.
//
// The descriptor belongs to the net.Conn of the link. It is read, written, added to the epoll instance and removed from
// it inside of calls of syscall.RawConn alone, which fail after Close. So a number that the kernel gives to another
// connection is never used. An event carries the seat and its generation and not the descriptor: an event of a
// connection that has left its seat meets nobody.
type watched struct {
	poller *poller
	rd     *reader
	packets

	// Guarded by poller.mu.
	seat   int32
	served bool // a turn reads it and calls its handlers
	away   bool // the epoll instance does not have it: it goes on in a goroutine of its own until its handler returns
	left   bool // its end is under way
	end    func()
}

// readOrWatch reads a link in the goroutine that calls it, until a poller takes it over or it ends.
func (c *Conn) readOrWatch(rd *reader, early []byte, p *packets) {
	watched := false
	err := c.server.guard(func() error {
		if err := rd.feed(early, p); err != nil {
			return err
		}
		for {
			if watched = !p.probing && c.watch(rd, p); watched {
				return nil
			}
			if err := rd.next(p); err != nil {
				return err
			}
		}
	})
	if !watched {
		c.endLink(rd, p, err)
	}
}

// watch gives a link to the poller of the shard, and reports whether that took it.
func (c *Conn) watch(rd *reader, p *packets) bool {
	if c.shard.poller == nil || rd.link.raw == nil || !c.shard.poller.watch(&watched{rd: rd, packets: *p}) {
		return false
	}
	if rd.link.finished.Load() { // it may have been finished before it was watched
		rd.link.awaitEnd()
	}
	return true
}

// close closes the connection. A link that a poller reads gets no event of that, so the poller is told.
func (l *link) close() {
	_ = l.conn.Close()
	if w := l.watched.Load(); w != nil {
		w.poller.leave(w, func() { w.conn.endLink(w.rd, &w.packets, net.ErrClosed) })
	}
}

// awaitEnd has a goroutine wait until the client closes a connection that the server has finished, or the time is over.
func (l *link) awaitEnd() {
	if w := l.watched.Load(); w != nil {
		w.poller.leave(w, func() {
			_, _ = io.Copy(io.Discard, l.conn)
			w.conn.endLink(w.rd, &w.packets, io.EOF)
		})
	}
}

// mayBlock is called in a turn of the poller before a handler waits: the poller goes on without it.
func (c *Conn) mayBlock() {
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l == nil {
		return
	}
	if w := l.watched.Load(); w != nil {
		w.poller.release(w)
	}
}

// startPollers gives each shard a poller, where the system has them.
func (s *Server) startPollers() {
	var pollers []*poller
	for _, shard := range s.shards {
		p, err := newPoller(s)
		if err != nil {
			if !errors.Is(err, errors.ErrUnsupported) {
				s.log.Warn("no poller: each WebSocket of this shard has a goroutine of its own", slog.Any("error", err))
			}
			continue
		}
		shard.poller = p
		pollers = append(pollers, p)
	}
	s.monitor.wake = make(chan struct{}, 1)
	if len(pollers) > 0 {
		s.goes.Go(func() { s.monitor.run(pollers, s.stop) }) // ends with Close
	}
}
