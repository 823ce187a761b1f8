package auth

import (
	"fmt"
	"net/http"

	"chorus/internal/origin"
)

// Headers with which a browser says which page a request is from. No page can set them.
const (
	originHeader    = "Origin"
	fetchSiteHeader = "Sec-Fetch-Site"
)

// cookiesAllowed reports whether a request to a host may use a cookie: its page is of the host's own
// origin, or of a listed one. A browser sends cookies along with the requests of every page, and
// applies no CORS to WebSocket handshakes (cross-site WebSocket hijacking). So a page that does not name
// its origin uses none, and "*" and "null" in the list permit none: that would be every page. A request
// without Origin, such as a simple GET, counts when the browser says that it is of the same origin.
func cookiesAllowed(header http.Header, host string, listed func(origin string) bool) bool {
	origins := header.Values(originHeader)
	switch len(origins) {
	case 0:
		sites := header.Values(fetchSiteHeader)
		return len(sites) == 1 && sites[0] == "same-origin"
	case 1:
		return origin.Same(origins[0], host) || listed(origins[0])
	default:
		return false
	}
}

// mustOrigins reads a list of origins, and panics when an entry can never match.
func mustOrigins(entries []string) *origin.List {
	list, err := origin.NewList(entries)
	if err != nil {
		panic(fmt.Sprintf("auth: Origins: %v", err))
	}
	return list
}
