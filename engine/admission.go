package engine

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Defaults of Admission.
const (
	DefaultJoinTimeout        = 10 * time.Second
	DefaultMaxJoinPayload     = 64 << 10
	DefaultMaxJoinBytes       = 16 << 20
	DefaultMaxRefusedConnects = 100
)

// Admission bounds what clients may do before they have joined a namespace: they may send CONNECT
// packets and nothing else, and only for a while. A session has joined while a Queue follows it, so
// Admission is for servers whose adapter calls Conn.Follow. Zero stands for the default.
type Admission struct {
	// Timeout closes a session that is in no namespace for so long; default DefaultJoinTimeout.
	Timeout time.Duration
	// MaxPayload is the largest message in bytes; default DefaultMaxJoinPayload.
	MaxPayload int64
	// MaxBytes is how many bytes of incomplete messages all such sessions may hold together;
	// default DefaultMaxJoinBytes. The session that exceeds it is closed.
	MaxBytes int64
	// MaxSessions is how many such sessions there may be; default half of Options.MaxConnections,
	// at least 100. Further handshakes are refused with 503.
	MaxSessions int
	// MaxSessionsPerAddress is the same for one address, or one /64 network of IPv6; default half of MaxSessions.
	MaxSessionsPerAddress int
	// MaxRefusedConnects is how many CONNECT packets of one session may be without success;
	// default DefaultMaxRefusedConnects. More close the session.
	MaxRefusedConnects int
}

func (a *Admission) withDefaults(maxConnections int) *Admission {
	if a == nil {
		return nil
	}
	b := *a
	set(&b.Timeout, DefaultJoinTimeout)
	set(&b.MaxPayload, DefaultMaxJoinPayload)
	set(&b.MaxBytes, DefaultMaxJoinBytes)
	set(&b.MaxSessions, max(maxConnections/2, 100))
	set(&b.MaxSessionsPerAddress, max(b.MaxSessions/2, 1))
	set(&b.MaxRefusedConnects, DefaultMaxRefusedConnects)
	return &b
}

// Why the session of a client that has joined no namespace is closed.
var (
	errNotJoined      = errors.New("a client that has joined no namespace may send only CONNECT packets")
	errTooMuchWaits   = errors.New("too many bytes of clients that have joined no namespace wait")
	errTooManyRefused = errors.New("too many CONNECT packets were refused")
)

// membership is whether a session has joined a namespace.
type membership struct {
	sockets  atomic.Int32 // queues that follow the session
	outside  atomic.Int64 // since when there are none, in Unix nanoseconds; 0 while there are
	connects atomic.Int32 // CONNECT packets without success
}

// isOutside reports whether the session is bound by Admission.
func (c *Conn) isOutside() bool { return c.member.outside.Load() != 0 }

// admitOutside counts a new session that has joined nothing, or returns why it is refused; s.mu is held.
func (s *Server) admitOutside(c *Conn) *types.CodeMessage {
	a := s.opts.Admission
	if a == nil {
		return nil
	}
	if s.outside >= a.MaxSessions || s.outsideBy[c.network()] >= a.MaxSessionsPerAddress {
		s.stats.Refused.Add(1)
		return tooMany
	}
	s.stepOutside(c)
	return nil
}

// stepOutside and stepInside move a session; s.mu is held.
func (s *Server) stepOutside(c *Conn) {
	if c.member.outside.CompareAndSwap(0, time.Now().UnixNano()) {
		s.outside++
		s.outsideBy[c.network()]++
	}
}

func (s *Server) stepInside(c *Conn) {
	if c.member.outside.Swap(0) == 0 {
		return
	}
	s.outside--
	if s.outsideBy[c.network()]--; s.outsideBy[c.network()] == 0 {
		delete(s.outsideBy, c.network())
	}
}

// joined is called when a queue begins to follow the session.
func (c *Conn) joined() {
	c.member.connects.Add(-1)
	c.server.sockets.Add(1)
	if c.member.sockets.Add(1) == 1 && c.isOutside() {
		c.server.mu.Lock()
		defer c.server.mu.Unlock()
		c.server.stepInside(c)
	}
}

// left is called when queues follow the session no more.
func (c *Conn) left(queues int) {
	c.server.sockets.Add(-int64(queues))
	if c.member.sockets.Add(-int32(queues)) > 0 || c.server.opts.Admission == nil { //nolint:gosec // a few
		return
	}
	c.server.mu.Lock()
	if c.state.Load() != stateClosed && c.member.sockets.Load() == 0 {
		c.server.stepOutside(c)
	}
	c.server.mu.Unlock()
	c.setTimer(c.server.opts.Admission.Timeout)
}

// outsideLeft returns how long the session may still be in no namespace.
func (c *Conn) outsideLeft() (left time.Duration, bounded bool) {
	since := c.member.outside.Load()
	if since == 0 {
		return 0, false
	}
	return time.Until(time.Unix(0, since).Add(c.server.opts.Admission.Timeout)), true
}

// maxPayload returns how large the next message of the client may be.
func (c *Conn) maxPayload() int64 {
	if c.isOutside() {
		return min(c.server.opts.Admission.MaxPayload, c.server.opts.MaxPayload)
	}
	return c.server.opts.MaxPayload
}

// checkJoined reports why a message may not be sent, nil if it may. It leaves what is no CONNECT
// packet, and is small, to the library, which closes the session.
func (c *Conn) checkJoined(data []byte, binary bool) error {
	a := c.server.opts.Admission
	if a == nil {
		return nil
	}
	if !binary && len(data) > 0 && data[0] == '0' && int(c.member.connects.Add(1)) > a.MaxRefusedConnects {
		return fmt.Errorf("%w: %w", ErrPacket, errTooManyRefused)
	}
	if c.isOutside() && (binary || len(data) > 0 && (data[0] == '5' || data[0] == '6')) {
		return fmt.Errorf("%w: %w", ErrPacket, errNotJoined)
	}
	return nil
}

// OutsideSessions returns how many sessions have joined no namespace. It is 0 without Admission.
func (s *Server) OutsideSessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outside
}

// Sockets returns how many queues follow sessions: with Socket.IO, its sockets.
func (s *Server) Sockets() int64 { return s.sockets.Load() }
