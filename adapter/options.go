package adapter

import (
	"log/slog"
	"time"

	"chorus/adapter/wire"
)

// Defaults of ClusterOptions.
const (
	DefaultRequestTimeout  = 5 * time.Second
	DefaultMaxPending      = 1000
	DefaultMaxPendingBytes = 4 << 20
)

// ClusterOptions are what NewRedis, NewSharded and NewStreams have in common. The zero value is useful.
type ClusterOptions struct {
	// Prefix of all channels, the "key" of the Node.js adapter; default "socket.io". Clusters
	// with different prefixes share a Redis without hearing each other.
	Prefix string
	// RequestTimeout ends requests to the other servers (FetchSockets, ServerSideEmit with
	// acknowledgement, ServerCount), counted from the call; default 5 s. A flags.Timeout of the
	// call itself goes before it.
	RequestTimeout time.Duration
	// TotalOrder has the clients of the whole cluster get the messages of a room in one order: a node
	// delivers its own broadcasts when they come back from Redis, a round trip later. While Redis is away
	// they reach nobody; what can still be published then waits, as everything else does. Broadcasts with
	// acknowledgement and those with the flag Local are delivered at once, outside of the order. All nodes
	// must have it. Default: a node's own clients get its messages at once.
	TotalOrder bool
	// MaxPending and MaxPendingBytes bound what waits to be published; default 1,000 messages and
	// 4 MiB. While Redis answers, a broadcast waits until there is room. While Redis is away, the
	// oldest message makes room, which is counted and logged.
	MaxPending      int
	MaxPendingBytes int
	// MaxUnhandled and MaxUnhandledBytes bound what each subscribing connection has brought and the
	// node has not handled yet; default 100,000 messages and 32 MiB. Beyond them the oldest is dropped,
	// which is counted and logged.
	MaxUnhandled      int
	MaxUnhandledBytes int
	// Logger gets the state of the connection and, at most once a minute, malformed and dropped
	// messages. Default: no log.
	Logger *slog.Logger
}

func (o ClusterOptions) withDefaults() ClusterOptions {
	if o.Prefix == "" {
		o.Prefix = wire.DefaultPrefix
	}
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = DefaultRequestTimeout
	}
	if o.MaxPending <= 0 {
		o.MaxPending = DefaultMaxPending
	}
	if o.MaxPendingBytes <= 0 {
		o.MaxPendingBytes = DefaultMaxPendingBytes
	}
	if o.MaxUnhandled <= 0 {
		o.MaxUnhandled = DefaultMaxUnhandled
	}
	if o.MaxUnhandledBytes <= 0 {
		o.MaxUnhandledBytes = DefaultMaxUnhandledBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
