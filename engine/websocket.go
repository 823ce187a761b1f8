package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/gobwas/ws"
)

// handshakeTimeout bounds the writing of the answer to a WebSocket's handshake.
const handshakeTimeout = 10 * time.Second

// openWebSocket begins a session on a WebSocket.
func (s *Server) openWebSocket(w http.ResponseWriter, r *http.Request, query url.Values) {
	c, refusal := s.newConn(r, query, WebSocket)
	if refusal != nil {
		s.refuse(w, r, refusal, nil)
		return
	}
	rd, early, err := s.accept(w, r, query, c, true)
	if err != nil {
		c.end(reasonTransportError, err)
		return
	}
	c.mu.Lock()
	c.link = rd.link
	c.mu.Unlock()
	if c.state.Load() == stateClosed { // end may have looked before
		rd.link.close()
		return
	}
	s.open(c)
	if len(early) > 0 || !c.watch(rd, &packets{conn: c, link: rd.link}) { // before the client hears anything: from then on it is told why it ends
		c.startReading(rd, early, false)
	}
	c.shard.do(c, func(s *shard, c *Conn) { s.attach(c, rd.link) })
}

// accept answers the handshake of a WebSocket (RFC 6455 section 4.2.2) and takes the connection
// from the HTTP server. early is what the client sent behind its handshake.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, query url.Values, c *Conn, initial bool) (rd *reader, early []byte, err error) {
	upgrader := ws.HTTPUpgrader{
		Timeout:  handshakeTimeout,
		Header:   make(http.Header),
		Protocol: func(string) bool { return true }, // the first one, as with Node.js
	}
	for name, values := range w.Header() {
		upgrader.Header[name] = values // what middlewares and CORS have set
	}
	s.addHeaders(upgrader.Header, c, r, initial)
	deflate := ""
	if s.opts.Deflate {
		if deflate = negotiateDeflate(r.Header.Values("Sec-WebSocket-Extensions")); deflate != "" {
			upgrader.Header.Set("Sec-WebSocket-Extensions", deflate)
		}
	}
	conn, buffered, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		return nil, nil, err
	}
	e := encodingOf(c.protocol, c.base64 || query.Has("b64"), deflate != "")
	rd = &reader{buffers: &s.buffers, max: c.maxPayload, held: share{server: s, conn: c}, deflate: deflate != ""}
	rd.link = newLink(conn, e, &s.goes)
	return rd, earlyBytes(buffered), nil
}

func earlyBytes(buffered *bufio.ReadWriter) []byte {
	n := buffered.Reader.Buffered()
	if n == 0 {
		return nil
	}
	early := make([]byte, n)
	_, _ = io.ReadFull(buffered.Reader, early) // they are there
	return early
}

// startReading reads the link in a goroutine that ends with the link, or when the poller takes over. The HTTP server's
// own ends now, and with it what it holds for a request.
func (c *Conn) startReading(rd *reader, early []byte, probing bool) {
	read := func() { c.readOrWatch(rd, early, &packets{conn: c, link: rd.link, probing: probing}) }
	if !c.server.spawn(read) {
		rd.link.close()
		c.end(reasonForcedClose, nil)
	}
}

// endLink ends a WebSocket whose reader has stopped with err.
func (c *Conn) endLink(rd *reader, p *packets, err error) {
	defer rd.link.conn.Close() //nolint:errcheck // there is nobody to tell
	_ = rd.held.set(0)
	reason, code := reasonOf(err)
	if p.probing {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			code = ws.StatusNoStatusRcvd
		}
		c.abandonProbe()
		if code != 0 {
			c.sync(func(s *shard, _ *Conn) { s.writeProbe(rd.link, newClose(code)) })
			rd.link.finish()
			_, _ = io.Copy(io.Discard, rd.link.conn) // until the client closes, or the time is over
		}
		return
	}
	if c.state.Load() != stateClosed {
		if rd.link.finished.Load() { // it is the server that has closed, and about to say so
			reason, code, err = reasonForcedClose, 0, nil
		}
		if code != 0 {
			c.sync(func(s *shard, c *Conn) { s.goodbye(c, code) })
		}
		c.end(reason, err)
	}
	if rd.link.finished.Load() {
		_, _ = io.Copy(io.Discard, rd.link.conn) // until the client closes, or the time is over
	}
}

// sync has the shard do something, and returns when it has.
func (c *Conn) sync(op func(*shard, *Conn)) {
	done := make(chan struct{})
	c.shard.do(c, func(s *shard, c *Conn) {
		defer close(done)
		op(s, c)
	})
	select {
	case <-done:
	case <-c.server.stop: // the shard may have ended
	}
}

// closeFrame is the error that a client's close frame becomes. It is answered with the same code
// (RFC 6455 section 5.5.1).
type closeFrame struct{ code ws.StatusCode }

func (f closeFrame) Error() string { return fmt.Sprintf("%s: code %d", errClosedByClient, f.code) }

// reasonOf returns the reason of a session's end and the code that the client gets (RFC 6455
// section 7.4.1), 0 for none.
func reasonOf(err error) (reason string, code ws.StatusCode) {
	var frame closeFrame
	switch {
	case errors.As(err, &frame):
		return reasonTransportClose, frame.code
	case errors.Is(err, errPanic):
		return reasonTransportError, ws.StatusInternalServerError
	case errors.Is(err, ErrPayloadTooLarge):
		return reasonTransportError, ws.StatusMessageTooBig
	case errors.Is(err, ws.ErrProtocolInvalidUTF8):
		return reasonTransportError, ws.StatusInvalidFramePayloadData
	case errors.Is(err, ErrFrame), errors.Is(err, ErrHeartbeat):
		return reasonTransportError, ws.StatusProtocolError
	case errors.Is(err, ErrPacket):
		return reasonParseError, ws.StatusProtocolError
	case errors.Is(err, errClosedByClient):
		return reasonTransportClose, ws.StatusNormalClosure
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errClosed):
		return reasonTransportClose, 0
	default:
		return reasonTransportError, 0
	}
}

// packets takes what a WebSocket's reader has read.
type packets struct {
	conn    *Conn
	link    *link
	probing bool // the client has not decided for this WebSocket yet
}

// onMessage takes a frame's content: text is a packet, binary a message, which in revision 3 has its
// type in front.
func (p *packets) onMessage(data []byte, binary bool) error {
	pk, err := decodeFrame(data, binary, p.conn.protocol)
	if err != nil {
		return err
	}
	if p.probing {
		return p.probe(pk)
	}
	if err := p.conn.onPacket(pk); err != nil {
		return err
	}
	p.conn.pace()
	return nil
}

// onControl takes a control frame (RFC 6455 section 5.5).
func (p *packets) onControl(op ws.OpCode, data []byte) error {
	switch op {
	case ws.OpPing:
		pong := newControl(ws.OpPong, data)
		if p.probing {
			p.conn.sync(func(s *shard, _ *Conn) { s.writeProbe(p.link, pong) })
			return nil
		}
		p.conn.SendMessage(pong)
	case ws.OpClose:
		if len(data) == 0 {
			return closeFrame{code: ws.StatusNoStatusRcvd}
		}
		code, reason := ws.ParseCloseFrameData(data)
		if err := ws.CheckCloseFrameData(code, reason); err != nil || len(data) == 1 {
			return fmt.Errorf("%w: close frame: %w", ErrFrame, err)
		}
		return closeFrame{code: code}
	}
	return nil
}
