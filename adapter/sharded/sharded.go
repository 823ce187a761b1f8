// Package sharded connects the servers of a cluster over the sharded pub/sub of Redis 7 (SPUBLISH, SSUBSCRIBE),
// byte-compatible with createShardedAdapter of the Node.js package @socket.io/redis-adapter 8: messages go to the servers
// that need them, and with a Redis Cluster to one of its masters each instead of all. All servers of a cluster must use
// it.
//
// With the dynamic modes a join of a room's first member on this server returns when Redis has
// confirmed that this server listens to the room, or after half a second: what others send after a client
// was told that it has joined reaches it. (Node.js does not wait: what is sent right after a join may
// miss the client.) With a Redis Cluster there is no order between messages for different rooms.
package sharded

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"chorus/adapter"
	"chorus/adapter/redis"
	"chorus/adapter/wire"
	"chorus/internal/acl"

	goredis "github.com/redis/go-redis/v9"
)

// maxJoinWait bounds how long a join waits for Redis to confirm that this server listens to the room.
const maxJoinWait = 500 * time.Millisecond

// Options configures New. The zero value is useful.
type Options struct {
	// Options are those of every transport over Redis; the prefix is the "channelPrefix" of the Node.js adapter. With a
	// Redis Cluster a total order is one of messages for the same rooms alone.
	redis.Options
	// Mode of the subscriptions; default Dynamic.
	Mode wire.SubscriptionMode
}

// Transport connects one server. It is safe for concurrent use.
type Transport struct {
	*redis.Hub
	channels *redis.Shards
	mode     wire.SubscriptionMode
}

var (
	_ adapter.Transport = (*Transport)(nil)
	_ adapter.Link      = (*link)(nil)
)

// New returns a transport, which starts to connect at once; Close ends it. The client stays the caller's to close, after
// the transport. It fails when the mode is none. A *redis.Ring is not supported.
func New(client goredis.UniversalClient, opts Options) (*Transport, error) {
	switch opts.Mode {
	case "":
		opts.Mode = wire.Dynamic
	case wire.Dynamic, wire.DynamicPrivate, wire.Static:
	default:
		return nil, fmt.Errorf("adapter/sharded: Options.Mode: %q is none of %s, %s, %s", opts.Mode, wire.Dynamic, wire.DynamicPrivate, wire.Static)
	}
	t := &Transport{mode: opts.Mode}
	t.Hub = redis.NewHub(client, opts.Options, redis.Publishing{Command: "spublish"})
	t.channels = redis.NewShards(t.Hub, false)
	t.Start(t.channels)
	return t, nil
}

// Needs implements adapter.Transport.
func (t *Transport) Needs() []acl.Command { return Needs(t.Prefix()) }

// Needs returns what a transport with a prefix needs on Redis.
func Needs(prefix string) []acl.Command {
	return append(acl.Sharded(acl.Literal(prefix)+"#*", prefix+"#/#"), redis.Needs(prefix)...)
}

// link carries the messages of a namespace on shard channels.
type link struct {
	ns        adapter.Namespace
	transport *Transport
	channel   string // for all servers; this + ROOM + "#" for those with the room, this + UID + "#" for one
	own       string // for this server alone
	closed    atomic.Bool
}

// Open implements adapter.Transport.
func (t *Transport) Open(ns adapter.Namespace) (adapter.Link, error) {
	channel := t.Prefix() + "#" + ns.Name() + "#"
	l := &link{ns: ns, transport: t, channel: channel, own: channel + ns.Server() + "#"}
	for _, name := range []string{l.channel, l.own} {
		l.set(name, false, func() bool { return !l.closed.Load() })
	}
	return l, nil
}

// Close implements adapter.Link.
func (l *link) Close() {
	l.closed.Store(true)
	l.transport.channels.Drop(l)
}

func (l *link) set(channel string, passing bool, wanted func() bool) {
	l.transport.channels.Set(redis.Route{Name: channel, Kind: redis.OnShard, Handle: l.onMessage, Passing: passing, Owner: l}, wanted)
}

// Follow implements adapter.Link: it subscribes to the channels of rooms that have members on this server, and
// unsubscribes from the others.
func (l *link) Follow(rooms []adapter.Room) {
	if l.transport.mode == wire.Static || l.closed.Load() {
		return
	}
	channels := make([]string, 0, len(rooms))
	for _, room := range rooms {
		name := l.channel + string(room) + "#"
		if !l.transport.mode.HasChannel(room) || name == l.own { // a client may have guessed it
			continue
		}
		l.set(name, true, func() bool { return !l.closed.Load() && l.ns.Has(room) })
		channels = append(channels, name)
	}
	if len(channels) == 0 {
		return
	}
	l.transport.channels.Await(channels, maxJoinWait)
}

// Servers implements adapter.Link.
func (l *link) Servers(ctx context.Context) (int, error) {
	return l.transport.Subscribers(ctx, l.channel, redis.OnShard)
}

// Publish implements adapter.Link.
func (l *link) Publish(m *wire.Message, done func(offset string, err error)) error {
	return l.push(redis.Publication{Channel: l.transport.mode.ChannelOf(l.channel, m), Done: done}, m)
}

// Reply implements adapter.Link.
func (l *link) Reply(asker string, m *wire.Message) error {
	if asker == "" {
		return nil // an emitter does not listen
	}
	return l.push(redis.Publication{Channel: l.channel + asker + "#", Done: func(string, error) {}}, m)
}

func (l *link) push(p redis.Publication, m *wire.Message) (err error) {
	p.Payload, err = wire.AppendFrame(nil, l.ns.Server(), l.ns.Name(), m)
	if err == nil {
		l.transport.Publish(p)
	}
	return err
}

// onMessage takes a message. One to a room without a member here is dropped before it is decoded.
func (l *link) onMessage(channel string, payload []byte) error {
	if channel != l.own && channel != l.channel {
		if room := adapter.Room(strings.TrimSuffix(channel[len(l.channel):], "#")); !l.ns.Wants(room) {
			return nil
		}
	}
	m, err := wire.ReadFrame(payload)
	if err != nil {
		return err
	}
	return l.ns.Receive(m)
}
