package session

import (
	"log/slog"
	"time"

	"chorus/adapter/history"
)

// Defaults of Options.
const (
	DefaultMaxDisconnection = 2 * time.Minute
	DefaultHistory          = 10_000
	DefaultHistoryBytes     = 16 << 20
	DefaultSessions         = 10_000
)

// Options configures connection state recovery: a client whose connection broke and that returns
// in time gets its id, rooms and data back, and every event that it missed, in order and once. Its events
// have one argument more, their offset, which the official client (4.6 and later) returns. The zero value
// is useful.
//
// The library must hand out private ids (ServerOptions.SetConnectionStateRecovery), and a middleware must
// call Resume for each socket.
//
// Not recovered are volatile events, those with acknowledgement, and those with the flag Local. Data of a
// socket is what JSON can say of it, and binary; "decoded" in it is left out. It is written while the client is
// here: replace it with SetData, and do not change what is in it.
type Options struct {
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
	// OwnerOf returns the owner of a session that a Node.js server has written, by the data of its socket, false
	// when that does not say so: then any client that knows its private id may resume it, as among Node.js servers. nil
	// stands for a function that never knows.
	OwnerOf func(data any) (owner string, known bool)
	// Observe is called with the outcome for each client that wants its session back: "recovered", or why
	// not (Outcomes); nil stands for nothing. It must not block.
	Observe func(outcome string)
	// Logger gets what goes wrong. Default: no log.
	Logger *slog.Logger
}

// Outcomes, with which Observe is called.
const (
	Resumed     = "recovered"
	Unknown     = "unknown"     // there is no such session (any more)
	Malformed   = "malformed"   // what the client or Redis says of it makes no sense
	WrongOwner  = "owner"       // it belongs to another owner
	Offset      = "offset"      // the messages after the offset are not all there any more
	Taken       = "taken"       // another connection wants it as well, or the old socket does not end; the client tries again
	Unavailable = "unavailable" // Redis does not answer
)

// Outcomes returns all values that Observe may be called with.
func Outcomes() []string {
	return []string{Resumed, Unknown, Malformed, WrongOwner, Offset, Taken, Unavailable}
}

func (o Options) withDefaults() Options {
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
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// limits bound what is remembered for clients that return.
func (o Options) limits() history.Limits {
	return history.Limits{Messages: o.History, Bytes: o.HistoryBytes, Age: o.MaxDisconnection + findTimeout}
}
