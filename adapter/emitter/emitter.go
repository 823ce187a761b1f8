// Package emitter speaks to the clients of a cluster from a program that is not one of its servers: it
// publishes on the cluster's Redis what the servers then do. It is what the Node.js packages
// @socket.io/redis-emitter and @socket.io/redis-streams-emitter are there, and works with Node.js servers, too.
//
//	e := emitter.New(client, emitter.Options{})
//	err := e.Of("/chat").To("lobby").Except("muted").Emit(ctx, "message", map[string]any{"text": "hi"})
package emitter

import (
	"context"
	"fmt"
	"strings"

	"chorus/adapter/wire"

	"github.com/redis/go-redis/v9"
)

// Options say how the servers of the cluster talk; they must be those of the servers. The zero value is for
// servers with adapter.NewRedis, or createAdapter of Node.js, and their defaults.
type Options struct {
	// Adapter is wire.PubSub (default), wire.Sharded or wire.Streams.
	Adapter wire.Format
	// Prefix of all channels; default "socket.io".
	Prefix string
	// Mode of the sharded adapter; default wire.Dynamic.
	Mode wire.SubscriptionMode
	// StreamName, StreamCount and StreamMaxLen are of the streams adapter: see adapter.StreamsOptions.
	StreamName   string
	StreamCount  int
	StreamMaxLen int
}

// Emitter selects sockets, and says what is to become of them. Its methods return new ones and leave it as it
// is; it is safe for concurrent use.
//
// An error means that Redis has not confirmed: the order may have been carried out all the same when the
// connection was lost meanwhile. Nothing is sent twice, whatever the client's MaxRetries. Without an error Redis
// has it, whether a server listens or not.
type Emitter struct {
	client redis.UniversalClient
	wire   wire.Dialect
	order  wire.Command
}

// New returns an emitter for all sockets of the main namespace. The client stays the caller's to close.
func New(client redis.UniversalClient, opts Options) *Emitter {
	return &Emitter{client: client, wire: wire.Dialect{
		Format: opts.Adapter, Prefix: opts.Prefix, Mode: opts.Mode,
		StreamName: opts.StreamName, StreamCount: opts.StreamCount, StreamMaxLen: opts.StreamMaxLen,
	}}
}

// Of returns an emitter for all sockets of a namespace, as "/chat".
func (e *Emitter) Of(namespace string) *Emitter {
	if !strings.HasPrefix(namespace, "/") {
		namespace = "/" + namespace
	}
	return &Emitter{client: e.client, wire: e.wire, order: wire.Command{Namespace: namespace}}
}

// with returns a changed copy.
func (e *Emitter) with(change func(*wire.Command)) *Emitter {
	other := *e
	change(&other.order)
	return &other
}

// To restricts to the sockets in any of the rooms, besides those of calls before. The id of a socket is a room
// as well.
func (e *Emitter) To(rooms ...string) *Emitter {
	return e.with(func(o *wire.Command) { o.Rooms = join(o.Rooms, rooms) })
}

// In is To.
func (e *Emitter) In(rooms ...string) *Emitter { return e.To(rooms...) }

// Except leaves out the sockets in any of the rooms.
func (e *Emitter) Except(rooms ...string) *Emitter {
	return e.with(func(o *wire.Command) { o.Except = join(o.Except, rooms) })
}

// join leaves both as they are.
func join(a, b []string) []string { return append(a[:len(a):len(a)], b...) }

// Volatile lets clients that do not keep up miss the event.
func (e *Emitter) Volatile() *Emitter {
	return e.with(func(o *wire.Command) { o.Volatile = true })
}

// Compress says whether the event may be compressed on its way to clients; default true, where the servers do.
func (e *Emitter) Compress(compress bool) *Emitter {
	return e.with(func(o *wire.Command) { o.Compress = &compress })
}

// Emit sends an event to the sockets. Arguments are what package adapter sends: values of encoding/json,
// json.RawMessage as it stands, and []byte as binary.
func (e *Emitter) Emit(ctx context.Context, event string, args ...any) error {
	return e.give(ctx, wire.Emit, func(o *wire.Command) { o.Args = append([]any{event}, args...) })
}

// SocketsJoin has the sockets join rooms.
func (e *Emitter) SocketsJoin(ctx context.Context, rooms ...string) error {
	return e.give(ctx, wire.SocketsJoin, func(o *wire.Command) { o.Targets = rooms })
}

// SocketsLeave has them leave rooms.
func (e *Emitter) SocketsLeave(ctx context.Context, rooms ...string) error {
	return e.give(ctx, wire.SocketsLeave, func(o *wire.Command) { o.Targets = rooms })
}

// DisconnectSockets disconnects them from the namespace, with closeConnection from the server.
func (e *Emitter) DisconnectSockets(ctx context.Context, closeConnection bool) error {
	return e.give(ctx, wire.DisconnectSockets, func(o *wire.Command) { o.Close = closeConnection })
}

// ServerSideEmit hands an event to the namespace on each server, whatever sockets are selected. There is no
// acknowledgement.
func (e *Emitter) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	return e.give(ctx, wire.ServerSideEmit, func(o *wire.Command) { o.Args = append([]any{event}, args...) })
}

func (e *Emitter) give(ctx context.Context, kind wire.CommandKind, change func(*wire.Command)) error {
	order := e.order
	order.Kind = kind
	change(&order)
	args, err := e.wire.RedisCommand(order)
	if err != nil {
		return fmt.Errorf("emitter: %w", err)
	}
	cmd := command{redis.NewCmd(ctx, args...)}
	cmd.SetFirstKeyPos(1) // with a Redis Cluster this says where a stream or a shard channel is
	if err := e.client.Process(ctx, cmd); err != nil {
		return fmt.Errorf("emitter: %w", err)
	}
	return nil
}

// command is one that go-redis does not send a second time.
type command struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (command) NoRetry() bool { return true }
