package adapter

import "errors"

var (
	// ErrUnavailable means that the transport does not reach the other servers, such as when Redis is away. What was to
	// be published reached the clients of this server only.
	ErrUnavailable = errors.New("adapter: redis is not available")
	// ErrOverflow means that the message was the oldest of too many that waited for the transport, and was dropped.
	ErrOverflow = errors.New("adapter: too many messages wait for redis")
	// ErrClosed means that the adapter has been closed.
	ErrClosed = errors.New("adapter: closed")
	// ErrRequestTimeout means that not every server of the cluster answered in time.
	ErrRequestTimeout = errors.New("adapter: not every server answered in time")
)
