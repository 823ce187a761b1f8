package adapter

import (
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// kind is what a message between servers is about. The numbers are those of the cluster messages of
// the Node.js package socket.io-adapter.
type kind int

const (
	kindHello     kind = iota + 1 // the servers that count each other say that they are there,
	kindHeartbeat                 // still are,
	kindBroadcast
	kindJoin        // the sockets of opts join rooms
	kindLeave       // they leave them
	kindDisconnect  // they are disconnected
	kindFetch       // asks which sockets there are
	kindFetched     // answers that
	kindEvent       // a server-side event
	kindEventAnswer // what a handler answers to one
	kindClientCount // answers a broadcast with acknowledgement: how many clients got it
	kindAck         // what one of them answers
	kindGoodbye     // and go
)

// selects tells whether a message is about the sockets that its options select.
func (k kind) selects() bool {
	switch k {
	case kindBroadcast, kindJoin, kindLeave, kindDisconnect, kindFetch:
		return true
	default:
		return false
	}
}

// clusterMessage is what one server says to the others, or to the one that asked, whatever the bytes.
// The kind says which fields mean something.
type clusterMessage struct {
	kind      kind
	uid       string // who says it; publish and respond know their own
	requestID string // what the answers are to name; empty when none are wanted
	offset    string // where it stands in what is kept of messages; empty when nothing is

	packet      *parser.Packet // broadcast
	opts        wireOptions    // whom it concerns
	rooms       []socket.Room  // to join or leave
	close       bool           // disconnect: their connections as well
	clientCount uint64

	// args are the name and the arguments of a server-side event, and value is an answer: JSON text
	// where there is no binary in it. In the answer of a client it is what its parser made of it.
	args  []any
	value any

	// sockets of an answer. It is a function because to decode them is for who has asked, not for
	// who reads from Redis.
	sockets func() []socket.SocketDetails
}
