package redis

import (
	"log/slog"

	"chorus/adapter/wire"
)

// Defaults of Options.
const (
	DefaultMaxPending        = 1000
	DefaultMaxPendingBytes   = 4 << 20
	DefaultMaxUnhandled      = 100_000
	DefaultMaxUnhandledBytes = 32 << 20
)

// Options are what all transports over Redis have in common. The zero value is useful.
type Options struct {
	// Prefix of all channels, the "key" of the Node.js adapter; default "socket.io". Clusters
	// with different prefixes share a Redis and do not receive each other's messages.
	Prefix string
	// MaxPending and MaxPendingBytes bound what waits to be published; default 1,000 messages and
	// 4 MiB. While Redis answers, a broadcast waits until there is room. While Redis is away, the
	// oldest message makes room, which is counted and logged.
	MaxPending      int
	MaxPendingBytes int
	// MaxUnhandled and MaxUnhandledBytes bound what each subscribing connection has brought and the
	// server has not handled yet; default 100,000 messages and 32 MiB. Beyond them the oldest is dropped,
	// which is counted and logged.
	MaxUnhandled      int
	MaxUnhandledBytes int
	// Logger gets the state of the connection and, at most once a minute, malformed and dropped
	// messages. Default: no log.
	Logger *slog.Logger
}

// WithDefaults returns the options with the defaults in place of what is not set.
func (o Options) WithDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = wire.DefaultPrefix
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
