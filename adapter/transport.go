package adapter

import (
	"context"

	"chorus/adapter/rooms"
	"chorus/adapter/wire"
	"chorus/internal/acl"
)

// Room is a room of a namespace. Each socket is also in a room named by its own id.
type Room = rooms.Room

// Transport connects the servers of a cluster. Its methods are safe for concurrent use.
type Transport interface {
	// Open connects a namespace to the other servers. It does not wait for them: the link keeps trying.
	Open(Namespace) (Link, error)
	// Health returns nil while this server misses nothing, else the reason.
	Health() error
	// Needs returns what its user must be permitted on Redis; nothing for a transport without Redis.
	Needs() []acl.Command
	// Close sends what still waits and ends the links, for as long as ctx allows.
	Close(ctx context.Context) error
}

// Link carries the messages of one namespace. Its methods are safe for concurrent use.
type Link interface {
	// Publish sends a message to all servers, this one included, in the order of the calls. It waits
	// only for room in the queue of a transport that is ahead of Redis. done is called once with the outcome, and with
	// the place of the message where messages are kept; it must neither block nor publish. A message without done may
	// wait while the other servers cannot be reached, others fail at once. Publish returns an error if it cannot encode
	// the message; it does not call done then.
	Publish(m *wire.Message, done func(offset string, err error)) error
	// Reply sends an answer to one server. An answer that cannot be sent now is dropped. The error is
	// about encoding it.
	Reply(server string, m *wire.Message) error
	// Servers returns how many servers listen, this one included.
	Servers(ctx context.Context) (int, error)
	// Follow is called with rooms that have got their first member on this server or lost their last
	// one: see Namespace.Has. A link that subscribes to the rooms of this server alone returns when it
	// receives what is sent to them, or after a while.
	Follow(rooms []Room)
	// Close ends the link. Namespace is not called after it.
	Close()
}

// Namespace is what a Link needs of a namespace on this server. Its methods are safe for concurrent use.
type Namespace interface {
	// Name returns the name of the namespace.
	Name() string
	// Server returns the name of this server in the messages of the namespace.
	Server() string
	// Has reports whether a socket of this server is in the room.
	Has(room Room) bool
	// Wants reports whether a message to these rooms (no rooms: to all sockets) reaches a socket of this
	// server. A link asks it before it decodes a message, if it knows the rooms.
	Wants(rooms ...Room) bool
	// Receive does what a message says. A link hands on every message that it receives, also those of this
	// server, one after the other. An error says that the message makes no sense. A panic of a handler of the
	// application ends in Receive.
	Receive(m *wire.Message) error
}
