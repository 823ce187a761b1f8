package adapter

import (
	"context"
	"fmt"
	"time"

	"chorus/adapter/wire"

	"github.com/redis/go-redis/v9"
)

// Defaults of StreamsOptions.
const (
	DefaultReadCount = 100
	DefaultBlock     = time.Second
)

// SessionPrefix returns the beginning of the keys of sessions by default: "sio:session:" as in Node.js, and with a
// prefix other than DefaultPrefix that one, ":" and "sio:session:".
func SessionPrefix(prefix string) string {
	const name = "sio:session:"
	if prefix == wire.DefaultPrefix {
		return name
	}
	return prefix + ":" + name
}

// StreamsOptions configures NewStreams. The zero value is useful. Name, count and prefix must be the
// same on all servers of a cluster.
type StreamsOptions struct {
	// ClusterOptions are those of every adapter. The prefix is that of the channels for what is not kept, the
	// "channelPrefix" of the Node.js adapter. TotalOrder is the order of the stream: see NewStreams for what is
	// not in the stream, which also counts for none of the bounds.
	ClusterOptions
	// StreamName is the key of the stream; default the prefix, which is "socket.io" as in Node.js.
	StreamName string
	// StreamCount spreads the namespaces over as many streams, whose keys are the name and "-0", "-1",
	// ...; default 1, with a key that is the name alone.
	StreamCount int
	// MaxLen is how many entries a stream keeps, about: Redis trims it by whole blocks; default 10,000.
	// A node that lost Redis misses what was trimmed meanwhile.
	MaxLen int
	// ShardedPubSub has what is not kept on the sharded pub/sub of Redis 7, which spreads it over the masters of a
	// Redis Cluster; default false. The Node.js name is useShardedPubSub. All servers of a cluster have the same.
	ShardedPubSub bool
	// ReadCount is how many entries one read takes, at most MaxLen; default 100.
	ReadCount int
	// Block is how long a read waits for the next entry; default 1 s. A connection that is silent for two seconds
	// longer is given up.
	Block time.Duration
	// Recovery, unless it is nil, gives clients that return their sessions back, on any node of the
	// cluster and also when the node that had them was killed. The order is total then.
	Recovery *RecoveryOptions
	// SessionPrefix of the keys of sessions; default what the function SessionPrefix returns.
	SessionPrefix string
}

func (o StreamsOptions) withDefaults() StreamsOptions {
	if o.Prefix == "" {
		o.Prefix = wire.DefaultPrefix
	}
	if o.StreamName == "" {
		o.StreamName = o.Prefix
	}
	if o.StreamCount <= 0 {
		o.StreamCount = 1
	}
	if o.MaxLen <= 0 {
		o.MaxLen = wire.DefaultStreamMaxLen
	}
	if o.ReadCount <= 0 {
		o.ReadCount = DefaultReadCount
	}
	o.ReadCount = min(o.ReadCount, o.MaxLen) // who is too far behind reads as many
	if o.Block <= 0 {
		o.Block = DefaultBlock
	}
	if o.SessionPrefix == "" {
		o.SessionPrefix = SessionPrefix(o.Prefix)
	}
	if o.Recovery != nil {
		recovery := o.Recovery.withDefaults()
		o.Recovery, o.TotalOrder = &recovery, true
	}
	return o
}

// history is what each stream's reader remembers.
func (o StreamsOptions) history() historyLimits {
	if o.Recovery == nil {
		return historyLimits{}
	}
	return historyLimits{messages: o.Recovery.History, bytes: o.Recovery.HistoryBytes, age: o.Recovery.MaxDisconnection + recoveryTimeout}
}

