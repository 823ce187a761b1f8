package node

import (
	"log/slog"
	"net"

	"chorus/node/config"
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

// maxTCP returns how many TCP connections the public address takes, from the settings and the limit of
// file descriptors; 0 stands for no known limit.
func maxTCP(c *Config, descriptors int) int {
	if c.Limits.TCP > 0 {
		return int(c.Limits.TCP)
	}
	wanted, own := tcpForSessions*int(c.MaxConnections)+tcpForOthers, ownDescriptors
	if forwarded := maxForwarded(c, descriptors); forwarded > 0 {
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
func maxTCPPerAddress(c *Config, maxTCP int) int {
	if c.Limits.TCPPerAddress > 0 {
		return int(c.Limits.TCPPerAddress)
	}
	return max(maxTCP*3/4, 1)
}

// limitTCP bounds the connections of the public listener, and warns when there are fewer descriptors
// than max_connections needs.
func (n *Node) limitTCP(listener net.Listener) *tcpLimit {
	descriptors := maxDescriptors()
	limit := maxTCP(&n.cfg, descriptors)
	if descriptors > 0 && n.cfg.MaxConnections > int64(descriptors-ownDescriptors) {
		n.log.Warn("max_connections is more than the limit of file descriptors allows: raise it (ulimit -n, LimitNOFILE), or lower max_connections",
			slog.Int64("max_connections", n.cfg.MaxConnections), slog.Int("descriptors", descriptors))
	}
	proxies, _ := parseProxies(n.cfg.TrustedProxies) // Validate has refused others
	l := newTCPLimit(listener, limit, maxTCPPerAddress(&n.cfg, limit), n.log)
	l.exempt, l.proxyProtocol = proxies, n.cfg.ProxyProtocol
	n.metrics.watchTCP(l)
	return l
}
