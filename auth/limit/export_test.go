package limit

import "time"

// Keys and channels of the prefix "t".
const (
	ConnectionsKey  = "{t-auth}:connections:"
	ReplacedChannel = "t-auth-replaced"
)

// NewQuick makes a limit that soon notices that Redis is back.
func NewQuick(opts Options) (*Connections, error) {
	t := defaultTimes
	t.check, t.retry = 50*time.Millisecond, 20*time.Millisecond
	return newLimit(opts, t)
}

// Count returns how many connections of a subject a node counts.
func Count(l *Connections, subject string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.subjects[subject])
}
