package node

import (
	"context"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"chorus/registry"
)

// newRegistry returns the registry of the nodes that are alive, in which n is one.
func newRegistry(cfg Config, n *Node) *registry.Registry {
	return registry.New(registry.Options{
		Client:  n.redis.Client(),
		Prefix:  cfg.Cluster.Redis.Prefix,
		Version: versionOf(&cfg),
		Status:  n.status,
		Logger:  n.log,
	})
}

// publishTimeout bounds how long a node that starts waits until Redis knows its address.
const publishTimeout = time.Second

// publish returns when Redis knows where this node is, so that another node that gets a request for one of
// its sessions finds it. Without Redis, or when it does not answer, the renewal of the lease comes later.
func (n *Node) publish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := n.nodes.Publish(ctx); err != nil {
		n.log.Debug("the other nodes do not know this one yet", slog.Any("error", err))
	}
}

// status is what the other nodes hear about this one.
func (n *Node) status() registry.Status {
	if !n.listening.Load() {
		return registry.Status{}
	}
	draining := n.draining.Load()
	return registry.Status{
		Connections: int(n.engine.ClientsCount()), //nolint:gosec // bounded by max_connections
		Ready:       !draining && n.Health() == nil,
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
