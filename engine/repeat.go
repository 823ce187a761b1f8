package engine

import (
	"context"
	"net/http"
	"time"

	"chorus/engine/payload"
	"chorus/engine/request"
)

// repeatGrace is how long a session outlives a poll that broke off on its way through another node. A load
// balancer whose node died repeats the request by way of a third one.
const repeatGrace = 5 * time.Second

// lastAnswer is the answer to the last poll, kept until the next one: a load balancer repeats a GET request
// that broke off, and what the first answer held is not lost.
type lastAnswer struct {
	id     string // of the poll
	answer payload.Payload
}

type passedOnKey struct{}

// PassedOn marks a request that another node passed on. When such a poll breaks off, the other node may have
// died, so the session goes on for a few seconds: the request may come again. CancelPoll ends the wait.
func PassedOn(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), passedOnKey{}, true))
}

func isPassedOn(r *http.Request) bool { return r.Context().Value(passedOnKey{}) != nil }

// SessionID returns the id of the session that a request belongs to, empty for a handshake.
func SessionID(r *http.Request) string { return request.Query(r).Get("sid") }

// Has reports whether there is an open session of this id.
func (s *Server) Has(sid string) bool { return s.session(sid) != nil }

// CancelPoll ends a session whose client has cancelled its poll. A node that passed the poll on calls it.
func (s *Server) CancelPoll(sid string) {
	if c := s.session(sid); c != nil && !c.websocket.Load() {
		c.cancelled.Store(true)
		c.endIfCancelled()
	}
}

// ReleasePoll answers the poll of a session that waits, with nothing. The client polls again, by another way.
func (s *Server) ReleasePoll(sid string) {
	if c := s.session(sid); c != nil {
		c.shard.do(c, (*shard).free)
	}
}

// beginPoll makes p the poll of the session. It reports false when another one waits; the same one again
// takes the place of the first.
func (c *Conn) beginPoll(p *poll) bool {
	c.polls.Add(1)
	for {
		before := c.waiting.Load()
		if before != nil && (p.id == "" || p.id != before.id) {
			return false
		}
		if c.waiting.CompareAndSwap(before, p) {
			if before != nil {
				close(before.replaced)
			}
			return true
		}
	}
}

// endPoll is called when a poll has its answer, or waits no more.
func (c *Conn) endPoll(p *poll) { c.waiting.CompareAndSwap(p, nil) }

// awaitRepeat ends the session unless the client polls again in time. p broke off.
func (c *Conn) awaitRepeat(p *poll) {
	c.shard.do(c, func(_ *shard, c *Conn) {
		if c.out.poll == p {
			c.out.poll = nil
			c.behind.Store(true)
		}
	})
	polls := c.polls.Load()
	time.AfterFunc(repeatGrace, func() {
		c.server.spawn(func() { // ends at once
			if c.polls.Load() == polls && !c.websocket.Load() {
				c.end(reasonTransportClose, errCancelled)
			}
		})
	})
}
