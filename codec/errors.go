package codec

import (
	"errors"
	"fmt"
)

var (
	// ErrInvalidPacket means that a client sent what is no packet of the protocol, or exceeds a
	// bound of Options. The connection is closed.
	ErrInvalidPacket = errors.New("codec: invalid packet")

	// ErrTooManyAttachments means that a packet announces more than Options.MaxAttachments. It is
	// an ErrInvalidPacket as well.
	ErrTooManyAttachments = fmt.Errorf("%w: too many attachments", ErrInvalidPacket)

	// ErrUnsendable means that a value has no place in a packet: see Options.OnUnsendable.
	ErrUnsendable = errors.New("codec: unsendable")

	// ErrArgument means that an argument is missing or not of the type that the handler wants.
	// The text names the event, the position and the types, and is fit for the client that sent it.
	ErrArgument = errors.New("codec: bad argument")
)

// Why a text is refused. They go to logs inside of ErrInvalidPacket or ErrUnsendable.
var (
	errNotJSON = errors.New("not JSON")
	errTooDeep = errors.New("nested too deep")
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalidPacket, fmt.Errorf(format, args...))
}
