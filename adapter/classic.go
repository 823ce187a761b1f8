package adapter

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// classic carries the messages of a namespace as @socket.io/redis-adapter 8 does with createAdapter:
// PUBLISH and SUBSCRIBE, a channel for each room, one for requests and one for responses.
type classic struct {
	a        *clusterAdapter
	heard    *subscriber
	channels channels
	own      bool // RedisOptions.OwnResponseChannel
}

func newClassic(a *clusterAdapter, heard *subscriber, own bool) (uid string, _ carrier) {
	uid = rand.Text()[:10]
	return uid, &classic{a, heard, newChannels(a.redis.opts.Prefix, a.nsp.Name(), uid), own}
}

func (c *classic) open() { c.heard.add(c.a.redis.ctx, c.routes()) }

func (c *classic) close() { c.heard.remove(c.a.redis.ctx, c.routes()) }

func (c *classic) routes() []route {
	return []route{
		{name: c.channels.pattern, kind: onPattern, handle: c.onBroadcast, foreign: c.foreign},
		{name: c.channels.request, handle: c.onRequest},
		{name: c.channels.response, handle: c.onResponse},
		{name: c.channels.ownResponse, handle: c.onResponse},
	}
}

func (c *classic) serverCount(ctx context.Context) (int64, error) {
	return c.a.redis.countSubscribers(ctx, func(ctx context.Context, client redis.Cmdable) (int64, error) {
		numbers, err := client.PubSubNumSub(ctx, c.channels.request).Result()
		return numbers[c.channels.request], err
	})
}

func (c *classic) publish(m clusterMessage, done func(offset string, err error)) error {
	channel, payload, err := c.encode(m)
	if err != nil {
		return err
	}
	c.a.redis.outbox.push(publication{channel: channel, payload: payload, done: done})
	return nil
}

func (c *classic) encode(m clusterMessage) (channel string, payload []byte, err error) {
	if m.kind != kindBroadcast {
		payload, err = encodeRequest(c.a.uid, m)
		return c.channels.request, payload, err
	}
	if m.requestID == "" {
		payload, err = encodeBroadcast(c.a.uid, m.packet, c.a.nsp.Name(), m.opts)
		return c.channels.broadcastTo(m.opts.rooms), payload, err
	}
	packet, err := appendPacket(nil, m.packet, c.a.nsp.Name())
	if err != nil {
		return "", nil, err
	}
	r := broadcastRequest{uid: c.a.uid, requestID: m.requestID, packet: packet, opts: m.opts}
	return c.channels.request, r.append(nil), nil
}

// foreign tells whether a channel is that of a room that nobody here is in.
func (c *classic) foreign(channel string) bool {
	room := c.channels.roomOf(channel)
	return room != "" && !c.a.wants(room)
}

// onBroadcast takes a broadcast of another server. What concerns nobody here is dropped as early as
// can be: by the room in the channel's name, then by the rooms behind the packet.
func (c *classic) onBroadcast(channel string, payload []byte) error {
	if c.foreign(channel) {
		return nil
	}
	sender, rest, err := readSender(payload)
	if err != nil {
		return err
	}
	if sender == c.a.uid && !c.a.redis.opts.TotalOrder {
		return nil // delivered when it was sent
	}
	broadcast, err := readBroadcast(rest)
	if err != nil {
		return err
	}
	if !c.a.wants(broadcast.opts.rooms...) {
		return nil
	}
	packet, err := readPacket(broadcast.packet, c.a.nsp.Name(), c.a.raw)
	if err != nil {
		return err
	}
	c.a.deliverRemote(packet, &broadcast.opts, "") // most of what comes is this, and needs no more of a message
	return nil
}

// onRequest takes what another server, or an emitter, asks.
func (c *classic) onRequest(_ string, payload []byte) error {
	if !isJSON(payload) {
		r, err := readBroadcastRequest(payload)
		if err != nil {
			return fmt.Errorf("request: %w", err)
		}
		if r.uid == c.a.uid {
			return nil
		}
		packet, err := readPacket(r.packet, c.a.nsp.Name(), c.a.raw)
		if err != nil {
			return err
		}
		return c.a.receive(&clusterMessage{kind: kindBroadcast, uid: r.uid, requestID: r.requestID, packet: packet, opts: r.opts})
	}
	var r request
	if err := json.Unmarshal(payload, &r); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if r.UID == c.a.uid {
		return nil
	}
	switch r.Type { // those that only this format has
	case typeSockets:
		text, err := json.Marshal(c.a.Sockets(r.Opts.orRooms(r.Rooms).Rooms))
		if err != nil {
			return err
		}
		return c.answer(r.UID, response{RequestID: r.RequestID, Sockets: text})
	case typeAllRooms:
		return c.answer(r.UID, response{RequestID: r.RequestID, Rooms: c.a.index.allRooms()})
	case typeJoin, typeLeave, typeDisconnect:
		if r.Opts == nil {
			return c.serveOld(r)
		}
	}
	m, err := r.message()
	if err != nil {
		return err
	}
	return c.a.receive(m)
}

// serveOld does what a request of the old form says: it names one socket and one room, and wants an
// answer.
func (c *classic) serveOld(r request) (err error) {
	if _, here := c.a.nsp.Sockets().Load(r.Sid); !here {
		return nil
	}
	defer func() { err = errors.Join(err, c.answer(r.UID, response{RequestID: r.RequestID})) }()
	r.Opts = &requestOptions{Rooms: selection{socket.Room(r.Sid)}}
	if r.Type != typeDisconnect {
		if err := json.Unmarshal(append(append([]byte{'['}, r.Room...), ']'), &r.Rooms); err != nil {
			return fmt.Errorf("room: %w", err)
		}
	}
	m, err := r.message()
	if err != nil {
		return err
	}
	return c.a.receive(m)
}

func (c *classic) answer(asker string, r response) error {
	payload, err := json.Marshal(r)
	if err == nil {
		c.send(asker, payload)
	}
	return err
}

func (c *classic) respond(asker string, m clusterMessage) error {
	payload, err := encodeResponse(m)
	if err == nil {
		c.send(asker, payload)
	}
	return err
}

func (c *classic) send(asker string, payload []byte) {
	channel := c.channels.response
	if c.own && asker != "" {
		channel += asker + "#"
	}
	c.a.redis.outbox.push(publication{channel: channel, payload: payload, done: func(string, error) {}})
}

// onResponse takes an answer.
func (c *classic) onResponse(_ string, payload []byte) error {
	m, err := readResponse(payload, c.a.raw)
	if err != nil {
		return fmt.Errorf("response: %w", err)
	}
	return c.a.receive(m)
}
