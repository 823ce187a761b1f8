package wire

import (
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Kind is what a message between servers is about. The numbers are those of the cluster messages of
// the Node.js package socket.io-adapter.
type Kind int

// The kinds of messages.
const (
	Hello     Kind = iota + 1 // the servers that count each other say that they are there,
	Heartbeat                 // still are,
	Broadcast
	Join        // the sockets of opts join rooms
	Leave       // they leave them
	Disconnect  // they are disconnected
	Fetch       // asks which sockets there are
	Fetched     // answers that
	Event       // a server-side event
	EventAnswer // what a handler answers to one
	ClientCount // answers a broadcast with acknowledgement: how many clients got it
	Ack         // what one of them answers
	Goodbye     // and go

	// ListSockets and those below are of the pub/sub format alone.

	ListSockets // asks for the ids of the sockets in rooms
	SocketIDs   // answers that
	ListRooms   // asks for the rooms of the other servers
	RoomNames   // answers that
	Done        // answers a request about one socket, of the form of version 5 and before
)

// selects reports whether a message is about the sockets that its options select.
func (k Kind) selects() bool {
	switch k {
	case Broadcast, Join, Leave, Disconnect, Fetch:
		return true
	default:
		return false
	}
}

// Message is a message of one server to the others, or to the one that asked, whatever the bytes.
// The kind says which fields mean something. A received one is decoded by decode and decodePacket.
type Message struct {
	Kind      Kind
	Server    string // the sender; a link writes its own into what it sends
	Nsp       string // the namespace, where a received message says it
	RequestID string // what the answers name; empty when none are wanted
	numericID bool   // the request has it as a number, see Answer
	Offset    string // where it stands in what is kept of messages; empty when nothing is

	Packet      *parser.Packet // broadcast
	Opts        Options        // the sockets that it concerns
	Rooms       []socket.Room  // to join or leave; names, or ids, in an answer
	Close       bool           // disconnect: their connections as well
	ClientCount uint64

	// Args are the name and the arguments of a server-side event. Value is an answer. Both are JSON text unless they
	// contain binary. In the answer of a client, Value is what its parser made of it.
	Args  []any
	Value any

	// Sockets decodes the sockets of an answer. It is a function so that the caller that asked pays for the decoding,
	// not the reader of Redis.
	Sockets func() []socket.SocketDetails

	body body // what is not decoded yet; nil when all is
}

// body is the part of a received message that is decoded only if somebody needs it.
type body interface {
	// decode reads everything but the packet of a broadcast, which decodePacket reads. With raw, values
	// are json.RawMessage where they can be.
	decode(m *Message, raw bool) error
	decodePacket(nsp string, raw bool) (*parser.Packet, error)
}

// Decode reads a received message, but for the packet of a broadcast. raw is whether this server's parser
// has arguments as json.RawMessage.
func (m *Message) Decode(raw bool) error {
	if m.body == nil {
		return nil
	}
	return m.body.decode(m, raw)
}

// DecodePacket reads the packet of a broadcast in the namespace nsp.
func (m *Message) DecodePacket(nsp string, raw bool) (err error) {
	if m.body != nil {
		m.Packet, err = m.body.decodePacket(nsp, raw)
	}
	return err
}

// IsRequest reports whether a message is a request: streams do not keep it, since the sender does not
// wait for long.
func (m *Message) IsRequest() bool {
	return m.Kind == Broadcast && m.RequestID != "" || m.Kind == Event || m.Kind == Fetch
}
