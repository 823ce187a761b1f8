package engine

import (
	"errors"
	"sync/atomic"
	"time"

	"chorus/engine/message"

	"github.com/gobwas/ws"
)

// ErrHeartbeat means that a client sent a heartbeat packet of the wrong direction: in revision 4
// the server pings, in revision 3 the client does.
var ErrHeartbeat = errors.New("engine: invalid heartbeat direction")

// beat is where a session stands between two heartbeats. A pong does not touch the wheel: the
// timer finds, when it fires, that there is more time.
type beat struct {
	awaiting atomic.Bool  // a ping was sent
	due      atomic.Int64 // when to ping, or when the client must have been heard: Unix nanoseconds
}

// startHeartbeat sets the first timer (Engine.IO protocol: heartbeat).
func (c *Conn) startHeartbeat() {
	wait := c.server.opts.PingInterval
	if c.protocol == 3 {
		wait += c.server.opts.PingTimeout
	}
	c.beat.due.Store(time.Now().Add(wait).UnixNano())
	c.setTimer(wait)
}

// expire ends a session with a close frame.
func (c *Conn) expire(reason string, err error) {
	c.blame(reason, err)
	c.sync(func(s *shard, c *Conn) { s.goodbye(c, ws.StatusNoStatusRcvd) })
	c.end(reason, err)
}

// setTimer has onTimer called after d, or when the session is to end, at the latest when it must
// have ended.
func (c *Conn) setTimer(d time.Duration) {
	if left, bounded := c.outsideLeft(); bounded {
		d = min(d, max(left, 0))
	}
	c.server.wheel.Set(&c.timer, d)
	switch c.state.Load() { // it may have changed before the timer was set
	case stateClosing:
		c.server.wheel.Set(&c.timer, c.closeTimeout())
	case stateClosed:
		c.server.wheel.Remove(&c.timer)
	}
}

// closeTimeout returns how long the session may take to end. A client that has joined no namespace in time keeps its
// place no longer.
func (c *Conn) closeTimeout() time.Duration {
	if left, bounded := c.outsideLeft(); bounded {
		return min(closeTimeout, max(left, 0))
	}
	return closeTimeout
}

// pace keeps the client from saying more while too much of it waits for its handlers. What it has
// said meanwhile, answers to heartbeats as well, is read afterwards.
func (c *Conn) pace() {
	c.pause()
	if c.flow.Pace(c.server.opts.MaxUnprocessed, c.mayBlock) {
		c.excuse()
	}
}

// settle waits until the handlers have processed what the client sent so far.
func (c *Conn) settle() {
	c.flow.Held.Store(true)
	c.mayBlock()
	c.flow.Settle(c.server.opts.HandlerTimeout)
	c.excuse()
}

// excuse gives a client that was not read for a while time to answer the last ping.
func (c *Conn) excuse() {
	if due := time.Now().Add(c.server.opts.PingTimeout).UnixNano(); due > c.beat.due.Load() {
		c.beat.due.Store(due)
	}
	c.flow.Held.Store(false)
}

// overdue tells whether the client has not been heard for too long. The timer finds it up to a tick
// later, but a request that comes too late is not to be served.
func (c *Conn) overdue() bool {
	return (c.protocol == 3 || c.beat.awaiting.Load()) && !c.flow.Held.Load() && time.Now().UnixNano() >= c.beat.due.Load()
}

// onTimer looks at what is due.
func (c *Conn) onTimer() {
	switch c.state.Load() {
	case stateClosed:
		return
	case stateClosing:
		c.server.goes.Go(func() { c.end(reasonForcedClose, nil) }) // ends with the listeners of "close"
		return
	}
	if left, bounded := c.outsideLeft(); bounded && left <= 0 {
		c.Close(false) // the client has joined no namespace in time
		return
	}
	wait, timeout := time.Until(time.Unix(0, c.beat.due.Load())), c.server.opts.PingTimeout
	switch {
	case wait > 0:
		c.setTimer(wait)
	case c.protocol != 3 && !c.beat.awaiting.Load():
		// The client's time begins when the ping was due, or, should the timer be later than its
		// precision, when it is sent.
		wait = max(wait, -2*c.server.wheel.Tick()) + timeout
		c.beat.due.Store(time.Now().Add(wait).UnixNano())
		c.beat.awaiting.Store(true)
		c.shard.do(c, func(s *shard, c *Conn) { s.sendNow(c, c.server.ping) })
		c.setTimer(min(wait, c.server.opts.PingInterval)) // the next ping may be due before this one's time is over
	case c.flow.Held.Load(): // it may have answered: nobody looks
		c.setTimer(timeout)
	default:
		c.server.goes.Go(func() { c.expire(reasonPingTimeout, nil) }) // ends with the close frame
	}
}

// onHeartbeat takes a ping or a pong.
func (c *Conn) onHeartbeat(kind byte) error {
	if (kind == message.TypePing) != (c.protocol == 3) {
		return ErrHeartbeat
	}
	wait := c.server.opts.PingInterval
	if c.protocol == 3 {
		wait += c.server.opts.PingTimeout
		c.SendMessage(c.server.pong)
	}
	c.beat.due.Store(time.Now().Add(wait).UnixNano())
	c.beat.awaiting.Store(false)
	c.Emit("heartbeat")
	return nil
}
