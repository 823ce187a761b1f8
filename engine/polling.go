package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"chorus/engine/payload"
	"chorus/engine/request"
)

// Why a request of long-polling ends its session.
var (
	errOverlap   = errors.New("two requests of one kind at the same time")
	errCancelled = errors.New("the client cancelled a request")
	errContent   = errors.New("the content type is for binary, which this revision does not have")
)

// poll is a GET request that waits for something to be sent.
type poll struct {
	id       string // the parameter t, by which a repeated request is known; empty for none
	base64   bool
	answer   chan payload.Payload // capacity 1: the shard answers once, and does not wait
	replaced chan struct{}        // closed when the same request has come again
}

// openPolling begins a session with a request of long-polling, whose answer is the OPEN packet.
func (s *Server) openPolling(w http.ResponseWriter, r *http.Request, query url.Values) {
	c, refusal := s.newConn(r, query, Polling)
	if refusal != nil {
		s.refuse(w, r, refusal, nil)
		return
	}
	s.open(c)
	c.serveGet(w, r, query, true)
}

// servePolling serves a further request of a session.
func (c *Conn) servePolling(w http.ResponseWriter, r *http.Request, query url.Values) {
	if r.Method == http.MethodPost {
		c.servePost(w, r, query)
		return
	}
	c.serveGet(w, r, query, false)
}

// serveGet answers with what is sent next.
func (c *Conn) serveGet(w http.ResponseWriter, r *http.Request, query url.Values, initial bool) {
	p := &poll{base64: c.base64 || query.Has("b64") || query.Has("j"), answer: make(chan payload.Payload, 1), replaced: make(chan struct{})}
	if !initial {
		p.id = query.Get("t")
	}
	if !c.beginPoll(p) {
		c.server.refuse(w, r, badRequest, map[string]any{"name": "OVERLAP"})
		c.end(reasonTransportError, errOverlap)
		return
	}
	request.SuspendDeadlines(w)
	defer request.DropBody(w, r) // once more: the time for it runs from now on
	request.DropBody(w, r)
	c.shard.do(c, func(s *shard, c *Conn) { s.attachPoll(c, p) })
	select {
	case answer := <-p.answer:
		c.endPoll(p) // the client's next request may come before this one is done
		c.respond(w, r, query, p, answer, initial)
	case <-p.replaced:
		nothing := payload.Encode([]*Message{c.server.noop}, c.protocol, p.base64)
		_ = request.Answer(w, c.server.opts.BodyTimeout, http.StatusOK, "text/plain; charset=UTF-8", nothing.Body) // to a connection that broke, as a rule
	case <-r.Context().Done():
		c.endPoll(p)
		if isPassedOn(r) {
			c.awaitRepeat(p)
			return
		}
		c.cancelled.Store(true)
		c.endIfCancelled()
	case <-c.server.ended: // the shards have done all that they will
		select {
		case answer := <-p.answer:
			c.respond(w, r, query, p, answer, initial)
		default:
			c.server.refuse(w, r, closed, nil)
		}
	}
}

// endIfCancelled ends the session if the client has cancelled a request. A request that brings
// messages is read first.
func (c *Conn) endIfCancelled() {
	if c.cancelled.Load() && !c.posting.Load() {
		c.end(reasonTransportClose, errCancelled)
	}
}

// respond writes an answer.
func (c *Conn) respond(w http.ResponseWriter, r *http.Request, query url.Values, p *poll, answer payload.Payload, initial bool) {
	if answer.Err != nil {
		c.server.refuse(w, r, badRequest, nil)
		c.end(reasonTransportError, answer.Err)
		return
	}
	c.server.addHeaders(w.Header(), c, r, initial)
	contentType, body := "text/plain; charset=UTF-8", answer.Body
	switch {
	case query.Has("j"):
		contentType, body = "text/javascript; charset=UTF-8", payload.WrapJSONP(query.Get("j"), body)
	case answer.Binary:
		contentType = "application/octet-stream"
	}
	if !c.server.opts.NoHTTPCompression {
		body = answer.Compress(body, r, w.Header())
	}
	if err := request.Answer(w, c.server.opts.BodyTimeout, http.StatusOK, contentType, body); err != nil {
		if isPassedOn(r) {
			c.awaitRepeat(p)
			return
		}
		c.end(reasonTransportError, err)
		return
	}
	for _, m := range answer.Messages {
		m.Sent()
	}
}

