package adapter

import (
	"context"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Defaults of StreamsOptions.
const (
	DefaultStreamMaxLen = 10_000
	DefaultReadCount    = 100
	DefaultBlock        = 5 * time.Second
)

// SessionPrefix returns the beginning of the keys of sessions by default: "sio:session:" as in Node.js, and with a
// prefix other than DefaultPrefix that one, ":" and "sio:session:".
func SessionPrefix(prefix string) string {
	const name = "sio:session:"
	if prefix == DefaultPrefix {
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
	// Block is how long a read waits for the next entry; default 5 s.
	Block time.Duration
	// Recovery, unless it is nil, gives clients that return their sessions back, on any node of the
	// cluster and also when the node that had them was killed. The order is total then.
	Recovery *RecoveryOptions
	// SessionPrefix of the keys of sessions; default what the function SessionPrefix returns.
	SessionPrefix string
}

func (o StreamsOptions) withDefaults() StreamsOptions {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.StreamName == "" {
		o.StreamName = o.Prefix
	}
	if o.StreamCount <= 0 {
		o.StreamCount = 1
	}
	if o.MaxLen <= 0 {
		o.MaxLen = DefaultStreamMaxLen
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
	r.outbox.maxStreamLen, r.outbox.regather = int64(opts.MaxLen), 0
	if opts.ShardedPubSub {
		r.outbox.command = "spublish"
	}
	r.listener = heard
	if opts.Recovery != nil {
		r.sessions = newRedisSessions(r, opts.SessionPrefix, *opts.Recovery)
	}
	r.carry = func(a *clusterAdapter) (string, carrier) { return newStreams(a, heard, opts) }
	r.start()
	return r
}

// streams carries the messages of a namespace in a stream, and what is of the moment on channels.
type streams struct {
	a       *clusterAdapter
	heard   *streamReaders
	stream  string
	channel string // for all servers; this + UID + "#" for one
	kind    routeKind
}

func newStreams(a *clusterAdapter, heard *streamReaders, opts StreamsOptions) (uid string, _ carrier) {
	uid = newFrameUID()
	c := &streams{
		a: a, heard: heard,
		stream:  streamOf(a.nsp.Name(), opts),
		channel: a.redis.opts.Prefix + "#" + a.nsp.Name() + "#",
	}
	if opts.ShardedPubSub {
		c.kind = onShard
	}
	if opts.Recovery != nil {
		a.recovery = c.newRecovery(uid, *opts.Recovery)
	}
	return uid, c
}

func (c *streams) newRecovery(uid string, opts RecoveryOptions) *recovery {
	r := newRecovery(c.a.local, opts, c.a.redis.log)
	r.holder, r.raw = uid, c.a.raw
	r.history = c.heard.reader(c.stream).history
	r.far = &streamHistory{client: c.a.redis.client, stream: c.stream, turns: make(chan struct{}, maxFetches)}
	r.store = c.a.redis.sessions
	r.evict = func(holder string, eviction socket.Room) {
		_ = c.respond(holder, clusterMessage{kind: kindDisconnect, close: true, opts: wireOptions{rooms: []socket.Room{eviction}}}) // it can be encoded
	}
	c.a.redis.sessions.add(r)
	return r
}

// streamOf returns the key of the stream of a namespace.
func streamOf(nsp string, opts StreamsOptions) string {
	if opts.StreamCount == 1 {
		return opts.StreamName
	}
	var hash int32 // with the overflow that it has in Node.js
	for _, unit := range utf16.Encode([]rune(nsp)) {
		hash = hash*31 + int32(unit)
	}
	return opts.StreamName + "-" + strconv.FormatInt(int64(hash)%int64(opts.StreamCount), 10)
}

func (c *streams) open() {
	c.heard.add(c.stream, c)
	c.heard.channels.add(c.a.redis.ctx, c.routes())
}

func (c *streams) close() {
	c.heard.channels.remove(c.a.redis.ctx, c.routes())
	c.heard.remove(c.stream, c)
}

func (c *streams) routes() []route {
	return []route{
		{name: c.channel, kind: c.kind, handle: c.onMessage},
		{name: c.channel + c.a.uid + "#", kind: c.kind, handle: c.onMessage},
	}
}

func (c *streams) serverCount(ctx context.Context) (int64, error) {
	return c.a.redis.countSubscribers(ctx, func(ctx context.Context, client redis.Cmdable) (int64, error) {
		count := client.PubSubNumSub
		if c.kind == onShard {
			count = client.PubSubShardNumSub
		}
		numbers, err := count(ctx, c.channel).Result()
		return numbers[c.channel], err
	})
}

func (c *streams) publish(m clusterMessage, done func(offset string, err error)) error {
	if m.ofTheMoment() {
		return c.say(c.channel, &m, done)
	}
	entry, err := newStreamEntry(c.a.uid, c.a.nsp.Name(), &m)
	if err != nil {
		return err
	}
	c.a.redis.outbox.push(publication{channel: c.stream, entry: &entry, done: done})
	return nil
}

// ofTheMoment tells whether a message is not kept: who asks does not wait for long.
func (m *clusterMessage) ofTheMoment() bool {
	return m.kind == kindBroadcast && m.requestID != "" || m.kind == kindEvent || m.kind == kindFetch
}

func (c *streams) respond(asker string, m clusterMessage) error {
	if asker == "" {
		return nil // an emitter does not listen
	}
	return c.say(c.channel+asker+"#", &m, func(string, error) {})
}

func (c *streams) say(channel string, m *clusterMessage, done func(offset string, err error)) error {
	payload, err := appendPackedFrame(nil, c.a.uid, c.a.nsp.Name(), m)
	if err == nil {
		c.a.redis.outbox.push(publication{channel: channel, payload: payload, done: done})
	}
	return err
}

// onMessage takes what another server says for the moment.
func (c *streams) onMessage(_ string, payload []byte) error {
	f, err := readFrame(payload)
	if err != nil {
		return err
	}
	return c.a.receiveFrame(&f, "")
}

// onEntry takes what another server has put into the stream, or what this one has.
func (c *streams) onEntry(e *streamEntry) error {
	if e.uid == c.a.uid && !c.a.redis.opts.TotalOrder {
		return nil // done when it was sent
	}
	f, err := e.frame()
	if err != nil {
		return fmt.Errorf("entry %s: %w", e.id, err)
	}
	return c.a.receiveFrame(&f, e.id.String())
}
