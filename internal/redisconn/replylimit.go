package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Bounds of one reply. go-redis allocates what a reply announces before it comes, so that one line from Redis, or from
// somebody between, could end the process. No reply to a node comes near these.
const (
	maxReplyString   = 64 << 20  // bytes of one string
	maxReplyElements = 1_000_000 // elements of arrays, maps and sets, all together
	maxReplyDepth    = 16        // arrays in arrays
	maxReplyLine     = 64 << 10  // bytes of a line: errors, numbers, headers
)

// ErrReplyTooLarge means that a reply announces more than any reply to a node has.
var ErrReplyTooLarge = errors.New("the reply of redis is larger than a node ever asks for")

// LimitReplies returns a dialer whose connections end with ErrReplyTooLarge when a reply exceeds the bounds.
func LimitReplies(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		limited := &replyConn{Conn: conn}
		if raw, ok := conn.(syscall.Conn); ok { // with it go-redis notices a connection that Redis has closed
			return rawReplyConn{limited, raw}, nil
		}
		return limited, nil
	}
}

// replyConn reads RESP along with its user.
type replyConn struct {
	net.Conn
	line []byte // the beginning of a line whose end is still to come
	skip int    // bytes of a string that are still to come
	open []int  // of each array that is not complete: the elements still to come
	all  int    // elements that the reply has announced
	err  error
}

type rawReplyConn struct {
	*replyConn
	syscall.Conn
}

// Read implements net.Conn.
func (c *replyConn) Read(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(b)
	if c.err = c.scan(b[:n]); c.err != nil {
		_ = c.Close()
		return 0, c.err
	}
	return n, err
}

func (c *replyConn) scan(b []byte) error {
	for len(b) > 0 {
		if c.skip > 0 {
			n := min(c.skip, len(b))
			c.skip -= n
			b = b[n:]
			if c.skip == 0 {
				c.complete()
			}
			continue
		}
		next := b[0]
		b = b[1:]
		if next != '\n' {
			if len(c.line) == maxReplyLine {
				return fmt.Errorf("%w: a line of more than %d bytes", ErrReplyTooLarge, maxReplyLine)
			}
			c.line = append(c.line, next)
			continue
		}
		if err := c.header(); err != nil {
			return err
		}
		c.line = c.line[:0]
	}
	return nil
}

// header takes a complete line.
func (c *replyConn) header() error {
	line := c.line
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) == 0 {
		return nil
	}
	n, err := strconv.Atoi(string(line[1:]))
	if err != nil {
		n = 0 // "?" of RESP3, or no header: go-redis says what is wrong
	}
	switch line[0] {
	case '$', '=', '!':
		if n > maxReplyString {
			return fmt.Errorf("%w: a string of %d bytes", ErrReplyTooLarge, n)
		}
		if n < 0 || err != nil { // null
			c.complete()
			return nil
		}
		c.skip = n + len("\r\n")
	case '%', '|', '*', '~', '>':
		if n > maxReplyElements {
			return fmt.Errorf("%w: %d elements", ErrReplyTooLarge, n)
		}
		if line[0] == '%' || line[0] == '|' {
			n *= 2 // keys and values
		}
		if c.all += max(n, 0); c.all > maxReplyElements {
			return fmt.Errorf("%w: %d elements", ErrReplyTooLarge, c.all)
		}
		if n <= 0 {
			c.complete()
			return nil
		}
		if c.open = append(c.open, n); len(c.open) > maxReplyDepth {
			return fmt.Errorf("%w: %d arrays in each other", ErrReplyTooLarge, len(c.open))
		}
	default:
		c.complete()
	}
	return nil
}

// complete takes the end of a value, which may be the last of its array, and that the last of its own.
func (c *replyConn) complete() {
	for i := len(c.open) - 1; i >= 0; i-- {
		if c.open[i]--; c.open[i] > 0 {
			return
		}
		c.open = c.open[:i]
	}
	c.all = 0
}
