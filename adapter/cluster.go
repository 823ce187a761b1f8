package adapter

import (
	"context"
	"log/slog"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// carrier takes what the adapter of a namespace says to the other servers, in the bytes of one
// format, and hands what they say to the adapter's receive.
type carrier interface {
	// open begins to listen, close ends it. Neither waits for Redis.
	open()
	close()

	// publish sends a message to all other servers, in the order of the calls, without waiting. done
	// is called once with the outcome, and with the place of the message where what is sent is kept;
	// done must not block. A message without done may wait while Redis is away, others fail at once.
	// When the message cannot be encoded the error is returned, and done is not called.
	publish(m clusterMessage, done func(offset string, err error)) error

	// respond sends an answer to the server that asked. It is of the moment, like the question. The
	// error is about encoding it.
	respond(asker string, m clusterMessage) error

	// serverCount returns how many servers listen, this one included.
	serverCount(ctx context.Context) (int64, error)
}

// follower is a carrier that listens to the rooms of this node alone. joined is called when its
// sockets have joined rooms, and returns when what is sent to those is heard, or after a while.
type follower interface{ joined(rooms []socket.Room) }

// clusterAdapter is the adapter of one namespace: local serves the sockets of this node, the carrier
// reaches the other servers. It overrides every operation that concerns the cluster.
type clusterAdapter struct {
	*local
	redis    *Redis
	uid      string // names this server in this namespace
	raw      bool   // this server's parser has arguments as json.RawMessage
	carrier  carrier
	follower follower // the carrier, if it is one
	calls    callTable
}

// Init subscribes; the library calls it once.
func (a *clusterAdapter) Init() { a.carrier.open() }

// Close unsubscribes.
func (a *clusterAdapter) Close() { a.carrier.close() }

// AddAll puts a socket into rooms.
func (a *clusterAdapter) AddAll(id socket.SocketId, rooms *types.Set[socket.Room]) {
	a.local.AddAll(id, rooms)
	if a.follower != nil {
		a.follower.joined(rooms.Keys())
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
	if flagsOf(opts).Local {
		a.local.broadcast(packet, opts, latest, "")
		if done != nil {
			done(nil)
		}
		return
	}
	packet, err := repeatable(packet)
	if err == nil {
		m := clusterMessage{kind: kindBroadcast, packet: packet, opts: newWireOptions(opts)}
		m.opts.latest = latest
		var published func(string, error)
		if done != nil {
			published = func(_ string, err error) { done(err) }
		}
		if err = a.carrier.publish(m, published); err == nil {
			if !a.waitsFor(&m) {
				a.local.broadcast(packet, opts, latest, "")
			}
			return
		}
	}
	a.redis.log.Error("broadcast refused", slog.Any("error", err))
	if done != nil {
		done(err)
	}
}

// waitsFor tells whether a message of this node is delivered when it comes back from Redis, in the order
// that all nodes see, and not when it is sent.
func (a *clusterAdapter) waitsFor(m *clusterMessage) bool {
	return a.redis.opts.TotalOrder && m.kind == kindBroadcast && m.requestID == ""
}

// repeatable returns a packet that can be encoded more than once.
func repeatable(packet *parser.Packet) (*parser.Packet, error) {
	if !parser.HasBinary(packet.Data) {
		return packet, nil
	}
	data, err := drained(packet.Data)
	if err != nil {
		return nil, err
	}
	repeat := *packet
	repeat.Data = data
	return &repeat, nil
}

// AddSockets makes the matching sockets of the cluster join rooms. Those of this node have joined
// when it returns.
func (a *clusterAdapter) AddSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	a.local.AddSockets(opts, rooms)
	a.tell(opts, clusterMessage{kind: kindJoin, rooms: rooms})
}

// DelSockets makes the matching sockets of the cluster leave rooms. Those of this node have left
// when it returns.
func (a *clusterAdapter) DelSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	a.local.DelSockets(opts, rooms)
	a.tell(opts, clusterMessage{kind: kindLeave, rooms: rooms})
}

// DisconnectSockets disconnects the matching sockets of the cluster.
func (a *clusterAdapter) DisconnectSockets(opts *socket.BroadcastOptions, closeTransport bool) {
	// The others are told first: this node may be about to shut down.
	a.tell(opts, clusterMessage{kind: kindDisconnect, close: closeTransport})
	a.local.DisconnectSockets(opts, closeTransport)
}

// tell sends the other servers something about the sockets of opts that has no answer.
func (a *clusterAdapter) tell(opts *socket.BroadcastOptions, m clusterMessage) {
	if flagsOf(opts).Local {
		return
	}
	m.opts.rooms, m.opts.except = targets(opts)
	untold := func(_ string, err error) {
		if err != nil {
			a.redis.log.Warn("the other servers were not told", slog.Int("message_type", int(m.kind)), slog.Any("error", err))
		}
	}
	if err := a.carrier.publish(m, untold); err != nil {
		untold("", err)
	}
}

// ServerCount returns how many servers the cluster has, this one included, or -1 when Redis does
// not say so within the request timeout. The library compares it with the number of servers that
// have answered a broadcast with acknowledgement: with -1, that ends with its timeout error,
// instead of a success that other servers know nothing of.
func (a *clusterAdapter) ServerCount() int64 {
	ctx, cancel := context.WithTimeout(a.redis.ctx, a.redis.opts.RequestTimeout)
	defer cancel()
	n, err := a.carrier.serverCount(ctx)
	if err != nil {
		return -1
	}
	return n
}

// respond answers a server that has asked.
func (a *clusterAdapter) respond(asker string, m clusterMessage) {
	if err := a.carrier.respond(asker, m); err != nil {
		a.redis.log.Error("answer cannot be sent", slog.Int("message_type", int(m.kind)), slog.Any("error", err))
	}
}

// wants tells whether a broadcast to rooms reaches a socket of this node; no rooms stands for all. One
// that does not is counted, and need not be decoded.
func (a *clusterAdapter) wants(rooms ...socket.Room) bool {
	if a.index.hasAny(rooms) {
		return true
	}
	a.redis.stats.Skipped.Add(1)
	return false
}
