package adapter

import "time"

// Defaults of RecoveryOptions.
const (
	DefaultMaxDisconnection = 2 * time.Minute
	DefaultHistory          = 10_000
	DefaultHistoryBytes     = 16 << 20
	DefaultSessions         = 10_000
)

// RecoveryOptions configures connection state recovery: a client whose connection broke and that returns
// in time gets its id, rooms and data back, and every event that it missed, in order and once. Its events
// have one argument more, their offset, which the official client (4.6 and later) returns. The zero value
// is useful.
//
// The library must hand out private ids (ServerOptions.SetConnectionStateRecovery), and a middleware must
// call Recover for each socket. A namespace has a total order (see RedisOptions.TotalOrder).
//
// Not recovered are volatile events, those with acknowledgement, and those with the flag Local. Data of a
// socket is what JSON can say of it, and binary; "decoded" in it is left out. It is written while the client is
// here: replace it with SetData, and do not change what is in it.
type RecoveryOptions struct {
	// MaxDisconnection is for how long a session is kept without its client; default 2 min.
	MaxDisconnection time.Duration
	// History and HistoryBytes bound the messages that a node has in memory for clients that return, for each
	// stream, without Redis for each namespace; default 10,000 and 16 MiB. With streams, older ones are read from
	// Redis.
	History      int
	HistoryBytes int
	// Sessions bounds the sessions without a client that a node has in memory: all with the memory adapter,
	// those that wait for Redis with streams; default 10,000. Beyond it the oldest ends.
	Sessions int
	// OwnerOf returns whose session it is that a Node.js server has written, by the data of its socket, false
	// when that does not say so: then it is anybody's who knows its private id, as among Node.js servers. nil
	// stands for a function that never knows.
	OwnerOf func(data any) (owner string, known bool)
	// Observe is called with the outcome for each client that wants its session back: "recovered", or why
	// not (RecoveryOutcomes); nil stands for nothing. It must not block.
	Observe func(outcome string)
}

// What Observe is called with.
const (
	RecoveryOK          = "recovered"
	RecoveryUnknown     = "unknown"     // there is no such session (any more)
	RecoveryMalformed   = "malformed"   // what the client or Redis says of it makes no sense
	RecoveryOwner       = "owner"       // it is somebody else's
	RecoveryOffset      = "offset"      // the messages after the offset are not all there any more
	RecoveryTaken       = "taken"       // others want it as well, or the old socket does not end; the client comes again
	RecoveryUnavailable = "unavailable" // Redis does not answer
)

// RecoveryOutcomes are all that Observe may be called with.
func RecoveryOutcomes() []string {
	return []string{RecoveryOK, RecoveryUnknown, RecoveryMalformed, RecoveryOwner, RecoveryOffset, RecoveryTaken, RecoveryUnavailable}
}

func (o RecoveryOptions) withDefaults() RecoveryOptions {
	if o.MaxDisconnection <= 0 {
		o.MaxDisconnection = DefaultMaxDisconnection
	}
	if o.History <= 0 {
		o.History = DefaultHistory
	}
	if o.HistoryBytes <= 0 {
		o.HistoryBytes = DefaultHistoryBytes
	}
	if o.Sessions <= 0 {
		o.Sessions = DefaultSessions
	}
	if o.OwnerOf == nil {
		o.OwnerOf = func(any) (string, bool) { return "", false }
	}
	if o.Observe == nil {
		o.Observe = func(string) {}
	}
	return o
}
