// Package address says which addresses a limit counts as one.
package address

import (
	"net"
	"net/netip"
	"strings"
)

// Of returns what the limits of an address count: an IPv4 address, or the /64 network of an IPv6 address,
// of which one customer has all. remote may have a port.
func Of(remote string) string {
	host := Host(remote)
	if !strings.Contains(host, ":") {
		return host
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	network, err := address.Prefix(64)
	if err != nil {
		return host
	}
	return network.String()
}

// Host returns an address without its port.
func Host(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}
