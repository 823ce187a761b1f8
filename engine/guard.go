package engine

import "time"

// Guard bounds what one client sends. The goroutine that reads the client calls it.
type Guard interface {
	// Message reports whether a message of the client is handled. An error ends the session. A Guard that waits
	// calls Conn.MayWait before.
	Message(data []byte, binary bool) (handled bool, err error)
	// Pause returns for how long a client that has sent so many bytes is not read.
	Pause(bytes int) time.Duration
}

// MayWait is called by a handler or a Guard before it waits, so that the other clients do not wait with it.
func (c *Conn) MayWait() { c.mayBlock() }

// guarded reports whether a message is handled.
func (c *Conn) guarded(data []byte, binary bool) (handled bool, err error) {
	if c.bounds == nil {
		return true, nil
	}
	return c.bounds.Message(data, binary)
}

// pause keeps the client from saying more when it has sent too many bytes: TCP holds it back.
func (c *Conn) pause() {
	bytes := c.unpaced
	c.unpaced = 0
	if c.bounds == nil || bytes == 0 {
		return
	}
	if d := c.bounds.Pause(bytes); d > 0 {
		c.flow.Held.Store(true)
		c.mayBlock()
		c.flow.Sleep(d)
		c.excuse()
	}
}
