package adapter

import (
	"context"
	"fmt"

	"chorus/adapter/wire"

	"github.com/redis/go-redis/v9"
)

// classic carries the messages of a namespace as @socket.io/redis-adapter 8 does with createAdapter:
// PUBLISH and SUBSCRIBE, a channel for each room, one for requests and one for responses.
type classic struct {
	ns       Namespace
	redis    *Redis
	heard    *subscriber
	channels wire.Channels
	own      bool // RedisOptions.OwnResponseChannel
}

func (r *Redis) openClassic(ns Namespace, heard *subscriber, own bool) *classic {
	c := &classic{ns, r, heard, wire.NewChannels(r.opts.Prefix, ns.Name(), ns.Server()), own}
	heard.add(r.ctx, c.routes())
	return c
}

// Close implements Link.
func (c *classic) Close() { c.heard.remove(c.redis.ctx, c.routes()) }

// Follow implements Link: this server hears every room.
func (c *classic) Follow([]Room) {}

func (c *classic) routes() []route {
	return []route{
		{name: c.channels.Pattern, kind: onPattern, handle: c.onBroadcast, foreign: c.foreign},
		{name: c.channels.Request, handle: c.onRequest},
		{name: c.channels.Response, handle: c.onResponse},
		{name: c.channels.OwnResponse, handle: c.onResponse},
	}
}

// Servers implements Link.
func (c *classic) Servers(ctx context.Context) (int, error) {
	return c.redis.countSubscribers(ctx, func(ctx context.Context, client redis.Cmdable) (int64, error) {
		numbers, err := client.PubSubNumSub(ctx, c.channels.Request).Result()
		return numbers[c.channels.Request], err
	})
}

// Publish implements Link.
func (c *classic) Publish(m *wire.Message, done func(offset string, err error)) (err error) {
	p := publication{channel: c.channels.Request, done: done}
	if m.Kind == wire.Broadcast && m.RequestID == "" {
		p.channel = c.channels.BroadcastTo(m.Opts.Rooms)
		p.payload, err = wire.EncodeBroadcast(c.ns.Server(), m.Packet, c.ns.Name(), m.Opts)
	} else {
		p.payload, err = wire.EncodeRequest(c.ns.Server(), c.ns.Name(), m)
	}
	if err == nil {
		c.redis.outbox.push(p)
	}
	return err
}

// foreign reports whether nobody here is in the room of a channel.
func (c *classic) foreign(channel string) bool {
	room := c.channels.RoomOf(channel)
	return room != "" && !c.ns.Wants(room)
}

// onBroadcast takes a broadcast.
func (c *classic) onBroadcast(channel string, payload []byte) error {
	if c.foreign(channel) {
		return nil
	}
	m, err := wire.ReadBroadcast(payload)
	if err != nil {
		return err
	}
	return c.ns.Receive(m)
}

// onRequest takes a request of a server or an emitter.
func (c *classic) onRequest(_ string, payload []byte) error {
	m, err := wire.ReadRequest(payload)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return c.ns.Receive(m)
}

// onResponse takes an answer.
func (c *classic) onResponse(_ string, payload []byte) error {
	m, err := wire.ReadResponse(payload)
	if err != nil {
		return fmt.Errorf("response: %w", err)
	}
	return c.ns.Receive(m)
}

// Reply implements Link.
func (c *classic) Reply(asker string, m *wire.Message) error {
	payload, err := wire.EncodeResponse(m)
	if err != nil {
		return err
	}
	channel := c.channels.Response
	if c.own && asker != "" {
		channel += asker + "#"
	}
	c.redis.outbox.push(publication{channel: channel, payload: payload, done: func(string, error) {}})
	return nil
}
