package bench

import "errors"

var (
	// ErrOptions is wrapped by errors about Options; their text names the field.
	ErrOptions = errors.New("options")

	// ErrConnect is returned by Run when no client could connect; it comes with the first reason.
	ErrConnect = errors.New("no client could connect")

	// ErrProtocol is what a server violates that sends what the protocol does not allow, or that
	// uses a part of it which this package does not ask for, such as compression.
	ErrProtocol = errors.New("protocol error")

	// ErrRefused is wrapped by the error of a client whom the server did not let in.
	ErrRefused = errors.New("refused")
)
