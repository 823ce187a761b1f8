package node

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"chorus/adapter"
	"chorus/auth"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Node is one node of a cluster. Make it with New; its methods are safe for concurrent use.
type Node struct {
	cfg     Config
	log     *slog.Logger
	io      *socket.Server
	engine  engine.BaseServer
	redis   *redisLink // nil with the memory adapter
	handler http.Handler
	metrics *metrics

	draining atomic.Bool
	close    func(context.Context) error
}

// New makes a node and, in a cluster, begins to connect to Redis. It validates everything first;
// errors wrap ErrConfig and name the field. A node that is not going to Run is ended with Close.
func New(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, log: cfg.Logger, metrics: newMetrics()}
	if n.log == nil {
		n.log = newLogger(cfg.Log)
	}

	rooms := adapter.NewMemory()
	if cfg.adapterName() == AdapterPubSub {
		link, err := newRedisLink(cfg, n.log)
		if err != nil {
			return nil, err
		}
		n.redis, rooms = link, link.adapter
		n.metrics.watchAdapter(link.adapter)
	}

	opts := socket.DefaultServerOptions()
	opts.SetConnectTimeout(cfg.ConnectTimeout)
	opts.SetServeClient(false)
	opts.SetAdapter(auth.Gate(rooms))
	n.io = socket.NewServer(nil, opts)
	eng := newEngine(cfg)
	n.io.Bind(eng)
	n.engine = eng
	n.metrics.watchNode(n)
	n.close = sync.OnceValue2

	if err := n.authenticate(); err != nil {
		return nil, err
	}
	if err := chat(n.io.Sockets(), n.log); err != nil {
		return nil, err
	}
	n.handler = n.routes(eng)
	return n, nil
}