// servePost takes packets of the client.
func (c *Conn) servePost(w http.ResponseWriter, r *http.Request, query url.Values) {
	if !c.posting.CompareAndSwap(false, true) {
		c.server.refuse(w, r, badRequest, map[string]any{"name": "OVERLAP"})
		c.end(reasonTransportError, errOverlap)
		return
	}
	body, err := c.readBody(w, r, query)
	if err == nil {
		err = c.server.guard(func() error {
			return payload.Decode(body, c.protocol, c.server.opts.MaxBodyPackets, c.onPacket)
		})
	}
	switch {
	case err == nil, errors.Is(err, errClosedByClient):
		c.pace()
		c.posting.Store(false) // the client's next request may come before this one is done
		c.endIfCancelled()
		c.server.addHeaders(w.Header(), c, r, false)
		_ = request.Answer(w, c.server.opts.BodyTimeout, http.StatusOK, "text/html", []byte("ok")) // a client that has gone shows elsewhere
		if err != nil {
			c.shard.do(c, (*shard).free) // a request that waits has nothing to learn from a CLOSE
			c.end(reasonTransportClose, nil)
		}
	case errors.Is(err, ErrPayloadTooLarge):
		c.endAfterAnswer(reasonTransportError, err, func() { c.answerTooLarge(w, r) })
	default:
		reason, _ := reasonOf(err)
		c.endAfterAnswer(reason, err, func() {
			c.server.refuse(w, r, badRequest, map[string]any{"name": "BAD_PAYLOAD"})
			_ = http.NewResponseController(w).Flush()
		})
	}
}

// answerGrace is how long a client has to read why a request was refused, before the session ends.
const answerGrace = 500 * time.Millisecond

// endAfterAnswer answers a request and then ends the session. The GET request that waits on another
// connection must not be answered before: its CLOSE packet would hide the reason.
func (c *Conn) endAfterAnswer(reason string, err error, answer func()) {
	c.blame(reason, err)
	answer()
	if !c.server.spawn(func() { // ends after answerGrace, or with the client's own requests
		time.Sleep(answerGrace)
		c.end(reason, err)
	}) {
		c.end(reason, err)
	}
}

// maxDiscardedBytes is how much of a body that is too large is read, so that the client gets to read
// the answer: most clients read it when they have sent all.
const maxDiscardedBytes = 64 << 20

// answerTooLarge answers with 413 and reads the rest of the body.
func (c *Conn) answerTooLarge(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // the answer goes before the body has come
	w.Header().Set("Connection", "close")
	text := fmt.Sprintf("the body is larger than %d bytes\n", c.maxPayload())
	_ = request.Answer(w, c.server.opts.BodyTimeout, http.StatusRequestEntityTooLarge, "text/plain; charset=utf-8", []byte(text))
	_ = control.Flush()
	_ = control.SetReadDeadline(time.Now().Add(c.server.opts.BodyTimeout))
	_, _ = io.CopyN(io.Discard, r.Body, maxDiscardedBytes)
}

// readBody reads the body of a POST request within the limits of size and time.
func (c *Conn) readBody(w http.ResponseWriter, r *http.Request, query url.Values) ([]byte, error) {
	if c.protocol != 3 && r.Header.Get("Content-Type") == "application/octet-stream" {
		return nil, fmt.Errorf("%w: %w", ErrPacket, errContent)
	}
	most := c.maxPayload()
	if r.ContentLength > most {
		return nil, ErrPayloadTooLarge
	}
	held := share{server: c.server, conn: c}
	defer func() { _ = held.set(0) }()
	expected := most
	if r.ContentLength >= 0 {
		expected = r.ContentLength
	}
	if err := held.set(expected); err != nil {
		return nil, err
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(c.server.opts.BodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, ErrPayloadTooLarge
	case err != nil:
		return nil, err
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if query.Has("j") {
		return payload.ReadJSONP(body)
	}
	return body, nil
}
