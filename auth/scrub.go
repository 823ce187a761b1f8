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
		case refererHeader:
			scrubReferer(h, name)
		case cookieHeader:
			scrubCookies(h, name, cookie)
		}
	}
	h.Url = scrubURL(h.Url, tokenName)
}

// refererHeader names the page that connects, whose own URL may have brought the token to it.
const refererHeader = "Referer"

func scrubReferer(h *socket.Handshake, header string) {
	lines := h.Headers.Header().Values(refererHeader)
	kept := make([]string, len(lines))
	for i, line := range lines {
		kept[i] = RedactURL(line)
	}
	h.Headers[header] = kept
}

func scrubCookies(h *socket.Handshake, header, cookie string) {
	kept := withoutCookie(h.Headers.Header().Values(cookieHeader), cookie)
	if len(kept) == 0 {
		delete(h.Headers, header)
		return
	}
	h.Headers[header] = kept
}

// withoutCookie returns what Cookie headers say of other cookies.
func withoutCookie(lines []string, cookie string) []string {
	if cookie == "" {
		return lines
	}
	var kept []string
	for _, line := range lines {
		pairs := strings.Split(line, ";")
		pairs = slices.DeleteFunc(pairs, func(pair string) bool {
			name, _, _ := strings.Cut(pair, "=")
			return strings.TrimSpace(name) == cookie
		})
		if rest := strings.TrimSpace(strings.Join(pairs, ";")); rest != "" {
			kept = append(kept, rest)
		}
	}
	return kept
}

// scrubURL takes a parameter out of the query of a request URI and leaves the rest as it is.
func scrubURL(uri, parameter string) string {
	path, query, ok := strings.Cut(uri, "?")
	if !ok {
		return uri
	}
	return path + "?" + scrubQuery(query, parameter)
}

func scrubQuery(query, parameter string) string {
	pairs := strings.Split(query, "&")
	pairs = slices.DeleteFunc(pairs, func(pair string) bool { return isParameter(pair, parameter) })
	return strings.Join(pairs, "&")
}

// isParameter tells whether a pair of a query is the parameter. One whose name cannot be read counts: what
// it is depends on who reads it.
func isParameter(pair, parameter string) bool {
	name, _, _ := strings.Cut(pair, "=")
	decoded, err := url.QueryUnescape(name)
	return err != nil || decoded == parameter
}

// redacted stands in for a token in a URL.
const redacted = "redacted"

// RedactURL returns a URL or request URI fit for a log: the values of the query parameters "token" and
// "access_token" (RFC 6750 section 2.3) are replaced by "redacted", the rest is left as it is.
func RedactURL(uri string) string {
	path, query, ok := strings.Cut(uri, "?")
	if !ok {
		return uri
	}
	var b strings.Builder
	b.WriteString(path)
	b.WriteByte('?')
	for query != "" {
		pair := query
		// Some readers take a semicolon for a separator.
		if end := strings.IndexAny(query, "&;"); end >= 0 {
			pair = query[:end]
		}
		if isParameter(pair, tokenName) || isParameter(pair, accessTokenName) {
			name, _, _ := strings.Cut(pair, "=")
			b.WriteString(name + "=" + redacted)
		} else {
			b.WriteString(pair)
		}
		query = query[len(pair):]
		if query != "" {
			b.WriteByte(query[0])
			query = query[1:]
		}
	}
	return b.String()
}
