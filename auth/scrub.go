package auth

import (
	"maps"
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
func scrub(h *socket.Handshake, cookie string, further []string) {
	isSecret := func(name string) bool {
		return equalFoldAny(name, alwaysScrubbed) || equalFoldAny(name, further)
	}
	maps.DeleteFunc(h.Auth, func(name string, _ any) bool { return isSecret(name) })
	if len(h.Auth) == 0 {
		h.Auth = map[string]any{} // a map keeps the room of what was in it, for as long as the socket lives
	}
	maps.DeleteFunc(h.Query, func(name string, _ any) bool { return isSecret(name) })
	for name := range h.Headers {
		switch canonical := http.CanonicalHeaderKey(name); {
		case isSecret(canonical):
			delete(h.Headers, name)
		case canonical == refererHeader:
			scrubReferer(h, name, isSecret)
		case canonical == cookieHeader:
			scrubCookies(h, name, cookie)
		}
	}
	h.Url = scrubURL(h.Url, isSecret)
}

// alwaysScrubbed are the query parameters, headers and members of auth that hold tokens.
var alwaysScrubbed = []string{tokenName, accessTokenName, authorization, "Proxy-Authorization"}

func equalFoldAny(name string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

func named(name string) func(string) bool { return func(other string) bool { return other == name } }

// refererHeader names the page that connects, whose own URL may have brought the token to it.
const refererHeader = "Referer"

func scrubReferer(h *socket.Handshake, header string, isSecret func(string) bool) {
	lines := h.Headers.Header().Values(refererHeader)
	kept := make([]string, len(lines))
	for i, line := range lines {
		kept[i] = redactURL(line, isSecret)
	}
	h.Headers[header] = strings.Join(kept, ", ")
}

func scrubCookies(h *socket.Handshake, header, cookie string) {
	kept := withoutCookie(h.Headers.Header().Values(cookieHeader), cookie)
	if len(kept) == 0 {
		delete(h.Headers, header)
		return
	}
	h.Headers[header] = strings.Join(kept, "; ")
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

// scrubURL removes parameters from the query of a request URI and leaves the rest as it is.
func scrubURL(uri string, isSecret func(string) bool) string {
	path, query, ok := strings.Cut(uri, "?")
	if !ok {
		return uri
	}
	return path + "?" + scrubQuery(query, isSecret)
}

func scrubQuery(query string, isSecret func(string) bool) string {
	pairs := strings.Split(query, "&")
	pairs = slices.DeleteFunc(pairs, func(pair string) bool { return isParameter(pair, isSecret) })
	return strings.Join(pairs, "&")
}

// isParameter reports whether a pair of a query is a secret parameter. One whose name cannot be read counts: each
// reader may take it for something else.
func isParameter(pair string, isSecret func(string) bool) bool {
	name, _, _ := strings.Cut(pair, "=")
	decoded, err := url.QueryUnescape(name)
	return err != nil || isSecret(decoded)
}

// redacted stands in for a token in a URL.
const redacted = "redacted"

// RedactURL returns a URL or request URI fit for a log: the values of the query parameters "token" and
// "access_token" (RFC 6750 section 2.3) are replaced by "redacted", the rest is left as it is.
func RedactURL(uri string) string {
	return redactURL(uri, func(name string) bool { return name == tokenName || name == accessTokenName })
}

func redactURL(uri string, isSecret func(string) bool) string {
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
		if isParameter(pair, isSecret) {
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
