package adapter

import (
	"log/slog"
	"slices"

	"chorus/adapter/wire"
	"chorus/adapter/wire/msgpack"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// PeerPublisher is what an adapter of this package offers when there may be servers of others, such as Node.js.
type PeerPublisher interface {
	// PublishToPeers sends a packet to the matching sockets of servers that are not of this project, and to no other. It
	// does not wait, nor try again.
	PublishToPeers(packet *parser.Packet, opts *socket.BroadcastOptions)
}

var _ PeerPublisher = (*namespace)(nil)

// PublishToPeers implements [PeerPublisher].
func (a *namespace) PublishToPeers(packet *parser.Packet, opts *socket.BroadcastOptions) {
	packet, err := msgpack.Repeatable(packet)
	if err == nil {
		m := wire.Message{Kind: wire.Broadcast, Packet: packet, Opts: wire.NewOptions(opts)}
		m.Opts.Except = append(slices.Clone(m.Opts.Except), wire.PeersOnly)
		err = a.link.Publish(&m, func(string, error) {})
	}
	if err != nil {
		a.cluster.log.Error("the other servers were not told of a message", slog.Any("error", err))
	}
}
