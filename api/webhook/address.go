package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// ErrPrivate means that an address is not one of the public internet.
var ErrPrivate = errors.New("the address is not public; webhooks[].allow_private permits it")

// special are networks that are not public besides those that package netip knows
// (https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry).
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
)

// embedding are networks of IPv6 whose addresses contain one of IPv4, which a gateway reaches; the number is where it stands.
var embedding = map[netip.Prefix]int{netip.MustParsePrefix("64:ff9b::/96"): 12, netip.MustParsePrefix("2002::/16"): 2}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// IsPublic reports whether an address is one of the public internet.
func IsPublic(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if !address.IsGlobalUnicast() || address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast() {
		return false
	}
	for _, network := range special {
		if network.Contains(address) {
			return false
		}
	}
	for network, at := range embedding {
		if network.Contains(address) {
			bytes := address.As16()
			inside, _ := netip.AddrFromSlice(bytes[at : at+4])
			return IsPublic(inside)
		}
	}
	return true
}

// permission says which addresses may be dialled.
type permission struct{ private, loopback bool }

// control is for net.Dialer: it sees the address that is dialled, after DNS, whatever form the URL has.
func (p permission) control(network, address string, _ syscall.RawConn) error {
	if p.private {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrPrivate, network)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ErrPrivate
	}
	if p.loopback && ip.Unmap().IsLoopback() || IsPublic(ip) {
		return nil
	}
	return ErrPrivate
}
