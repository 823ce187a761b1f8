// Package pubsub connects the servers of a cluster over PUBLISH and SUBSCRIBE, byte-compatible with createAdapter of the
// Node.js package @socket.io/redis-adapter 8: a channel for each room, one for requests and one for responses.
package pubsub

import (
	"context"
	"fmt"

	"chorus/adapter"
	"chorus/adapter/redis"
	"chorus/adapter/wire"
	"chorus/internal/acl"

	goredis "github.com/redis/go-redis/v9"
)

// Options configures New. The zero value is useful.
type Options struct {
	redis.Options
	// OwnResponseChannel answers the asking server alone instead of all. Every server of the
	// cluster must run @socket.io/redis-adapter 7 or later, or Chorus. The Node.js name is
	// publishOnSpecificResponseChannel.
	OwnResponseChannel bool
}

// Transport connects one server, whose namespaces share one subscribing connection and one queue of publications. It is
// safe for concurrent use.
type Transport struct {
	*redis.Hub
	channels *redis.Subscriber
	own      bool // Options.OwnResponseChannel
}

var (
	_ adapter.Transport = (*Transport)(nil)
	_ adapter.Link      = (*link)(nil)
)

// New returns a transport. It starts to connect at once and keeps
// trying, with back-off, for as long as it lives; Close ends it. The client stays the caller's to
// close, after the transport.
func New(client goredis.UniversalClient, opts Options) *Transport {
	t := &Transport{own: opts.OwnResponseChannel}
	// Through one server of a Redis Cluster, messages on different channels keep their order.
	t.Hub = redis.NewHub(client, opts.Options, redis.Publishing{Through: opts.WithDefaults().Prefix})
	t.channels = redis.NewSubscriber(t.Hub, false)
	t.Start(t.channels)
	return t
}

// Open implements adapter.Transport.
func (t *Transport) Open(ns adapter.Namespace) (adapter.Link, error) {
	l := &link{ns, t, wire.NewChannels(t.Prefix(), ns.Name(), ns.Server())}
	t.channels.Add(l.routes()...)
	return l, nil
}

// Needs implements adapter.Transport. Redis compares the pattern of a PSUBSCRIBE with those of the user letter by letter,
// so that each namespace besides "/" needs a pattern of its own.
func (t *Transport) Needs() []acl.Command { return Needs(t.Prefix()) }

// Needs returns what a transport with a prefix needs on Redis.
func Needs(prefix string) []acl.Command {
	main := wire.NewChannels(prefix, "/", "")
	pattern := []string{main.Pattern}
	list := []acl.Command{{Name: "psubscribe", Args: pattern, Channels: pattern}, {Name: "punsubscribe", Args: pattern, Channels: pattern}}
	list = append(list, acl.PubSub(acl.Literal(prefix)+"#*", main.Broadcast)...)
	list = append(list, acl.PubSub(acl.Literal(prefix)+"-request#*", main.Request)...)
	list = append(list, acl.PubSub(acl.Literal(prefix)+"-response#*", main.Response)...)
	return append(list, redis.Needs(prefix)...)
}

// link carries the messages of one namespace.
type link struct {
	ns        adapter.Namespace
	transport *Transport
	channels  wire.Channels
}

// Close implements adapter.Link.
func (l *link) Close() { l.transport.channels.Remove(l.routes()...) }

// Follow implements adapter.Link: this server receives the messages of every room.
func (l *link) Follow([]adapter.Room) {}

func (l *link) routes() []redis.Route {
	return []redis.Route{
		{Name: l.channels.Pattern, Kind: redis.OnPattern, Handle: l.onBroadcast, Unwanted: l.unwanted},
		{Name: l.channels.Request, Handle: l.onRequest},
		{Name: l.channels.Response, Handle: l.onResponse},
		{Name: l.channels.OwnResponse, Handle: l.onResponse},
	}
}

// Servers implements adapter.Link.
func (l *link) Servers(ctx context.Context) (int, error) {
	return l.transport.Subscribers(ctx, l.channels.Request, redis.OnChannel)
}

// Publish implements adapter.Link.
func (l *link) Publish(m *wire.Message, done func(offset string, err error)) (err error) {
	p := redis.Publication{Channel: l.channels.Request, Done: done}
	if m.Kind == wire.Broadcast && m.RequestID == "" {
		p.Channel = l.channels.BroadcastTo(m.Opts.Rooms)
		p.Payload, err = wire.EncodeBroadcast(l.ns.Server(), m.Packet, l.ns.Name(), m.Opts)
	} else {
		p.Payload, err = wire.EncodeRequest(l.ns.Server(), l.ns.Name(), m)
	}
	if err == nil {
		l.transport.Publish(p)
	}
	return err
}

// unwanted reports whether no socket here is in the room of a channel.
func (l *link) unwanted(channel string) bool {
	room := l.channels.RoomOf(channel)
	return room != "" && !l.ns.Wants(room)
}

// onBroadcast takes a broadcast.
func (l *link) onBroadcast(channel string, payload []byte) error {
	if l.unwanted(channel) {
		return nil
	}
	m, err := wire.ReadBroadcast(payload)
	if err != nil {
		return err
	}
	return l.ns.Receive(m)
}

// onRequest takes a request of a server or an emitter.
func (l *link) onRequest(_ string, payload []byte) error {
	m, err := wire.ReadRequest(payload)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return l.ns.Receive(m)
}

// onResponse takes an answer.
func (l *link) onResponse(_ string, payload []byte) error {
	m, err := wire.ReadResponse(payload)
	if err != nil {
		return fmt.Errorf("response: %w", err)
	}
	return l.ns.Receive(m)
}

// Reply implements adapter.Link.
func (l *link) Reply(asker string, m *wire.Message) error {
	payload, err := wire.EncodeResponse(m)
	if err != nil {
		return err
	}
	channel := l.channels.Response
	if l.transport.own && asker != "" {
		channel += asker + "#"
	}
	l.transport.Publish(redis.Publication{Channel: channel, Payload: payload, Done: func(string, error) {}})
	return nil
}
