// Package streams connects the servers of a cluster over streams of Redis, byte-compatible with
// @socket.io/redis-streams-adapter 0.3: a server that lost Redis for a while delivers what it missed, in order and once, as
// far as the stream still has it. What it does not have any more is counted and logged.
//
// Broadcasts without acknowledgement, and what sockets are to join, leave or be disconnected for, are
// kept in the stream. Broadcasts with acknowledgement, server-side events, FetchSockets and all answers
// are of the moment: they go by pub/sub, a server without Redis misses them, and they have no order with
// what is in the stream.
//
// With several streams on a Redis Cluster there is no order between namespaces. A *redis.Ring is not
// supported. Some namespaces have a negative number in the key of their stream, as in Node.js, whose
// servers write there and do not read it (a fault of theirs with StreamCount above 1).
package streams

import (
	"context"
	"fmt"
	"time"

	"chorus/adapter"
	"chorus/adapter/history"
	"chorus/adapter/redis"
	"chorus/adapter/session"
	"chorus/adapter/wire"

	goredis "github.com/redis/go-redis/v9"
)

// Defaults of Options.
const (
	DefaultReadCount = 100
	DefaultBlock     = time.Second
)

// Options configures New. The zero value is useful. Name, count and prefix must be the
// same on all servers of a cluster.
type Options struct {
	// Options are those of every transport over Redis. The prefix is that of the channels for what is not kept, the
	// "channelPrefix" of the Node.js adapter.
	redis.Options
	// StreamName is the key of the stream; default the prefix, which is "socket.io" as in Node.js.
	StreamName string
	// StreamCount spreads the namespaces over as many streams, whose keys are the name and "-0", "-1",
	// ...; default 1, with a key that is the name alone.
	StreamCount int
	// MaxLen is how many entries a stream keeps, about: Redis trims it by whole blocks; default 10,000.
	// A server that lost Redis misses what was trimmed meanwhile.
	MaxLen int
	// ShardedPubSub has what is not kept on the sharded pub/sub of Redis 7, which spreads it over the masters of a
	// Redis Cluster; default false. The Node.js name is useShardedPubSub. All servers of a cluster have the same.
	ShardedPubSub bool
	// ReadCount is how many entries one read takes, at most MaxLen; default 100.
	ReadCount int
	// Block is how long a read waits for the next entry; default 1 s. A connection that is silent for two seconds
	// longer is given up.
	Block time.Duration
}

func (o Options) withDefaults() Options {
	o.Options = o.WithDefaults()
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
	o.ReadCount = min(o.ReadCount, o.MaxLen) // a server that is too far behind reads as many
	if o.Block <= 0 {
		o.Block = DefaultBlock
	}
	return o
}

// Transport connects one server: it listens to the channels of what is of the moment, and to each stream
// with a reader of its own. It is safe for concurrent use.
type Transport struct {
	*redis.Hub
	opts     Options
	channels channels
	kind     redis.Kind // of the channels
	readers  readers
}

// channels listens to channels, on shards or not.
type channels interface {
	redis.Listener
	Add(...redis.Route)
	Remove(...redis.Route)
}

var (
	_ adapter.Transport = (*Transport)(nil)
	_ adapter.Link      = (*link)(nil)
	_ session.Source    = (*Transport)(nil)
)

// New returns a transport, which starts to connect at once; Close ends it. The client stays the caller's to close, after
// the transport.
func New(client goredis.UniversalClient, opts Options) *Transport {
	t := &Transport{opts: opts.withDefaults()}
	how := redis.Publishing{MaxStreamLen: t.opts.MaxLen, Kept: true, Refused: t.refused}
	if opts.ShardedPubSub {
		how.Command, t.kind = "spublish", redis.OnShard
	}
	t.Hub = redis.NewHub(client, t.opts.Options, how)
	if opts.ShardedPubSub {
		t.channels = redis.NewShards(t.Hub, true)
	} else {
		t.channels = redis.NewSubscriber(t.Hub, true)
	}
	t.Start(listener{t})
	return t
}

