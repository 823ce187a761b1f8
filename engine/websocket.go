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

	"chorus/engine/frame"
	"chorus/engine/link"
	"chorus/engine/message"

	"github.com/gobwas/ws"
)

// webSocket is a WebSocket of a session: its connection, and what reads it.
type webSocket struct {
	encoding message.Encoding // next to the link: both are for each write
	probing  bool             // the client has not decided for this WebSocket yet
	link.Link
	conn   *Conn
	frames frame.Reader
	held   share // of what is incomplete
}

var (
	_ link.Reader   = (*webSocket)(nil)
	_ frame.Handler = (*webSocket)(nil)
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
	socket, early, err := s.accept(w, r, query, c, true)
	if err != nil {
		c.end(reasonTransportError, err)
		return
	}
	c.mu.Lock()
	c.socket = socket
	c.mu.Unlock()
	if c.state.Load() == stateClosed { // end may have looked before
		_ = socket.Close()
		return
	}
	s.open(c)
	if len(early) > 0 || !socket.Watch(c.shard.poller) { // before the client hears anything: from then on it is told why it ends
		socket.start(early)
	}
	c.shard.do(c, func(s *shard, c *Conn) { s.attach(c, socket) })
}

// accept answers the handshake of a WebSocket (RFC 6455 section 4.2.2) and takes the connection
// from the HTTP server. early is what the client sent behind its handshake.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, query url.Values, c *Conn, initial bool) (socket *webSocket, early []byte, err error) {
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
		if deflate = frame.NegotiateDeflate(r.Header.Values("Sec-WebSocket-Extensions")); deflate != "" {
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
	socket = &webSocket{
		conn:     c,
		encoding: message.EncodingFor(c.protocol, c.base64 || query.Has("b64"), deflate != ""),
		frames:   frame.Reader{Deflate: deflate != ""},
		held:     share{server: s, conn: c},
	}
	socket.Init(conn, s.links, socket)
	return socket, earlyBytes(buffered), nil
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

// start reads the WebSocket in a goroutine that ends with it, or when the poller takes over. The HTTP server's
// own ends now, and with it what it holds for a request.
func (w *webSocket) start(early []byte) {
	c := w.conn
	if !c.server.spawn(func() { w.run(early) }) {
		_ = w.Close()
		c.end(reasonForcedClose, nil)
	}
}

func (w *webSocket) run(early []byte) {
	watched := false
	err := w.Feed(early)
	if err == nil {
		err = w.ReadUntil(func() bool {
			watched = watched || !w.probing && w.Watch(w.conn.shard.poller)
			return watched
		})
	}
	if !watched {
		w.End(err)
	}
}

// Feed takes what the client sent.
func (w *webSocket) Feed(data []byte) error {
	return w.conn.server.guard(func() error {
		if err := w.frames.Feed(data, w); err != nil {
			return err
		}
		return w.held.set(w.frames.Held())
	})
}

// End ends a WebSocket whose reading has stopped with err.
func (w *webSocket) End(err error) {
	c := w.conn
	defer w.Conn.Close() //nolint:errcheck // there is nobody to tell
	_ = w.held.set(0)
	reason, code := reasonOf(err)
	if w.probing {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			code = ws.StatusNoStatusRcvd
		}
		c.abandonProbe()
		if code != 0 {
			c.sync(func(s *shard, _ *Conn) { s.writeProbe(w, message.NewClose(code)) })
			w.Finish()
			w.Drain()
		}
		return
	}
	if c.state.Load() != stateClosed {
		if w.Finished() { // it is the server that has closed, and about to say so
			reason, code, err = reasonForcedClose, 0, nil
		}
		if code != 0 {
			c.sync(func(s *shard, c *Conn) { s.goodbye(c, code) })
		}
		c.end(reason, err)
	}
	if w.Finished() {
		w.Drain()
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

var errClosedByClient = errors.New("the client closed the connection")

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

// MaxMessage returns how large the next message of the client may be.
func (w *webSocket) MaxMessage() int64 { return w.conn.maxPayload() }

// OnMessage takes a frame's content: text is a packet, binary a message, which in revision 3 has its
// type in front.
func (w *webSocket) OnMessage(data []byte, binary bool) error {
	p, err := message.DecodeFrame(data, binary, w.conn.protocol)
	if err != nil {
		return err
	}
	if w.probing {
		return w.probe(p)
	}
	if err := w.conn.onPacket(p); err != nil {
		return err
	}
	w.conn.pace()
	return nil
}

// OnControl takes a control frame (RFC 6455 section 5.5).
func (w *webSocket) OnControl(op ws.OpCode, data []byte) error {
	switch op {
	case ws.OpPing:
		pong := message.NewControl(ws.OpPong, data)
		if w.probing {
			w.conn.sync(func(s *shard, _ *Conn) { s.writeProbe(w, pong) })
			return nil
		}
		w.conn.SendMessage(pong)
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
