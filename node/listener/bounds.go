// Package listener opens the addresses of a node: with bounds for TCP connections, TLS whose certificate may be renewed, and
// the limits of the HTTP servers behind them.
package listener

import (
	"context"
	"log/slog"
	"net"

	"chorus/node/config"
	"chorus/node/proxy"
	"chorus/node/systemd"
)

const (
	// ownDescriptors are the file descriptors that a node keeps for itself: Redis, the admin address, files.
	ownDescriptors = 64
	// maxAdminTCP bounds the connections of the admin address, out of ownDescriptors.
	maxAdminTCP = 32
	// tcpForSessions is how many TCP connections a session may need: a poll, and a POST beside it.
	tcpForSessions = 2
	// tcpForOthers are those of requests that belong to no session, such as health checks.
	tcpForOthers = 1024
)

// maxAPITCP bounds the connections of the address that has the HTTP API, unless that is the public one. Back ends hold many.
const maxAPITCP = 512

// ownTCP returns how many TCP connections an address other than the public one takes.
func ownTCP(descriptors int, hasAPI bool) int {
	switch {
	case !hasAPI:
		return maxAdminTCP
	case descriptors == 0:
		return maxAPITCP
	}
	return max(maxAdminTCP, min(maxAPITCP, descriptors/32))
}

// tcpPerForwarded is how many TCP connections to other nodes a session may need, as tcpForSessions.
const tcpPerForwarded = 2

// MaxForwarded returns how many requests and WebSockets are passed on at a time. Each takes a descriptor.
func MaxForwarded(c *config.Config) int { return forwardedBound(c, maxDescriptors()) }

func forwardedBound(c *config.Config, descriptors int) int {
	switch {
	case c.AdapterName() == config.AdapterMemory || c.Cluster.Forward == config.ForwardOff:
		return 0
	case c.Cluster.MaxForwarded > 0:
		return int(c.Cluster.MaxForwarded)
	}
	wanted := tcpPerForwarded * int(c.MaxConnections)
	if descriptors == 0 {
		return wanted
	}
	return max(min(wanted, descriptors/3), 1)
}

// maxTCP returns how many TCP connections the public address takes, from the settings and the limit of
// file descriptors; 0 stands for no known limit.
func maxTCP(c *config.Config, descriptors int) int {
	if c.Limits.TCP > 0 {
		return int(c.Limits.TCP)
	}
	wanted, own := tcpForSessions*int(c.MaxConnections)+tcpForOthers, ownDescriptors
	if forwarded := forwardedBound(c, descriptors); forwarded > 0 {
		wanted += tcpPerForwarded * int(c.MaxConnections) // connections of other nodes
		own += forwarded
	}
	own += ownTCP(descriptors, c.API.Listen != config.APIPublic) - maxAdminTCP
	if descriptors == 0 {
		return wanted
	}
	return max(min(wanted, descriptors-min(own, descriptors/2)), 1)
}

// maxTCPPerAddress returns how many of them one address may have.
func maxTCPPerAddress(c *config.Config, maxTCP int) int {
	if c.Limits.TCPPerAddress > 0 {
		return int(c.Limits.TCPPerAddress)
	}
	return max(maxTCP*3/4, 1)
}

// Public opens the public address, with the bounds of the configuration. It warns when there are fewer descriptors
// than max_connections needs.
func Public(ctx context.Context, c *config.Config, log *slog.Logger) (*TCP, error) {
	listener, err := systemd.Socket()
	if listener == nil && err == nil {
		listener, err = Listen(ctx, "listen", c.Listen)
	}
	if err != nil {
		return nil, err
	}
	descriptors := maxDescriptors()
	limit := maxTCP(c, descriptors)
	if descriptors > 0 && c.MaxConnections > int64(descriptors-ownDescriptors) {
		log.Warn("max_connections is more than the limit of file descriptors allows: raise it (ulimit -n, LimitNOFILE), or lower max_connections",
			slog.Int64("max_connections", c.MaxConnections), slog.Int("descriptors", descriptors))
	}
	l := newTCP(listener, limit, maxTCPPerAddress(c, limit), log)
	l.exempt, _ = proxy.Parse(c.TrustedProxies) // Validate has refused others
	l.proxyProtocol = c.ProxyProtocol
	return l, nil
}

// Own opens an address other than the public one.
func Own(ctx context.Context, field, address string, hasAPI bool, log *slog.Logger) (net.Listener, error) {
	listener, err := Listen(ctx, field, address)
	if err != nil {
		return nil, err
	}
	return newTCP(listener, ownTCP(maxDescriptors(), hasAPI), 0, log), nil
}