// refused makes every reader prove again that Redis takes what it writes.
func (t *Transport) refused(err error) {
	for _, r := range t.readers.all() {
		r.probe.Refused(err)
	}
}

// listener is the transport as its hub sees it. The readers end with the same context.
type listener struct{ *Transport }

func (l listener) Run(ctx context.Context) { l.channels.Run(ctx) }

func (l listener) Health() error {
	if err := l.channels.Health(); err != nil {
		return err
	}
	for _, r := range l.readers.all() {
		if err := r.health(); err != nil {
			return fmt.Errorf("stream %s: %w", r.stream, err)
		}
	}
	return nil
}

func (t *Transport) streamOf(nsp string) string {
	return wire.StreamOf(nsp, t.opts.StreamName, t.opts.StreamCount)
}

// History implements session.Source.
func (t *Transport) History(nsp string, limits history.Limits) (*history.Log, history.Archive) {
	stream := t.streamOf(nsp)
	return t.reader(stream, limits).history, &archive{client: t.Client(), stream: stream, slots: make(chan struct{}, maxFetches)}
}

// OnReturn implements session.Source.
func (t *Transport) OnReturn(fn func()) { t.readers.onReturn(fn) }

// link carries the messages of one namespace.
type link struct {
	ns        adapter.Namespace
	transport *Transport
	stream    string
	channel   string // for all servers; this + UID + "#" for one
}

// Open implements adapter.Transport.
func (t *Transport) Open(ns adapter.Namespace) (adapter.Link, error) {
	l := &link{ns: ns, transport: t, stream: t.streamOf(ns.Name()), channel: t.Prefix() + "#" + ns.Name() + "#"}
	r := t.reader(l.stream, history.Limits{})
	r.add(l)
	r.once.Do(func() { t.Go(r.run) })
	t.channels.Add(l.routes()...)
	return l, nil
}

// Close implements adapter.Link.
func (l *link) Close() {
	l.transport.channels.Remove(l.routes()...)
	l.transport.readers.remove(l) // the reader goes on: the next namespace of its stream finds it at its place
}

// Follow implements adapter.Link: this server receives the messages of every room.
func (l *link) Follow([]adapter.Room) {}

func (l *link) routes() []redis.Route {
	return []redis.Route{
		{Name: l.channel, Kind: l.transport.kind, Handle: l.onMessage},
		{Name: l.channel + l.ns.Server() + "#", Kind: l.transport.kind, Handle: l.onMessage},
	}
}

// Servers implements adapter.Link.
func (l *link) Servers(ctx context.Context) (int, error) {
	return l.transport.Subscribers(ctx, l.channel, l.transport.kind)
}

// Publish implements adapter.Link.
func (l *link) Publish(m *wire.Message, done func(offset string, err error)) error {
	if m.IsRequest() {
		return l.send(l.channel, m, done)
	}
	entry, err := wire.NewEntry(l.ns.Server(), l.ns.Name(), m)
	if err != nil {
		return err
	}
	l.transport.Publish(redis.Publication{Channel: l.stream, Entry: &entry, Done: done})
	return nil
}

// Reply implements adapter.Link.
func (l *link) Reply(asker string, m *wire.Message) error {
	if asker == "" {
		return nil // an emitter does not listen
	}
	return l.send(l.channel+asker+"#", m, func(string, error) {})
}

func (l *link) send(channel string, m *wire.Message, done func(offset string, err error)) error {
	payload, err := wire.AppendPackedFrame(nil, l.ns.Server(), l.ns.Name(), m)
	if err == nil {
		l.transport.Publish(redis.Publication{Channel: channel, Payload: payload, Done: done})
	}
	return err
}

// onMessage takes a message that is not kept.
func (l *link) onMessage(_ string, payload []byte) error {
	m, err := wire.ReadFrame(payload)
	if err != nil {
		return err
	}
	return l.ns.Receive(m)
}

// onEntry takes an entry of the stream.
func (l *link) onEntry(e *wire.Entry) error {
	m, err := e.Message()
	if err == nil {
		err = l.ns.Receive(m)
	}
	if err != nil {
		return fmt.Errorf("entry %s: %w", e.ID, err)
	}
	return nil
}
