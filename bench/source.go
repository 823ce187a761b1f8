package bench

import (
	"net"
	"net/netip"
	"net/url"
)

// clientsPerSource is how many clients connect to one server from one address. Linux has 28,232 ports for them
// (net.ipv4.ip_local_port_range), some of which other programs have.
const clientsPerSource = 20_000

// sourceOf returns the address from which client n of a server connects, or nil for the system's choice. On loopback, the
// clients beyond the first clientsPerSource come from 127.0.0.2 and so on.
func sourceOf(n int, server *url.URL) net.Addr {
	host := server.Hostname()
	address, err := netip.ParseAddr(host)
	loopback := host == "localhost" || err == nil && address.Is4() && address.IsLoopback()
	if n < clientsPerSource || !loopback {
		return nil
	}
	number := 1 + n/clientsPerSource
	return &net.TCPAddr{IP: net.IPv4(127, 0, byte(number>>8), byte(number))}
}

// dialer returns what connects from an address; nil is the system's choice.
func dialer(from net.Addr) *net.Dialer {
	if from == nil {
		return &net.Dialer{}
	}
	return &net.Dialer{LocalAddr: from, Control: lateBind}
}
