package node

import (
	"log/slog"

	"chorus/engine"
)

// newEngine makes the Engine.IO server under the Socket.IO server.
func newEngine(cfg Config, log *slog.Logger, refused *handshakes) *engine.Server {
	e := engine.New(engine.Options{
		PingInterval:             cfg.PingInterval,
		PingTimeout:              cfg.PingTimeout,
		BodyTimeout:              bodyTimeout,
		MaxPayload:               cfg.MaxPayload,
		MaxBuffer:                int(cfg.MaxBuffer),
		MaxUnprocessed:           int(cfg.MaxUnprocessed),
		MaxConnections:           int(cfg.MaxConnections),
		MaxConnectionsPerAddress: int(cfg.MaxConnectionsPerAddress),
		AllowEIO3:                cfg.AllowEIO3,
		Deflate:                  cfg.Compression,
		OnSend:                   refused.onSend,
		Logger:                   log,
	})
	_ = e.On("connection_error", refused.onRequestRefused) // it never fails
	return e
}
