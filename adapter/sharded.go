package adapter

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"chorus/adapter/wire"

	"github.com/redis/go-redis/v9"
)

// maxJoinWait bounds how long a join waits for Redis to confirm that this node hears the room.
const maxJoinWait = 500 * time.Millisecond

// ShardedOptions configures NewSharded. The zero value is useful.
type ShardedOptions struct {
	// ClusterOptions are those of every adapter; the prefix is the "channelPrefix" of the Node.js adapter. With a
	// Redis Cluster TotalOrder is an order of messages for the same rooms alone.
	ClusterOptions
	// Mode of the subscriptions; default Dynamic.
	Mode wire.SubscriptionMode
}

// NewSharded is NewRedis with the sharded pub/sub of Redis 7 (SPUBLISH, SSUBSCRIBE), byte-compatible
// with createShardedAdapter of the Node.js package: messages go to the nodes that need them, and with
// a Redis Cluster to one of its masters each instead of all. All servers of a cluster must use it.
//
// With the dynamic modes a join of a room's first member on this node returns when Redis has
// confirmed that this node hears the room, or after half a second: what others send after a client
// was told that it has joined reaches it. (Node.js does not wait: what is sent right after a join may
// miss the client.) With a Redis Cluster there is no order between messages for different rooms.
//
// It fails when the mode is none. A *redis.Ring is not supported.
func NewSharded(client redis.UniversalClient, opts ShardedOptions) (*Redis, error) {
	switch opts.Mode {
	case "":
		opts.Mode = wire.Dynamic
	case wire.Dynamic, wire.DynamicPrivate, wire.Static:
	default:
		return nil, fmt.Errorf("adapter: ShardedOptions.Mode: %q is none of %s, %s, %s", opts.Mode, wire.Dynamic, wire.DynamicPrivate, wire.Static)
	}
	r := newRedis(client, opts.ClusterOptions)
	heard := newShards(client, r.log, &r.stats, &r.opts, false)
	heard.changed, heard.lost = r.outbox.refresh, r.lost
	r.listener = heard
	r.outbox.command = "spublish"
	r.open = func(ns Namespace) Link { return r.openSharded(ns, heard, opts.Mode) }
	r.start()
	return r, nil
}

// sharded carries the messages of a namespace on shard channels.
type sharded struct {
	ns      Namespace
	redis   *Redis
	heard   *shards
	mode    wire.SubscriptionMode
	channel string // for all servers; this + ROOM + "#" for those with the room, this + UID + "#" for one
	own     string // for this server alone
	closed  atomic.Bool
}

func (r *Redis) openSharded(ns Namespace, heard *shards, mode wire.SubscriptionMode) *sharded {
	channel := r.opts.Prefix + "#" + ns.Name() + "#"
	c := &sharded{ns: ns, redis: r, heard: heard, mode: mode, channel: channel, own: channel + ns.Server() + "#"}
	for _, name := range []string{c.channel, c.own} {
		c.set(name, false, func() bool { return !c.closed.Load() })
	}
	return c
}

// Close implements Link.
func (c *sharded) Close() {
	c.closed.Store(true)
	c.heard.drop(c.redis.ctx, c)
}

func (c *sharded) set(channel string, passing bool, wanted func() bool) {
	c.heard.set(c.redis.ctx, route{name: channel, kind: onShard, handle: c.onMessage, passing: passing, owner: c}, wanted)
}

// Follow implements Link: it subscribes to the channels of rooms that have members on this server, and
// unsubscribes from the others.
func (c *sharded) Follow(rooms []Room) {
	if c.mode == wire.Static || c.closed.Load() {
		return
	}
	channels := make([]string, 0, len(rooms))
	for _, room := range rooms {
		name := c.channel + string(room) + "#"
		if !c.mode.HasChannel(room) || name == c.own { // a client may have guessed that
			continue
		}
		c.set(name, true, func() bool { return !c.closed.Load() && c.ns.Has(room) })
		channels = append(channels, name)
	}
	if len(channels) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(c.redis.ctx, maxJoinWait)
	defer cancel()
	c.heard.await(ctx, channels)
}

// Servers implements Link.
func (c *sharded) Servers(ctx context.Context) (int, error) {
	return c.redis.countSubscribers(ctx, func(ctx context.Context, client redis.Cmdable) (int64, error) {
		numbers, err := client.PubSubShardNumSub(ctx, c.channel).Result()
		return numbers[c.channel], err
	})
}

// Publish implements Link.
func (c *sharded) Publish(m *wire.Message, done func(offset string, err error)) error {
	return c.push(publication{channel: c.mode.ChannelOf(c.channel, m), done: done}, m)
}

// Reply implements Link.
func (c *sharded) Reply(asker string, m *wire.Message) error {
	if asker == "" {
		return nil // an emitter does not listen
	}
	return c.push(publication{channel: c.channel + asker + "#", done: func(string, error) {}}, m)
}

func (c *sharded) push(p publication, m *wire.Message) (err error) {
	p.payload, err = wire.AppendFrame(nil, c.ns.Server(), c.ns.Name(), m)
	if err == nil {
		c.redis.outbox.push(p)
	}
	return err
}

// onMessage takes a message. One to a room that nobody here is in is dropped before it is decoded.
func (c *sharded) onMessage(channel string, payload []byte) error {
	if channel != c.own && channel != c.channel {
		if room := Room(strings.TrimSuffix(channel[len(c.channel):], "#")); !c.ns.Wants(room) {
			return nil
		}
	}
	m, err := wire.ReadFrame(payload)
	if err != nil {
		return err
	}
	return c.ns.Receive(m)
}
