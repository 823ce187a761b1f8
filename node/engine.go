package node

import (
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/config"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// newEngine makes the Engine.IO server under the Socket.IO server.
func newEngine(cfg Config) engine.Server {
	opts := config.DefaultServerOptions()
	opts.SetPingInterval(cfg.PingInterval)
	opts.SetPingTimeout(cfg.PingTimeout)
	opts.SetMaxHttpBufferSize(cfg.MaxPayload)
	opts.SetAllowEIO3(cfg.AllowEIO3)
	opts.SetTransports(types.NewSet[transports.TransportCtor](pollingBuilder{}, webSocketBuilder{}))
	return engine.NewServer(opts)
}
