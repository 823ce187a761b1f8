package engine

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"chorus/engine/link"
	"chorus/engine/message"
	"chorus/engine/outgoing"
	"chorus/engine/payload"

	"github.com/gobwas/ws"
)

// probeData is what the packets that try a WebSocket carry (Engine.IO protocol: upgrade).
const probeData = "probe"

// upgrade has the client of a session on polling try a WebSocket. Messages go on by polling until
// the client says that it wants the WebSocket.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, query url.Values) {
	sid := query.Get("sid")
	c := s.session(sid)
	if c == nil {
		s.refuse(w, r, unknownSession, map[string]any{"sid": sid}) // it ended this moment
		return
	}
	if c.websocket.Load() || !c.upgrading.CompareAndSwap(false, true) {
		s.closeSecond(w, r, query, c)
		return
	}
	socket, early, err := s.accept(w, r, query, c, false)
	if err != nil {
		c.upgrading.Store(false)
		return
	}
	c.mu.Lock()
	c.probe = socket
	c.mu.Unlock()
	if c.state.Load() == stateClosed { // end may have looked before
		_ = socket.Close()
	}
	_ = socket.SetReadDeadline(time.Now().Add(s.opts.UpgradeTimeout))
	socket.probing = true
	socket.start(early)
}

// closeSecond accepts a second WebSocket of a session and closes it, as Node.js does.
func (s *Server) closeSecond(w http.ResponseWriter, r *http.Request, query url.Values, c *Conn) {
	socket, _, err := s.accept(w, r, query, c, false)
	if err != nil {
		return
	}
	goodbye := func() { // ends within link.Linger
		defer socket.Close() //nolint:errcheck // there is nobody to tell
		_ = socket.SetDeadline(time.Now().Add(link.Linger))
		if _, err := socket.Write(message.NewClose(ws.StatusNoStatusRcvd).Frames(message.Plain, 0)); err == nil {
			socket.Drain()
		}
	}
	if !s.spawn(goodbye) {
		_ = socket.Close()
	}
}

// probe takes a packet on a WebSocket that the client tries.
func (w *webSocket) probe(p message.Packet) error {
	c := w.conn
	text := string(p.Body)
	switch {
	case c.state.Load() == stateClosed:
		return errClosed
	case !p.Binary && text == string(rune(message.TypePing))+probeData:
		c.sync(func(s *shard, c *Conn) { s.beginProbe(c, w) })
		c.Emit("upgrading", c.Transport())
		return nil
	case !p.Binary && text == string(rune(message.TypeUpgrade)):
		// Taken for good: no request may bring messages while the WebSocket does.
		if !c.posting.CompareAndSwap(false, true) {
			return fmt.Errorf("%w: an upgrade while a request is under way", ErrPacket)
		}
		w.probing = false
		c.switchTo(w)
		return nil
	default:
		return fmt.Errorf("%w: neither a probe nor an upgrade", ErrPacket)
	}
}

// switchTo makes the WebSocket the transport.
func (c *Conn) switchTo(w *webSocket) {
	_ = w.SetReadDeadline(time.Time{})
	c.mu.Lock()
	c.socket, c.probe = w, nil
	c.mu.Unlock()
	c.websocket.Store(true)
	c.upgrading.Store(false)
	c.shard.do(c, func(s *shard, c *Conn) { s.attach(c, w) })
	c.Emit("upgrade", c.Transport())
}

// abandonProbe goes on by polling when the WebSocket came to nothing.
func (c *Conn) abandonProbe() {
	c.mu.Lock()
	c.probe = nil
	c.mu.Unlock()
	c.shard.do(c, func(_ *shard, c *Conn) { c.out.probing = false })
	c.upgrading.Store(false)
}

// beginProbe answers a probe, and frees the request that waits: the client decides for the
// WebSocket when no request is under way any more.
func (s *shard) beginProbe(c *Conn, w *webSocket) {
	if c.out.ended {
		return
	}
	if s.writeProbe(w, message.NewPacket(message.TypePong, probeData)) {
		c.out.probing = true
		s.free(c)
	}
}

