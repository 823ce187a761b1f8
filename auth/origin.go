package auth

import (
	"net/http"
	"net/url"
	"strings"
)

// Headers with which a browser says which page a request is from. No page can set them.
const (
	originHeader    = "Origin"
	fetchSiteHeader = "Sec-Fetch-Site"
)

// SameOrigin tells whether the Origin header of a request names the host that the request went to. The
// schemes are not compared: behind a proxy that ends TLS, a server does not know the one that the page
// sees.
func SameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// cookiesAllowed tells whether a request to a host may use a cookie: its page is of the host's own origin,
// or of a listed one. A browser sends cookies along with what any page asks for, and applies no CORS to
// WebSocket handshakes (cross-site WebSocket hijacking), so that a page that does not say where it is from
// uses none, and "*" and "null" in the list permit none: that would be every page. A request without
// Origin, such as a simple GET, counts when the browser says that it is of the same origin.
func cookiesAllowed(header http.Header, host string, listed []string) bool {
	origins := header.Values(originHeader)
	switch len(origins) {
	case 0:
		sites := header.Values(fetchSiteHeader)
		return len(sites) == 1 && sites[0] == "same-origin"
	case 1:
	default:
		return false
	}
	if SameOrigin(origins[0], host) {
		return true
	}
	for _, origin := range listed {
		if origin != "*" && origin != "null" && strings.EqualFold(origin, origins[0]) {
			return true
		}
	}
	return false
}
