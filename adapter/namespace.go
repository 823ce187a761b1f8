package adapter

import (
	"context"
	"log/slog"

	"chorus/adapter/wire"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// clusterAdapter is the adapter of one namespace: local serves the sockets of this node, the link
// reaches the other servers. It overrides every operation that concerns the cluster.
type clusterAdapter struct {
	*local
	cluster *Cluster
	uid     string // names this server in this namespace
	raw     bool   // this server's parser has arguments as json.RawMessage
	link    Link
	calls   callTable
	own     ownOrder
}

// Close ends the link.
func (a *clusterAdapter) Close() { a.link.Close() }

// Name implements Namespace.
func (a *clusterAdapter) Name() string { return a.nsp.Name() }

// Server implements Namespace.
func (a *clusterAdapter) Server() string { return a.uid }

// Has implements Namespace.
func (a *clusterAdapter) Has(room Room) bool { return a.index.has(room) }

// Wants implements Namespace. A message that nobody here wants is counted.
func (a *clusterAdapter) Wants(rooms ...Room) bool {
	if a.index.hasAny(rooms) {
		return true
	}
	a.cluster.stats.Skipped.Add(1)
	return false
}

// AddAll puts a socket into rooms.
func (a *clusterAdapter) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	if a.add(id, rooms) {
		a.link.Follow(rooms.Keys())
	}
}

// Broadcast sends a packet to the matching sockets of the cluster. It waits for Redis only while Redis answers and too
// many messages wait to be published.
func (a *clusterAdapter) Broadcast(packet *parser.Packet, opts *socket.BroadcastOptions) {
	a.broadcast(packet, opts, "", nil)
}

// Publish implements [Publisher].
func (a *clusterAdapter) Publish(packet *parser.Packet, opts *socket.BroadcastOptions, done func(error)) {
	a.broadcast(packet, opts, "", done)
}

// PublishLatest implements [Publisher].
func (a *clusterAdapter) PublishLatest(name string, packet *parser.Packet, opts *socket.BroadcastOptions, done func(error)) {
	a.broadcast(packet, opts, name, done)
}

func (a *clusterAdapter) broadcast(packet *parser.Packet, opts *socket.BroadcastOptions, latest string, done func(error)) {
	if wire.FlagsOf(opts).Local {
		a.local.broadcast(packet, opts, latest, "")
		if done != nil {
			done(nil)
		}
		return
	}
	packet, err := wire.Repeatable(packet)
	if err == nil {
		m := wire.Message{Kind: wire.Broadcast, Packet: packet, Opts: wire.NewOptions(opts)}
		m.Opts.Latest = latest
		waits := a.waitsFor(&m)
		if waits {
			a.own.sent()
		}
		var published func(string, error)
		if done != nil {
			published = func(_ string, err error) {
				if waits && err != nil {
					a.own.returned()
				}
				done(err)
			}
		}
		if err = a.link.Publish(&m, published); err == nil {
			if !waits {
				a.local.broadcast(packet, opts, latest, "")
			}
			return
		}
		if waits {
			a.own.returned()
		}
	}
	a.cluster.log.Error("broadcast refused", slog.Any("error", err))
	if done != nil {
		done(err)
	}
}

// waitsFor tells whether a message of this node is delivered when it comes back from Redis, in the order
// that all nodes see, and not when it is sent.
func (a *clusterAdapter) waitsFor(m *wire.Message) bool {
	return a.cluster.opts.TotalOrder && m.Kind == wire.Broadcast && m.RequestID == ""
}

// AddSockets makes the matching sockets of the cluster join rooms. Those of this node have joined
// when it returns.
func (a *clusterAdapter) AddSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	a.local.AddSockets(opts, rooms)
	a.tell(opts, wire.Message{Kind: wire.Join, Rooms: rooms}, func() {})
}

// DelSockets makes the matching sockets of the cluster leave rooms. Those of this node have left
// when it returns, unless they still wait for a broadcast of this node: see ownOrder.
func (a *clusterAdapter) DelSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	a.change(opts, wire.Message{Kind: wire.Leave, Rooms: rooms}, func() { a.local.DelSockets(opts, rooms) })
}

// DisconnectSockets disconnects the matching sockets of the cluster.
func (a *clusterAdapter) DisconnectSockets(opts *socket.BroadcastOptions, closeTransport bool) {
	a.change(opts, wire.Message{Kind: wire.Disconnect, Close: closeTransport}, func() { a.local.DisconnectSockets(opts, closeTransport) })
}

// change tells the other servers to do something to the sockets of opts, and does it here: do. The others
// are told first: this node may be about to shut down.
func (a *clusterAdapter) change(opts *socket.BroadcastOptions, m wire.Message, do func()) {
	if wire.FlagsOf(opts).Local || !a.cluster.opts.TotalOrder {
		a.tell(opts, m, func() {})
		do()
		return
	}
	op, wait := a.own.begin(do, a.cluster.opts.RequestTimeout)
	a.tell(opts, m, func() {
		a.cluster.request(a.cluster.opts.RequestTimeout, func(context.Context) { a.own.finish(op) })
	})
	if !wait {
		do()
	}
}

// tell sends the other servers something about the sockets of opts that has no answer. failed is called when
// they will not get it.
func (a *clusterAdapter) tell(opts *socket.BroadcastOptions, m wire.Message, failed func()) {
	if wire.FlagsOf(opts).Local {
		return
	}
	m.Opts.Rooms, m.Opts.Except = wire.Targets(opts)
	untold := func(_ string, err error) {
		if err != nil {
			a.cluster.log.Warn("the other servers were not told", slog.Int("message_type", int(m.Kind)), slog.Any("error", err))
			failed()
		}
	}
	if err := a.link.Publish(&m, untold); err != nil {
		untold("", err)
	}
}

// ServerCount returns how many servers the cluster has, this one included, or -1 when Redis does
// not say so within the request timeout. The library compares it with the number of servers that
// have answered a broadcast with acknowledgement: with -1, that ends with its timeout error,
// instead of a success that other servers know nothing of.
func (a *clusterAdapter) ServerCount() int64 {
	ctx, cancel := context.WithTimeout(a.cluster.ctx, a.cluster.opts.RequestTimeout)
	defer cancel()
	n, err := a.link.Servers(ctx)
	if err != nil {
		return -1
	}
	return int64(n)
}

// respond answers a server that has asked.
func (a *clusterAdapter) respond(asker string, m wire.Message) {
	if err := a.link.Reply(asker, &m); err != nil {
		a.cluster.log.Error("answer cannot be sent", slog.Int("message_type", int(m.Kind)), slog.Any("error", err))
	}
}
