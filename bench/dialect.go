package bench

import "net/url"

// dialect is the part of a protocol that the generator has to know. Its methods are called by many
// goroutines at once.
type dialect interface {
	// target is the path and the query of a server to which a client connects.
	target(server *url.URL) string

	// join makes a member of a fresh connection, and fails when the server refuses that.
	join(c joining, client member) error

	// publish appends the message that has the server send the value to all, or to the room.
	publish(dst []byte, room string, value []byte) []byte

	// request appends the message that has the server answer with the value.
	request(dst []byte, number uint32, value []byte) []byte

	// read takes the first of the messages that a frame holds, and returns the rest of them.
	read(frame []byte) (message []byte, kind kind, rest []byte)

	// pong is the answer to a message of kind ping.
	pong() []byte
}

// joining is a connection whose client joins.
type joining interface {
	send(message []byte) error
	receive() ([]byte, error) // at least one byte
}

// member is what a client shows when it joins.
type member struct {
	token string // empty for none
	rooms []string
}

// kind is what a message is to the generator.
type kind byte

const (
	other     kind = iota // nothing to count
	delivery              // published by a sender
	answer                // to a request
	heartbeat             // wants a pong
	farewell              // the server ends the client's membership
)

func newDialect(o *Options) dialect {
	switch o.Protocol {
	case Centrifuge:
		return newCentrifuge(o)
	case Bare:
		return bare{}
	default:
		return newSocketIO(o)
	}
}
