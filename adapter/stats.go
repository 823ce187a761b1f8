package adapter

import "sync/atomic"

// Stats counts what the Redis adapter did since it was made. The fields may be read at any time.
type Stats struct {
	Published      atomic.Uint64 // publications that Redis accepted
	PublishErrors  atomic.Uint64 // publications that failed
	Dropped        atomic.Uint64 // publications dropped because too many waited
	Pending        atomic.Int64  // publications that wait now
	Held           atomic.Int64  // callers that wait until the queue of publications has room
	Received       atomic.Uint64 // messages from Redis, own ones included
	Skipped        atomic.Uint64 // broadcasts for rooms without a member here, not decoded
	Malformed      atomic.Uint64 // messages that were not understood
	EventsDropped  atomic.Uint64 // server-side events dropped because handlers did not keep up
	Disconnects    atomic.Uint64 // losses of a connection that listens
	Unhandled      atomic.Int64  // messages from Redis that wait for their handlers now
	Missed         atomic.Uint64 // messages from Redis dropped because too many waited
	ProbeFailures  atomic.Uint64 // messages of a node to itself that Redis refused, or that did not come back in time
	ProbeNanos     atomic.Int64  // how long the last of these took to come back
	Gaps           atomic.Uint64 // times that messages were missed: dropped, lost with a connection, or cut off a stream before they were read
	SessionsUnkept atomic.Uint64 // times that a session was not kept: too large, or refused by Redis
}
