package node

import (
	"chorus/adapter"
	"chorus/adapter/session"
	"chorus/chat"
	"chorus/node/cluster"
)

// connect returns the adapters of the node.
func (n *Node) connect() (*adapter.Cluster, error) {
	opts := adapter.Options{RequestTimeout: n.cfg.Cluster.RequestTimeout, TotalOrder: n.cfg.TotalOrder(), Logger: n.log}
	if n.cfg.AdapterName() == AdapterMemory {
		transport := &adapter.Memory{}
		if n.cfg.Recovery.Enabled {
			opts.Sessions = session.InMemory(transport, n.recoveryOptions())
			n.metrics.WatchSessions(opts.Sessions)
		}
		return adapter.New(transport, adapter.Options{Sessions: opts.Sessions, Logger: n.log}), nil
	}
	link, err := cluster.Connect(n.cfg, n.log)
	if err != nil {
		return nil, err
	}
	if source, ok := link.Transport.(session.Source); ok && n.cfg.Recovery.Enabled {
		opts.Sessions = session.OnRedis(link.Client(), source, session.RedisOptions{
			Options: n.recoveryOptions(), Prefix: session.Prefix(n.cfg.Cluster.Redis.Prefix),
		})
		n.metrics.WatchSessions(opts.Sessions)
	}
	link.Adapter = adapter.New(link.Transport, opts)
	n.redis = link
	n.metrics.WatchAdapter(link, opts.Sessions)
	if n.cfg.Cluster.Announce {
		n.announcer = chat.NewAnnouncer(link.Adapter.Health)
	}
	return link.Adapter, nil
}