// NewStreams is NewRedis with streams, byte-compatible with @socket.io/redis-streams-adapter 0.3: a
// node that lost Redis for a while delivers what it missed, in order and once, as far as the stream
// still has it. What it does not have any more is counted and logged.
//
// Broadcasts without acknowledgement, and what sockets are to join, leave or be disconnected for, are
// kept in the stream. Broadcasts with acknowledgement, server-side events, FetchSockets and all answers
// are of the moment: they go by pub/sub, a node without Redis misses them, and they have no order with
// what is in the stream.
//
// With several streams on a Redis Cluster there is no order between namespaces. A *redis.Ring is not
// supported. Some namespaces have a negative number in the key of their stream, as in Node.js, whose
// servers write there and do not read it (a fault of theirs with StreamCount above 1).
func NewStreams(client redis.UniversalClient, opts StreamsOptions) *Redis {
	opts = opts.withDefaults()
	r := newRedis(client, opts.ClusterOptions)
	heard := newStreamReaders(r, opts)
	r.outbox.maxStreamLen, r.outbox.regather = opts.MaxLen, 0
	if opts.ShardedPubSub {
		r.outbox.command = "spublish"
	}
	r.listener = heard
	if opts.Recovery != nil {
		r.sessions = newRedisSessions(r, opts.SessionPrefix, *opts.Recovery)
		r.kept = func(nsp string) (*history, farHistory) {
			stream := wire.StreamOf(nsp, opts.StreamName, opts.StreamCount)
			return heard.reader(stream).history, &streamHistory{client: client, stream: stream, turns: make(chan struct{}, maxFetches)}
		}
		r.recoveryOptions = *opts.Recovery
	}
	r.open = func(ns Namespace) Link { return r.openStreams(ns, heard, opts) }
	r.start()
	return r
}

// streams carries the messages of a namespace in a stream, and what is of the moment on channels.
type streams struct {
	ns      Namespace
	redis   *Redis
	heard   *streamReaders
	stream  string
	channel string // for all servers; this + UID + "#" for one
	kind    routeKind
}

func (r *Redis) openStreams(ns Namespace, heard *streamReaders, opts StreamsOptions) *streams {
	c := &streams{
		ns: ns, redis: r, heard: heard,
		stream:  wire.StreamOf(ns.Name(), opts.StreamName, opts.StreamCount),
		channel: r.opts.Prefix + "#" + ns.Name() + "#",
	}
	if opts.ShardedPubSub {
		c.kind = onShard
	}
	heard.add(c.stream, c)
	heard.channels.add(r.ctx, c.routes())
	return c
}

// Close implements Link.
func (c *streams) Close() {
	c.heard.channels.remove(c.redis.ctx, c.routes())
	c.heard.remove(c.stream, c)
}

// Follow implements Link: this server hears every room.
func (c *streams) Follow([]Room) {}

func (c *streams) routes() []route {
	return []route{
		{name: c.channel, kind: c.kind, handle: c.onMessage},
		{name: c.channel + c.ns.Server() + "#", kind: c.kind, handle: c.onMessage},
	}
}

// Servers implements Link.
func (c *streams) Servers(ctx context.Context) (int, error) {
	return c.redis.countSubscribers(ctx, func(ctx context.Context, client redis.Cmdable) (int64, error) {
		count := client.PubSubNumSub
		if c.kind == onShard {
			count = client.PubSubShardNumSub
		}
		numbers, err := count(ctx, c.channel).Result()
		return numbers[c.channel], err
	})
}

// Publish implements Link.
func (c *streams) Publish(m *wire.Message, done func(offset string, err error)) error {
	if m.IsRequest() {
		return c.send(c.channel, m, done)
	}
	entry, err := wire.NewEntry(c.ns.Server(), c.ns.Name(), m)
	if err != nil {
		return err
	}
	c.redis.outbox.push(publication{channel: c.stream, entry: &entry, done: done})
	return nil
}

// Reply implements Link.
func (c *streams) Reply(asker string, m *wire.Message) error {
	if asker == "" {
		return nil // an emitter does not listen
	}
	return c.send(c.channel+asker+"#", m, func(string, error) {})
}

func (c *streams) send(channel string, m *wire.Message, done func(offset string, err error)) error {
	payload, err := wire.AppendPackedFrame(nil, c.ns.Server(), c.ns.Name(), m)
	if err == nil {
		c.redis.outbox.push(publication{channel: channel, payload: payload, done: done})
	}
	return err
}

// onMessage takes a message that is not kept.
func (c *streams) onMessage(_ string, payload []byte) error {
	m, err := wire.ReadFrame(payload)
	if err != nil {
		return err
	}
	return c.ns.Receive(m)
}

// onEntry takes an entry of the stream.
func (c *streams) onEntry(e *wire.Entry) error {
	m, err := e.Message()
	if err == nil {
		err = c.ns.Receive(m)
	}
	if err != nil {
		return fmt.Errorf("entry %s: %w", e.ID, err)
	}
	return nil
}
