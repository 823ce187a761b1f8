package store

import (
	"context"
)

// Unread is what a user has not read of a log.
type Unread struct {
	Log      string
	Unread   int64
	Mentions int64
	Read     int64 // the marker
	Last     int64 // seq of the newest message
}

// Markers know up to where each user has read.
type Markers interface {
	// Read moves a marker forward and returns what is unread then. A seq beyond the end stands for the end.
	Read(ctx context.Context, user, log string, seq int64) (Unread, error)

	// Forget removes a marker.
	Forget(ctx context.Context, user, log string) error

	// Unread returns the named logs, or with none named all in which the user has a marker, by name.
	Unread(ctx context.Context, user string, logs []string) ([]Unread, error)
}
