package adapter

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// redisAdapter is the adapter of one namespace: local serves the sockets of this node, what is
// here carries to the other servers. It overrides every operation that concerns the cluster.
type redisAdapter struct {
	*local
	redis    *Redis
	uid      string // names this server in this namespace
	channels channels
	raw      bool // this server's parser has arguments as json.RawMessage
	calls    callTable
}

// Init subscribes; the library calls it once.
func (a *redisAdapter) Init() { a.redis.subscriber.add(a.redis.ctx, a.routes()) }

// Close unsubscribes.
func (a *redisAdapter) Close() { a.redis.subscriber.remove(a.redis.ctx, a.routes()) }

func (a *redisAdapter) routes() []route {
	return []route{
		{name: a.channels.pattern, pattern: true, handle: a.onBroadcast},
		{name: a.channels.request, handle: a.onRequest},
		{name: a.channels.response, handle: a.onResponse},
		{name: a.channels.ownResponse, handle: a.onResponse},
	}
}

// Broadcast sends a packet to the matching sockets of the cluster. It does not wait for Redis.
func (a *redisAdapter) Broadcast(packet *parser.Packet, opts *socket.BroadcastOptions) {
	a.broadcast(packet, opts, "", nil)
}

// Publish implements [Publisher].
func (a *redisAdapter) Publish(packet *parser.Packet, opts *socket.BroadcastOptions, done func(error)) {
	a.broadcast(packet, opts, "", done)
}

// PublishLatest implements [Publisher].
func (a *redisAdapter) PublishLatest(name string, packet *parser.Packet, opts *socket.BroadcastOptions, done func(error)) {
	a.broadcast(packet, opts, name, done)
}

func (a *redisAdapter) broadcast(packet *parser.Packet, opts *socket.BroadcastOptions, latest string, done func(error)) {
	if flagsOf(opts).Local {
		a.local.broadcast(packet, opts, latest)
		if done != nil {
			done(nil)
		}
		return
	}
	packet, err := repeatable(packet)
	if err == nil {
		var payload []byte
		wire := newWireOptions(opts)
		wire.latest = latest
		payload, err = appendBroadcast(nil, a.uid, packet, a.nsp.Name(), wire)
		if err == nil {
			a.redis.outbox.push(publication{channel: a.channels.broadcastTo(wire.rooms), payload: payload, done: done})
			a.local.broadcast(packet, opts, latest)
			return
		}
	}
	a.redis.log.Error("broadcast refused", slog.Any("error", err))
	if done != nil {
		done(err)
	}
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

// onBroadcast delivers a broadcast of another server. What concerns nobody here is dropped as
// early as can be: by the room in the channel's name, then by the rooms behind the packet.
func (a *redisAdapter) onBroadcast(channel string, payload []byte) error {
	if room := a.channels.roomOf(channel); room != "" && !a.index.has(room) {
		a.redis.stats.Skipped.Add(1)
		return nil
	}
	sender, rest, err := readSender(payload)
	if err != nil {
		return err
	}
	if sender == a.uid {
		return nil // delivered when it was sent
	}
	message, err := readBroadcast(rest)
	if err != nil {
		return err
	}
	if !a.index.hasAny(message.opts.rooms) {
		a.redis.stats.Skipped.Add(1)
		return nil
	}
	packet, err := readPacket(message.packet, a.nsp.Name(), a.raw)
	if err != nil {
		return err
	}
	a.local.broadcast(packet, message.opts.broadcastOptions(), message.opts.latest)
	return nil
}

// AddSockets makes the matching sockets of the cluster join rooms. Those of this node have joined
// when it returns.
func (a *redisAdapter) AddSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	a.local.AddSockets(opts, rooms)
	a.tell(opts, request{Type: typeJoin, Rooms: rooms})
}

// DelSockets makes the matching sockets of the cluster leave rooms. Those of this node have left
// when it returns.
func (a *redisAdapter) DelSockets(opts *socket.BroadcastOptions, rooms []socket.Room) {
	a.local.DelSockets(opts, rooms)
	a.tell(opts, request{Type: typeLeave, Rooms: rooms})
}

// DisconnectSockets disconnects the matching sockets of the cluster.
func (a *redisAdapter) DisconnectSockets(opts *socket.BroadcastOptions, closeTransport bool) {
	// The others are told first: this node may be about to shut down.
	a.tell(opts, request{Type: typeDisconnect, Close: &closeTransport})
	a.local.DisconnectSockets(opts, closeTransport)
}

// tell sends the other servers a request about the sockets of opts that has no answer.
func (a *redisAdapter) tell(opts *socket.BroadcastOptions, r request) {
	if flagsOf(opts).Local {
		return
	}
	rooms, except := targets(opts)
	r.Opts = &requestOptions{Rooms: rooms, Except: except}
	a.send(r, func(err error) {
		if err != nil {
			a.redis.log.Warn("the other servers were not told", slog.Int("request_type", int(r.Type)), slog.Any("error", err))
		}
	})
}

// send publishes a request. A request is of the moment: it does not wait for Redis to come back.
func (a *redisAdapter) send(r request, done func(error)) {
	r.UID = a.uid
	payload, err := json.Marshal(r)
	if err != nil {
		done(err)
		return
	}
	a.redis.outbox.push(publication{channel: a.channels.request, payload: payload, done: done})
}

// ServerCount returns how many servers the cluster has, this one included, or -1 when Redis does
// not say so within the request timeout. The library compares it with the number of servers that
// have answered a broadcast with acknowledgement: with -1, that ends with its timeout error,
// instead of a success that other servers know nothing of.
func (a *redisAdapter) ServerCount() int64 {
	ctx, cancel := context.WithTimeout(a.redis.ctx, a.redis.opts.RequestTimeout)
	defer cancel()
	n, err := a.redis.serverCount(ctx, a.channels.request)
	if err != nil {
		return -1
	}
	return n
}
