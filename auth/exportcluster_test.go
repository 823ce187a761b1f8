package auth

import (
	"context"
	"time"
)

// Watch has fn told about new revocations.
func Watch(r *Revocations, fn func(affected func(*Claims) bool)) (stop func()) { return r.watch(fn) }

// Tombstones returns how many entries a node keeps, undone ones included.
func Tombstones(r *Revocations) int {
	r.table.mu.RLock()
	defer r.table.mu.RUnlock()
	return len(r.table.entries)
}

// Keys and channels of the prefix "t".
const (
	RevocationsKey     = "{t-auth}:revocations"
	RevocationsChannel = "t-auth"
	ConnectionsKey     = "{t-auth}:connections:"
	ReplacedChannel    = "t-auth-replaced"
)

// ParseRevocation reads a message and writes it again.
func ParseRevocation(text string) (again string, err error) {
	key, entry, err := parseRevocationMessage(text)
	return entry.String() + " " + key.String(), err
}

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
