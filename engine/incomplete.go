package engine

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"chorus/engine/message"
)

var errIncomplete = errors.New("the attachments of a packet did not come in time")

// incomplete counts the bytes of what has not come as a whole: frames, fragments, bodies, and
// packets whose attachments are missing.
type incomplete struct {
	outside atomic.Int64 // of sessions that have joined no namespace
	inside  atomic.Int64
}

// PendingBytes returns how many bytes of incomplete messages the server holds.
func (s *Server) PendingBytes() int64 {
	return s.incomplete.outside.Load() + s.incomplete.inside.Load()
}

// share is what one connection has in incomplete. It belongs to the goroutine that reads.
type share struct {
	bytes  int64
	of     *atomic.Int64
	server *Server
	conn   *Conn
}

// set changes the share. It fails when the clients that have joined no namespace hold too much.
func (h *share) set(bytes int64) error {
	if bytes == h.bytes || h.server == nil {
		return nil
	}
	outside := h.conn.isOutside()
	if h.bytes == 0 {
		h.of = &h.server.incomplete.inside
		if outside {
			h.of = &h.server.incomplete.outside
		}
	}
	total := h.of.Add(bytes - h.bytes)
	grown := bytes > h.bytes
	h.bytes = bytes
	if grown && outside && total > h.server.opts.Admission.MaxBytes {
		return fmt.Errorf("%w: %w", ErrPayloadTooLarge, errTooMuchWaits)
	}
	return nil
}

// unfinished is a packet of the client whose attachments are still to come.
type unfinished struct {
	missing int // belongs to the goroutine that reads

	share share // guarded, as timer, by Conn.mu
	timer *time.Timer
}

// followPacket bounds a packet with attachments (Socket.IO protocol: packet encoding): text and
// attachments together by MaxPayload, and the wait for them by BodyTimeout.
func (c *Conn) followPacket(data []byte, binary bool) error {
	u := c.unfinished
	announced := 0
	if !binary && c.member.sockets.Load() > 0 {
		announced = message.Attachments(data)
	}
	if u == nil && announced == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return errClosed
	case !binary:
		u.drop()
		c.unfinished = nil
		if announced == 0 {
			return nil
		}
		u = &unfinished{missing: announced, share: share{server: c.server, conn: c}}
		c.unfinished = u
		u.timer = time.AfterFunc(c.server.opts.BodyTimeout, func() {
			c.server.spawn(func() { c.expire(reasonTransportError, errIncomplete) }) // ends with the close frame
		})
		return u.share.set(int64(len(data)))
	}
	bytes := u.share.bytes + int64(len(data))
	if bytes > c.server.opts.MaxPayload {
		return fmt.Errorf("%w: a packet and its attachments have more than %d bytes", ErrPayloadTooLarge, c.server.opts.MaxPayload)
	}
	if u.missing--; u.missing == 0 {
		u.drop()
		c.unfinished = nil
		return nil
	}
	return u.share.set(bytes)
}

// drop ends the wait for attachments; Conn.mu is held.
func (u *unfinished) drop() {
	if u == nil {
		return
	}
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
	_ = u.share.set(0)
}