// writeProbe writes to a WebSocket that the client tries, and reports whether it took that. Else
// its reader abandons it.
func (s *shard) writeProbe(w *webSocket, m *Message) bool {
	_, err := s.writer.Write(&w.Link, m.Frames(w.encoding, s.server.opts.DeflateThreshold))
	if err != nil {
		_ = w.Close()
	}
	return err == nil
}

// free answers a request that waits, with nothing.
func (s *shard) free(c *Conn) {
	if c.out.poll != nil {
		s.keep(c, s.server.noop)
		s.answer(c)
	}
}

// attach makes a WebSocket what a session writes to, and writes what waits.
func (s *shard) attach(c *Conn, w *webSocket) {
	o := &c.out
	if o.ended {
		return
	}
	s.free(c)
	o.socket, o.probing, o.last = w, false, nil
	s.drain(c)
}

// attachPoll has a request wait for something, or answers it with what is there.
func (s *shard) attachPoll(c *Conn, p *poll) {
	o := &c.out
	switch {
	case o.ended:
		p.answer <- payload.Close(c.protocol)
	case o.socket != nil, c.waiting.Load() != p: // it has been upgraded meanwhile; or this request waits no more
		p.answer <- payload.Encode([]*Message{s.server.noop}, c.protocol, p.base64)
	case p.id != "" && o.last != nil && p.id == o.last.id:
		again := o.last.answer
		again.Messages = nil // those who wanted to know were told
		p.answer <- again
	default:
		o.last = nil
		o.poll = p
		c.behind.Store(false)
		switch {
		case o.closing:
			s.finish(c)
		case !o.back.Empty():
			s.answer(c)
		case o.probing:
			s.free(c)
		}
	}
}

// answer gives what waits to the request that waits.
func (s *shard) answer(c *Conn) {
	o := &c.out
	p := o.poll
	o.poll = nil
	c.behind.Store(true)
	answer := payload.Encode(o.back.Take(), c.protocol, p.base64)
	if p.id != "" {
		o.last = &lastAnswer{id: p.id, answer: answer}
	}
	p.answer <- answer
}

// sendNow sends a message from here.
func (s *shard) sendNow(c *Conn, m *Message) {
	s.note(c, m)
	s.flush(c)
}

// close ends a session when what waits is written, or with discard at once.
func (s *shard) close(c *Conn, discard bool) {
	o := &c.out
	if o.ended {
		return
	}
	o.closing = true
	if discard && o.blocked {
		s.fail(c, reasonForcedClose) // there is no telling a client that takes nothing
		return
	}
	if discard {
		o.back = outgoing.Backlog{}
	}
	if o.back.Empty() && o.socket != nil || o.poll != nil {
		s.finish(c)
	}
	if discard && !o.ended && o.socket == nil {
		s.fail(c, reasonForcedClose) // between two requests: the next one is told
	}
}

// finish tells the client that the session ends, and ends it.
func (s *shard) finish(c *Conn) {
	s.goodbye(c, ws.StatusNoStatusRcvd)
	if c.out.poll != nil {
		s.keep(c, message.NewPacket(message.TypeClose, ""))
		s.answer(c)
	}
	s.fail(c, reasonForcedClose)
}

// goodbye writes a close frame (RFC 6455 section 5.5.1) where nothing is in the way.
func (s *shard) goodbye(c *Conn, code ws.StatusCode) {
	o := &c.out
	if o.ended || o.socket == nil || o.socket.Finished() {
		return
	}
	last := message.NewClose(code).Frames(message.Plain, 0)
	if o.blocked || !o.back.Empty() {
		if o.socket.Direct() || o.back.Size() > maxDrainBytes {
			return
		}
		// The write under way need not be a long one: the little that waits goes with the frame.
		last = append(o.back.Gather(nil, 2*maxDrainBytes, o.socket.encoding, s.server.opts.DeflateThreshold), last...)
		o.back = outgoing.Backlog{}
	}
	s.writer.Last(&o.socket.Link, last)
}
