package auth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// scrub removes every token from a socket's handshake, which stays in memory and travels over
// Redis to every server that calls fetchSockets. The maps are the socket's own; the lists in them
// belong to the connection's HTTP request, where other namespaces of the connection still look for
// their token, so they are replaced and not edited.
func scrub(h *socket.Handshake, cookie string) {
	delete(h.Auth, tokenName)
	if len(h.Auth) == 0 {
		h.Auth = map[string]any{} // a map keeps the room of what was in it, for as long as the socket lives
	}
	delete(h.Query, tokenName)
	for name := range h.Headers {
		switch http.CanonicalHeaderKey(name) {
		case authorization:
			delete(h.Headers, name)
		case cookieHeader:
			scrubCookies(h, name, cookie)
		}
	}
	h.Url = scrubURL(h.Url)
}

func scrubCookies(h *socket.Handshake, header, cookie string) {
	if cookie == "" {
		return
	}
	var kept []string
	for _, line := range h.Headers.Header().Values(cookieHeader) {
		pairs := strings.Split(line, ";")
		pairs = slices.DeleteFunc(pairs, func(pair string) bool {
			name, _, _ := strings.Cut(pair, "=")
			return strings.TrimSpace(name) == cookie
		})
		if rest := strings.TrimSpace(strings.Join(pairs, ";")); rest != "" {
			kept = append(kept, rest)
		}
	}
	if len(kept) == 0 {
		delete(h.Headers, header)
		return
	}
	h.Headers[header] = kept
}

// scrubURL takes the token out of the query of a request URI and leaves the rest as it is.
func scrubURL(uri string) string {
	path, query, ok := strings.Cut(uri, "?")
	if !ok {
		return uri
	}
	pairs := strings.Split(query, "&")
	pairs = slices.DeleteFunc(pairs, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(name)
		return err != nil || decoded == tokenName
	})
	return path + "?" + strings.Join(pairs, "&")
}
