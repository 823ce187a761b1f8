// Package proxy reads what trusted proxies say about their clients: in headers of requests, and in the PROXY protocol.
package proxy

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"chorus/node/config"
)

// Trusted are the proxies whose word counts for the address of a client and for the host that
// it asked for. Anybody can send their headers, so nobody is trusted by default.
type Trusted []netip.Prefix

// Parse reads networks such as 10.0.0.0/8, and addresses.
func Parse(entries []string) (Trusted, error) {
	var proxies Trusted
	for _, entry := range entries {
		network, err := config.ParseNetwork(entry)
		if err != nil {
			return nil, fmt.Errorf("%q %w", entry, err)
		}
		proxies = append(proxies, network)
	}
	return proxies, nil
}

// contains reports whether an address is that of a trusted proxy.
func (p Trusted) contains(address netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// Trusts reports whether the peer of a connection is a trusted proxy.
func (p Trusted) Trusts(remoteAddr string) bool {
	address, ok := parseNode(remoteAddr)
	return ok && p.contains(address)
}

// Middleware gives a request that came by a trusted proxy the address of its client and the host that
// the client asked for, so that all behind it need not know of proxies.
func (p Trusted) Middleware(next http.Handler) http.Handler {
	if len(p) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Trusts(r.RemoteAddr) {
			r = r.Clone(r.Context())
			if client, ok := p.client(r.Header); ok {
				r.RemoteAddr = net.JoinHostPort(client.String(), "0") // the port is not known
			}
			if host := ForwardedHost(r.Header); host != "" {
				r.Host = host
			}
		}
		next.ServeHTTP(w, r)
	})
}

// client returns the address of the client: of those that the proxies name, the last one that is not a
// trusted proxy itself. What stands before it, the client may have made up.
func (p Trusted) client(header http.Header) (client netip.Addr, ok bool) {
	hops := forwardedFor(header)
	for i := len(hops) - 1; i >= 0; i-- {
		address, known := parseNode(hops[i])
		if !known {
			return client, ok // "unknown", or nonsense: nothing before it can be trusted
		}
		client, ok = address, true
		if !p.contains(address) {
			break
		}
	}
	return client, ok
}

// forwardedFor returns the addresses that the proxies name, the client's first: those of
// X-Forwarded-For or, without it, of Forwarded (RFC 7239).
func forwardedFor(header http.Header) []string {
	if values := header.Values("X-Forwarded-For"); len(values) > 0 {
		return strings.Split(strings.Join(values, ","), ",")
	}
	return forwardedParameters(header, "for")
}

// ForwardedHost returns the host that the client asked for: the first one that the proxies name.
// Web pages, against which the host is compared, can set neither header.
func ForwardedHost(header http.Header) string {
	hosts := strings.Split(header.Get("X-Forwarded-Host"), ",")
	if hosts[0] == "" {
		if hosts = forwardedParameters(header, "host"); len(hosts) == 0 {
			return ""
		}
	}
	return strings.TrimSpace(hosts[0])
}

// forwardedParameters returns the values of one parameter of all Forwarded headers (RFC 7239 section 4).
// An element without the parameter gives an empty one.
func forwardedParameters(header http.Header, name string) []string {
	var values []string
	text := strings.Join(header.Values("Forwarded"), ",")
	for element := range splitUnquoted(text, ',') {
		value := ""
		for pair := range splitUnquoted(element, ';') {
			key, v, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(strings.TrimSpace(key), name) {
				value = strings.Trim(strings.TrimSpace(v), `"`)
			}
		}
		if strings.TrimSpace(element) != "" {
			values = append(values, value)
		}
	}
	return values
}

// splitUnquoted splits a header at a separator outside of quoted strings.
func splitUnquoted(text string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		quoted, start := false, 0
		for i := range len(text) {
			switch {
			case text[i] == '"':
				quoted = !quoted
			case text[i] == separator && !quoted:
				if !yield(text[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(text[start:])
	}
}

// parseNode reads an address with or without a port, as Go and proxies write them.
func parseNode(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if addrPort, err := netip.ParseAddrPort(text); err == nil {
		return addrPort.Addr().Unmap().WithZone(""), true
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return address.Unmap().WithZone(""), err == nil
}
