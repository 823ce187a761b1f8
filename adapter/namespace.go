package adapter

import (
	"context"
	"log/slog"

	"chorus/adapter/rooms"
	"chorus/adapter/wire"
	"chorus/adapter/wire/msgpack"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// namespace is the adapter of one namespace: Local serves the sockets of this server, the link
// reaches the other servers. It overrides every operation that concerns the cluster.
type namespace struct {
	*rooms.Local
	cluster *Cluster
	uid     string // names this server in this namespace
	raw     bool   // this server's parser has arguments as json.RawMessage
	link    Link
	calls   callTable
	own     ownOrder
}

var (
	_ socket.Adapter = (*namespace)(nil)
	_ Namespace      = (*namespace)(nil)
	_ Publisher      = (*namespace)(nil)
)

// Close ends the link.
func (a *namespace) Close() { a.link.Close() }

// Name implements Namespace.
func (a *namespace) Name() string { return a.Nsp().Name() }

// Server implements Namespace.
func (a *namespace) Server() string { return a.uid }

// Wants implements Namespace. A message that no socket here wants is counted.
func (a *namespace) Wants(rooms ...Room) bool {
	if a.HasAny(rooms) {
		return true
	}
	a.cluster.stats.skipped.Add(1)
	return false
}

// AddAll puts a socket into rooms.
func (a *namespace) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	if a.Add(id, rooms) {
		a.link.Follow(rooms.Keys())
	}
}

// Broadcast sends a packet to the matching sockets of the cluster. It waits for Redis only while Redis answers and too
// many messages wait to be published.
func (a *namespace) Broadcast(packet *parser.Packet, opts *socket.BroadcastOptions) {
	a.broadcast(packet, opts, "", nil)
}

// Publish implements [Publisher].
func (a *namespace) Publish(packet *parser.Packet, opts *socket.BroadcastOptions, done func(error)) {
	a.broadcast(packet, opts, "", done)
}

// PublishLatest implements [Publisher].
func (a *namespace) PublishLatest(name string, packet *parser.Packet, opts *socket.BroadcastOptions, done func(error)) {
	a.broadcast(packet, opts, name, done)
}

func (a *namespace) broadcast(packet *parser.Packet, opts *socket.BroadcastOptions, latest string, done func(error)) {
	m := wire.Message{Kind: wire.Broadcast, Packet: packet, Opts: wire.NewOptions(opts)}
	m.Opts.Latest = latest
	var err error
	if !m.Opts.Flags.Local {
		if m.Packet, err = msgpack.Repeatable(packet); err == nil {
			err = a.publishBroadcast(&m, done)
		}
		if err == nil {
			done = nil // Publish calls it
		} else {
			a.cluster.log.Error("broadcast refused", slog.Any("error", err))
		}
	}
	if err == nil && !a.later(&m) {
		a.Deliver(packet, &m.Opts, "")
	}
	if done != nil {
		done(err)
	}
}

func (a *namespace) publishBroadcast(m *wire.Message, done func(error)) error {
	later := a.later(m)
	if later {
		a.own.sent()
	}
	var published func(string, error) // without done a message may wait
	if done != nil {
		published = func(_ string, err error) {
			if later && err != nil {
				a.own.returned()
			}
			done(err)
		}
	}
	err := a.link.Publish(m, published)
	if later && err != nil {
		a.own.returned()
	}
	return err
}

// later reports whether a message of this server is done when it comes back through the transport, in the order that
// all servers see, and not as soon as it is sent. Everything else about the order follows from this.
func (a *namespace) later(m *wire.Message) bool {
	if !a.cluster.opts.TotalOrder || m.Opts.Flags.Local || m.RequestID != "" {
		return false
	}
	return m.Kind == wire.Broadcast || m.Kind == wire.Leave || m.Kind == wire.Disconnect
}

// AddSockets makes the matching sockets of the cluster join rooms. Those of this server have joined
// when it returns.
func (a *namespace) AddSockets(opts *socket.BroadcastOptions, rooms []Room) {
	a.Local.AddSockets(opts, rooms)
	if !wire.FlagsOf(opts).Local {
		a.tell(message(wire.Join, opts, rooms), func() {})
	}
}

// DelSockets makes the matching sockets of the cluster leave rooms. Those of this server have left
// when it returns, unless they still wait for a broadcast of this server: see ownOrder.
func (a *namespace) DelSockets(opts *socket.BroadcastOptions, rooms []Room) {
	a.change(message(wire.Leave, opts, rooms), func() { a.Local.DelSockets(opts, rooms) })
}

// DisconnectSockets disconnects the matching sockets of the cluster.
func (a *namespace) DisconnectSockets(opts *socket.BroadcastOptions, closeTransport bool) {
	m := message(wire.Disconnect, opts, nil)
	m.Close = closeTransport
	a.change(m, func() { a.Local.DisconnectSockets(opts, closeTransport) })
}

// message returns a message about the sockets of opts.
func message(kind wire.Kind, opts *socket.BroadcastOptions, rooms []Room) *wire.Message {
	m := &wire.Message{Kind: kind, Rooms: rooms}
	m.Opts.Rooms, m.Opts.Except = wire.Targets(opts)
	m.Opts.Flags.Local = wire.FlagsOf(opts).Local
	return m
}

// change tells the other servers to do something to sockets, and does it here: do. The others
// are told first: this server may be about to shut down.
func (a *namespace) change(m *wire.Message, do func()) {
	switch {
	case m.Opts.Flags.Local:
		do()
	case !a.later(m):
		a.tell(m, func() {})
		do()
	default:
		op, wait := a.own.begin(do, a.cluster.opts.RequestTimeout)
		a.tell(m, func() {
			a.cluster.request(a.cluster.opts.RequestTimeout, func(context.Context) { a.own.finish(op) })
		})
		if !wait {
			do()
		}
	}
}

// tell sends the other servers a message that has no answer. failed is called when they will not receive it.
func (a *namespace) tell(m *wire.Message, failed func()) {
	lost := func(_ string, err error) {
		if err != nil {
			a.cluster.log.Warn("the other servers were not told", slog.Int("message_type", int(m.Kind)), slog.Any("error", err))
			failed()
		}
	}
	if err := a.link.Publish(m, lost); err != nil {
		lost("", err)
	}
}

// ServerCount returns how many servers the cluster has, this one included, or -1 when Redis does
// not say so within the request timeout. The library compares it with the number of servers that
// have answered a broadcast with acknowledgement: with -1, that ends with its timeout error,
// instead of a success that other servers know nothing of.
func (a *namespace) ServerCount() int64 {
	ctx, cancel := context.WithTimeout(a.cluster.ctx, a.cluster.opts.RequestTimeout)
	defer cancel()
	n, err := a.link.Servers(ctx)
	if err != nil {
		return -1
	}
	return int64(n)
}

// evict ends the socket that has a session on another server.
func (a *namespace) evict(holder string, eviction Room) {
	a.respond(holder, wire.Message{Kind: wire.Disconnect, Close: true, Opts: wire.Options{Rooms: []Room{eviction}}})
}

// respond answers a server that has asked.
func (a *namespace) respond(asker string, m wire.Message) {
	if err := a.link.Reply(asker, &m); err != nil {
		a.cluster.log.Error("answer cannot be sent", slog.Int("message_type", int(m.Kind)), slog.Any("error", err))
	}
}
