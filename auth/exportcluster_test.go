package auth

import (
	"context"
	"time"
)

// Keys and channels of the prefix "t".
const (
	ConnectionsKey  = "{t-auth}:connections:"
	ReplacedChannel = "t-auth-replaced"
)

// NewQuickLimit makes a limit whose nodes are taken for dead soon.
func NewQuickLimit(opts ConnectionLimitOptions) (*ConnectionLimit, error) {
	times := defaultLimitTimes
	times.beat, times.dead, times.retry = 100*time.Millisecond, 600*time.Millisecond, 20*time.Millisecond
	return newConnectionLimit(opts, times)
}

// AdmitConnection counts a connection.
func AdmitConnection(ctx context.Context, l *ConnectionLimit, subject, conn string, replaced func()) (release func(), err error) {
	return l.admit(ctx, subject, conn, replaced)
}

// Connections returns how many connections of a subject a node counts.
func Connections(l *ConnectionLimit, subject string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.subjects[subject])
}
