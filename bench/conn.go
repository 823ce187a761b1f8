package bench

import (
	"errors"
	"sync"
)

// conn is a client that is a member.
type conn struct {
	rooms   []int // numbers of its rooms
	poller  int   // number of its poller
	stalled bool
	deflate bool // whether the server may compress messages
	polling bool // over HTTP, where packets have no frames
	key     [4]byte
	last    []uint32 // per sender: the number of its last message, plus one; nil to not look at the order

	// partial is the beginning of a frame whose end has not been read. Only the conn's reader
	// touches it, and the two behind it.
	partial  []byte
	assembly assembly
	stamps   stampFinder

	mu      sync.Mutex
	socket  socket
	pending []byte // what the socket did not take
	gone    bool
}

// maxPending bounds what waits for a server that does not read; messages beyond are not sent.
const maxPending = 1 << 20

var errPending = errors.New("the server does not read")

// socket is a connection that is not waited for.
type socket interface {
	// tryWrite writes as much as goes without waiting.
	tryWrite(b []byte) (int, error)
	// notifyWritable has the poller call flush when the socket takes more.
	notifyWritable(wanted bool) error
	close() error
}

// frame appends a message as the connection sends it.
func (c *conn) frame(dst []byte, op byte, message []byte) []byte {
	if c.polling {
		return append(append(dst, message...), packetSeparator)
	}
	return appendFrame(dst, op, message, c.key)
}

// send sends a frame, all of it or, with an error, nothing; what the socket does not take waits.
func (c *conn) send(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.gone:
		return errGone
	case len(c.pending)+len(frame) > max(maxPending, len(frame)):
		return errPending
	case len(c.pending) > 0:
		c.pending = append(c.pending, frame...)
		return nil
	}
	n, err := c.socket.tryWrite(frame)
	if err != nil || n == len(frame) {
		return err
	}
	c.pending = append(c.pending, frame[n:]...)
	return c.socket.notifyWritable(true)
}

// flush sends what waits.
func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone || len(c.pending) == 0 {
		return nil
	}
	n, err := c.socket.tryWrite(c.pending)
	if err != nil {
		return err
	}
	if c.pending = append(c.pending[:0], c.pending[n:]...); len(c.pending) > 0 {
		return nil
	}
	return c.socket.notifyWritable(false)
}

var errGone = errors.New("the connection is closed")

// close closes the connection and tells whether it was open.
func (c *conn) close() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return false
	}
	c.gone = true
	_ = c.socket.close() // there is nothing left that could be lost
	return true
}
