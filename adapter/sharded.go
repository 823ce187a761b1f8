package adapter

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf16"

	"github.com/redis/go-redis/v9"
	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// SubscriptionMode says for which rooms a node with the sharded adapter has a channel of their own. A
// node hears of a room with one only what it has members for, and everything else on one channel for
// all. It must be the same on all servers of a cluster.
type SubscriptionMode string

// The modes, with the names that they have in Node.js.
const (
	// Dynamic is for the rooms that are not a socket's own. It is the default. A socket whose id has
	// not the 20 characters that it has in Node.js counts as any room, since Node.js servers take its id
	// for one; the ids of the library have 24.
	Dynamic SubscriptionMode = "dynamic"
	// DynamicPrivate is for all rooms: what is for one socket reaches one node, at the price of a
	// subscription for each socket.
	DynamicPrivate SubscriptionMode = "dynamic-private"
	// Static has no such channels: every node hears everything.
	Static SubscriptionMode = "static"
)

// maxJoinWait bounds how long a join waits for Redis to confirm that this node hears the room.
const maxJoinWait = 500 * time.Millisecond

// ShardedOptions configures NewSharded. The zero value is useful.
type ShardedOptions struct {
	// ClusterOptions are those of every adapter; the prefix is the "channelPrefix" of the Node.js adapter. With a
	// Redis Cluster TotalOrder is an order of messages for the same rooms alone.
	ClusterOptions
	// Mode of the subscriptions; default Dynamic.
	Mode SubscriptionMode
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
		opts.Mode = Dynamic
	case Dynamic, DynamicPrivate, Static:
	default:
		return nil, fmt.Errorf("adapter: ShardedOptions.Mode: %q is none of %s, %s, %s", opts.Mode, Dynamic, DynamicPrivate, Static)
	}
	r := newRedis(client, opts.ClusterOptions)
	heard := newShards(client, r.log, &r.stats, &r.opts, false)
	heard.changed, heard.lost = r.outbox.refresh, r.lost
	r.listener = heard
	r.outbox.command = "spublish"
	r.carry = func(a *clusterAdapter) (string, carrier) { return newSharded(a, heard, opts.Mode) }
	r.start()
	return r, nil
}

// sharded carries the messages of a namespace on shard channels.
type sharded struct {
	a       *clusterAdapter
	heard   *shards
	mode    SubscriptionMode
	channel string // for all servers; this + ROOM + "#" for those with the room, this + UID + "#" for one
	own     string // what is said to this server alone
	heads   [2][]byte
	closed  atomic.Bool
}

func newSharded(a *clusterAdapter, heard *shards, mode SubscriptionMode) (uid string, _ carrier) {
	uid = newFrameUID()
	channel := a.redis.opts.Prefix + "#" + a.nsp.Name() + "#"
	c := &sharded{a: a, heard: heard, mode: mode, channel: channel, own: channel + uid + "#"}
	c.heads[0] = []byte(`{"uid":"` + uid + `"`)
	c.heads[1] = msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(nil, 4), "uid"), uid)
	return uid, c
}

func (c *sharded) open() {
	for _, name := range []string{c.channel, c.own} {
		c.set(name, false, func() bool { return !c.closed.Load() })
	}
	// Every way out of a room ends here, that of a socket that disconnects as well.
	_ = c.a.On("delete-room", func(args ...any) {
		if room, ok := args[0].(socket.Room); ok && c.mode != Static {
			c.follow(room)
		}
	})
}

func (c *sharded) close() {
	c.closed.Store(true)
	c.heard.drop(c.a.redis.ctx, c)
}

func (c *sharded) set(channel string, passing bool, wanted func() bool) {
	c.heard.set(c.a.redis.ctx, route{name: channel, kind: onShard, handle: c.onMessage, passing: passing, owner: c}, wanted)
}

// joined returns when this node hears what is sent to rooms that its sockets have joined.
func (c *sharded) joined(rooms []socket.Room) {
	if c.mode == Static || c.closed.Load() {
		return
	}
	channels := make([]string, 0, len(rooms))
	for _, room := range rooms {
		if c.mode == DynamicPrivate || !looksLikeSocketID(room) || !c.a.index.isSocket(room) {
			c.follow(room)
			channels = append(channels, c.roomChannel(room))
		}
	}
	if len(channels) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(c.a.redis.ctx, maxJoinWait)
	defer cancel()
	c.heard.await(ctx, channels)
}

// follow subscribes to a room's channel when this node has members of it, else unsubscribes.
func (c *sharded) follow(room socket.Room) {
	if name := c.roomChannel(room); name != c.own { // which a client may have guessed
		c.set(name, true, func() bool { return !c.closed.Load() && c.a.index.has(room) })
	}
}

func (c *sharded) roomChannel(room socket.Room) string { return c.channel + string(room) + "#" }

func (c *sharded) serverCount(ctx context.Context) (int64, error) {
	return c.a.redis.countSubscribers(ctx, func(ctx context.Context, client redis.Cmdable) (int64, error) {
		numbers, err := client.PubSubShardNumSub(ctx, c.channel).Result()
		return numbers[c.channel], err
	})
}

func (c *sharded) publish(m clusterMessage, done func(offset string, err error)) error {
	return c.push(publication{channel: c.channelOf(&m), done: done}, &m)
}

func (c *sharded) respond(asker string, m clusterMessage) error {
	if asker == "" {
		return nil // an emitter does not listen
	}
	return c.push(publication{channel: c.channel + asker + "#", done: func(string, error) {}}, &m)
}

func (c *sharded) push(p publication, m *clusterMessage) (err error) {
	p.payload, err = appendFrame(nil, c.a.uid, c.a.nsp.Name(), m)
	if err == nil {
		c.a.redis.outbox.push(p)
	}
	return err
}

func (c *sharded) channelOf(m *clusterMessage) string { return c.mode.channelOf(c.channel, m) }

// channelOf returns where a message is published; all is the channel for all servers. Broadcasts with
// acknowledgement go to all servers, since all are expected to answer.
func (mode SubscriptionMode) channelOf(all string, m *clusterMessage) string {
	if m.kind != kindBroadcast || m.requestID != "" || len(m.opts.rooms) != 1 {
		return all
	}
	room := m.opts.rooms[0]
	if mode == DynamicPrivate || mode == Dynamic && !looksLikeSocketID(room) {
		return all + string(room) + "#"
	}
	return all
}

// looksLikeSocketID is how Node.js knows the rooms of single sockets, which may be on another server:
// by the length in UTF-16.
func looksLikeSocketID(room socket.Room) bool {
	const idLength = 20
	if len(room) < idLength || len(room) > 3*idLength {
		return false
	}
	n := 0
	for _, r := range string(room) {
		n += utf16.RuneLen(r)
	}
	return n == idLength
}

// onMessage takes what another server says. What concerns nobody here is dropped as early as can be.
func (c *sharded) onMessage(channel string, payload []byte) error {
	if channel != c.own && channel != c.channel {
		room := socket.Room(strings.TrimSuffix(channel[len(c.channel):], "#"))
		if !c.a.wants(room) {
			return nil
		}
	}
	for _, head := range c.heads {
		if !c.a.redis.opts.TotalOrder && bytes.HasPrefix(payload, head) {
			return nil // done when it was sent
		}
	}
	f, err := readFrame(payload)
	if err != nil {
		return err
	}
	return c.a.receiveFrame(&f, "")
}
