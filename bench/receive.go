package bench

import (
	"errors"
	"sync"
	"sync/atomic"
)

// receiver takes what its share of the connections receives, and accounts for it.
type receiver struct {
	dialect dialect
	counts  kind // what is counted: delivery or answer
	clock   clock
	window  *window

	arrived atomic.Uint64 // all that was ever received, for the progress and what is in flight
	dropped atomic.Int64  // connections that the server closed
	evicted atomic.Int64  // those of stalled clients

	// The rest belongs to the goroutine that receives, until it has ended.
	latency    histogram // of messages that were due in the window, whenever they arrived
	inWindow   uint64    // messages that arrived in the window
	outOfOrder uint64
	reason     error // why the first connection was dropped
	scratch    []byte
	inflater   inflater
	bytes      uint64 // that arrived in the window

	mu sync.Mutex // for pollers that receive with several goroutines
}

var errFarewell = errors.New("the server ends the connection")

// take takes a chunk of what a connection received, and returns how much of it was whole frames.
func (r *receiver) take(c *conn, chunk []byte) (int, error) {
	now, used, arrived := r.clock.now(), 0, uint64(0)
	measured := r.window.has(now)
	defer func() {
		r.arrived.Add(arrived)
		if measured {
			r.inWindow += arrived
			r.bytes += uint64(used) //nolint:gosec // not negative
		}
	}()
	for {
		op, payload, size, err := nextFrame(chunk[used:])
		if err != nil || size == 0 {
			return used, err
		}
		used += size
		op, payload, whole, err := c.assembly.add(op, payload)
		if err != nil {
			return used, err
		}
		if !whole {
			continue
		}
		if op&opDeflated != 0 {
			if payload, err = inflated(&r.inflater, c.deflate, payload); err != nil {
				return used, err
			}
		}
		switch op &^ opDeflated {
		case opText, opBinary:
			n, err := r.messages(c, payload, now)
			arrived += n
			if err != nil {
				return used, err
			}
		case opPing:
			if err := r.reply(c, opPong, payload); err != nil {
				return used, err
			}
		case opClose:
			return used, errors.Join(errFarewell, errors.New(closeReason(payload)))
		}
	}
}

// messages takes the messages of a frame.
func (r *receiver) messages(c *conn, frame []byte, now int64) (arrived uint64, err error) {
	for len(frame) > 0 {
		var message []byte
		var k kind
		message, k, frame = r.dialect.read(frame)
		switch k {
		case r.counts:
			if s, ok := c.stamps.find(message); ok && !c.stalled {
				r.record(c, s, now)
				arrived++
			}
		case heartbeat:
			if err := r.reply(c, opText, r.dialect.pong()); err != nil {
				return arrived, err
			}
		case farewell:
			return arrived, errors.Join(errFarewell, errors.New(excerpt(message)))
		}
	}
	return arrived, nil
}

func (r *receiver) record(c *conn, s stamp, now int64) {
	if r.window.has(s.due) {
		r.latency.record(now - s.due)
	}
	if int(s.sender) < len(c.last) {
		if s.number < c.last[s.sender] {
			r.outOfOrder++
		}
		c.last[s.sender] = s.number + 1
	}
}

func (r *receiver) reply(c *conn, op byte, payload []byte) error {
	r.scratch = c.frame(r.scratch[:0], op, payload)
	return c.send(r.scratch)
}

// drop gives a connection up.
func (r *receiver) drop(c *conn, reason error) {
	if !c.close() {
		return
	}
	if c.stalled {
		r.evicted.Add(1)
		return
	}
	if r.dropped.Add(1) == 1 {
		r.reason = reason
	}
}
