package engine

import (
	"log/slog"

	"chorus/engine/outgoing"
	"chorus/engine/payload"
)

// giveUp writes no more to a connection that failed. Messages that the client sent before are still
// to be read. The reader finds the failure behind them, and ends the session with the true reason.
func (s *shard) giveUp(c *Conn, err error) {
	s.server.log.Debug("write failed", slog.Any("error", err))
	s.release(c)
}

// fail ends a session from here, where no callback may run.
func (s *shard) fail(c *Conn, reason string) {
	s.release(c)
	s.server.goes.Go(func() { c.end(reason, nil) }) // ends with the listeners of "close"
}

// release forgets what waits for a connection that has ended. A request that waits is told.
func (s *shard) release(c *Conn) {
	o := &c.out
	if o.ended {
		return
	}
	o.ended = true
	o.back, o.last = outgoing.Backlog{}, nil
	c.behind.Store(true)
	if o.poll != nil {
		o.poll.answer <- payload.Close(c.protocol)
		o.poll = nil
	}
}
