package adapter

import (
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Broadcast sends a packet to the matching sockets of this node. It is encoded once, whatever
// the number of receivers.
func (l *local) Broadcast(packet *parser.Packet, opts *socket.BroadcastOptions) {
	sockets := l.match(opts)
	if len(sockets) == 0 {
		return
	}
	l.deliver(l.addressed(packet), flagsOf(opts), sockets)
}

// BroadcastWithAck sends a packet to the matching sockets of this node, says how many they are,
// and calls ack once for each answer with one value: what the client's first argument was, or
// nil. The answers still missing after flags.Timeout are no longer waited for.
func (l *local) BroadcastWithAck(packet *parser.Packet, opts *socket.BroadcastOptions, clientCount func(uint64), ack socket.Ack) {
	flags := flagsOf(opts)
	sockets := l.match(opts)

	// One id serves all receivers: the counter belongs to the namespace.
	id := l.nsp.Ids()
	addressed := l.addressed(packet)
	addressed.Id = &id

	answer := func(args []any, err error) { ack(ackValue(args, flags), err) }
	for _, s := range sockets {
		s.Acks().Store(id, answer)
	}
	if flags.Timeout != nil {
		// A client that never answers must not leave its callback behind on the socket.
		time.AfterFunc(*flags.Timeout, func() {
			for _, s := range sockets {
				s.Acks().Delete(id)
			}
		})
	}
	l.deliver(addressed, flags, sockets)
	clientCount(uint64(len(sockets)))
}

// ackValue turns the arguments of a client's acknowledgement into the one value that counts.
// The library appends what it gets to its list of answers, so it must be exactly one; for a
// single expected response it wants the list of arguments instead.
func ackValue(args []any, flags *socket.BroadcastFlags) []any {
	if flags.ExpectSingleResponse {
		return []any{args}
	}
	if len(args) == 0 {
		return []any{nil}
	}
	return args[:1]
}

// addressed returns a copy of the packet with the namespace in it.
func (l *local) addressed(packet *parser.Packet) *parser.Packet {
	addressed := *packet
	addressed.Nsp = l.nsp.Name()
	return &addressed
}

// deliver encodes the packet and writes it to the sockets.
func (l *local) deliver(packet *parser.Packet, flags *socket.BroadcastFlags, sockets []*socket.Socket) {
	opts := &socket.WriteOptions{PreEncoded: true, Volatile: flags.Volatile}
	opts.Compress = flags.Compress

	encoded := l.nsp.Server().Encoder().Encode(packet)
	if len(encoded) == 1 {
		if text, ok := encoded[0].(*types.StringBuffer); ok {
			// '4' is the Engine.IO packet type "message" (Engine.IO v4: packet encoding).
			frame := types.NewStringBufferString("4")
			_, _ = frame.Write(text.Bytes())
			opts.WsPreEncodedFrame = frame
		}
	}
	for _, s := range sockets {
		s.NotifyOutgoingListeners()(packet)
		s.Client().WriteToEngine(encoded, opts)
	}
}
