package node

import (
	"net"
	"runtime/debug"

	"chorus/registry"
)

// newRegistry returns the registry of the nodes that are alive, in which n is one.
func newRegistry(cfg Config, n *Node) *registry.Registry {
	return registry.New(registry.Options{
		Client:  n.redis.sharedClient(),
		Prefix:  cfg.Cluster.Redis.Prefix,
		Version: versionOf(&cfg),
		Status:  n.status,
		Logger:  n.log,
	})
}

// status is what the other nodes hear about this one.
func (n *Node) status() registry.Status {
	if !n.listening.Load() {
		return registry.Status{}
	}
	draining := n.draining.Load()
	return registry.Status{
		Connections: int(n.engine.ClientsCount()), //nolint:gosec // bounded by max_connections
		Ready:       !draining && (n.redis == nil || n.redis.adapter.Health() == nil),
		Draining:    draining,
	}
}

// version returns the version of the program.
func versionOf(c *Config) string {
	if c.Version != "" {
		return c.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// reachableAt returns where other nodes reach a listener: its address, or the first one of this machine that is not the
// loopback when it listens on all.
func reachableAt(listener net.Addr) string {
	host, port, err := net.SplitHostPort(listener.String())
	if err != nil {
		return listener.String()
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return listener.String()
	}
	addrs, _ := net.InterfaceAddrs() // none: only this machine reaches the node
	for _, addr := range addrs {
		if network, ok := addr.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			return net.JoinHostPort(network.IP.String(), port)
		}
	}
	return net.JoinHostPort("127.0.0.1", port)
}
