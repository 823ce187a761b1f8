package redis

import (
	"sync/atomic"
	"time"
)

// Stats are the figures of a transport over Redis: counters since it was made, and what waits now.
type Stats struct {
	Published     uint64        // publications that Redis accepted
	PublishErrors uint64        // publications that failed
	Dropped       uint64        // publications dropped because too many waited
	Pending       int64         // publications that wait now
	OldestPending time.Duration // how long the oldest of these has waited
	Deferred      int64         // callers that wait until the queue of publications has room
	Received      uint64        // messages from Redis, own ones included
	Malformed     uint64        // messages that were not understood
	Disconnects   uint64        // losses of a connection that listens
	Unhandled     int64         // messages from Redis that wait for their handlers now
	Missed        uint64        // messages from Redis dropped because too many waited
	Gaps          uint64        // times that messages were missed: dropped, lost with a connection, or cut off a stream before they were read
	ProbeFailures uint64        // messages of a server to itself that Redis refused, or that did not come back in time
	ProbeTime     time.Duration // how long the last of these took to come back
}

// counters are the Stats of a hub as they grow.
type counters struct {
	published, publishErrors, dropped, received, malformed, disconnects, missed, gaps, probeFailures atomic.Uint64
	pending, deferred, unhandled, probeNanos                                                         atomic.Int64
}

// Stats returns the figures of the transport.
func (h *Hub) Stats() Stats {
	c := &h.stats
	return Stats{
		Published: c.published.Load(), PublishErrors: c.publishErrors.Load(), Dropped: c.dropped.Load(),
		Pending: c.pending.Load(), OldestPending: h.publisher.age(), Deferred: c.deferred.Load(),
		Received: c.received.Load(), Malformed: c.malformed.Load(), Disconnects: c.disconnects.Load(),
		Unhandled: c.unhandled.Load(), Missed: c.missed.Load(), Gaps: c.gaps.Load(),
		ProbeFailures: c.probeFailures.Load(), ProbeTime: time.Duration(c.probeNanos.Load()),
	}
}
