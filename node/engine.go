package node

import "chorus/engine"

// newEngine makes the Engine.IO server under the Socket.IO server.
func newEngine(cfg Config, n *Node) *engine.Server {
	return engine.New(engine.Options{
		PingInterval: cfg.PingInterval,
		PingTimeout:  cfg.PingTimeout,
		MaxPayload:   cfg.MaxPayload,
		AllowEIO3:    cfg.AllowEIO3,
		Logger:       n.log,
	})
}
