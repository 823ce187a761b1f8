package library

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// dateLayout is how JavaScript writes a Date as text.
const dateLayout = "Mon Jan 02 2006 15:04:05 GMT-0700 (Coordinated Universal Time)"

// ShapeHandshake gives the handshake of a socket the shape that it has with Node.js: header names in
// lower case, the host among them, one text for each; query parameters as text, a list only for those
// that are repeated; an auth object that is never nil; the address without its port. Call it in the
// first middleware, before other code has seen the handshake.
func ShapeHandshake(s *socket.Socket) {
	h := s.Handshake()
	headers := make(map[string]any, len(h.Headers)+1)
	for name, value := range h.Headers {
		headers[lowerCase(name)] = joinHeader(name, value)
	}
	if r := s.Request().Request(); r != nil && r.Host != "" {
		headers["host"] = r.Host
	}
	h.Headers = headers
	h.Query = single(h.Query)
	h.Auth = single(h.Auth) // a list comes from the query of a client of Socket.IO 2
	if host, _, err := net.SplitHostPort(h.Address); err == nil {
		h.Address = host
	}
	h.Time = time.UnixMilli(h.Issued).UTC().Format(dateLayout)
}

// joinHeader joins the lines of a header as Node.js does.
func joinHeader(name string, value any) any {
	lines, ok := value.([]string)
	switch {
	case !ok:
		return value
	case strings.EqualFold(name, "Set-Cookie"):
		return lines
	case strings.EqualFold(name, "Cookie"):
		return strings.Join(lines, "; ")
	case len(lines) > 1 && onlyFirst[http.CanonicalHeaderKey(name)]:
		return lines[0]
	}
	return strings.Join(lines, ", ")
}

// onlyFirst are the headers of which Node.js keeps the first line (http.IncomingMessage.headers).
var onlyFirst = map[string]bool{
	"Age": true, "Content-Length": true, "Content-Type": true, "Etag": true, "Expires": true, "From": true, "Host": true,
	"If-Modified-Since": true, "If-Unmodified-Since": true, "Last-Modified": true, "Location": true, "Max-Forwards": true,
	"Proxy-Authorization": true, "Referer": true, "Retry-After": true, "Server": true, "User-Agent": true,
}

// single returns a copy with the text of each list that has one.
func single[M ~map[string]any](m M) M {
	out := make(M, len(m))
	for name, value := range m {
		if list, ok := value.([]string); ok && len(list) == 1 {
			value = list[0]
		}
		out[name] = value
	}
	return out
}

// lowerNames are the names of frequent headers in lower case, which sockets share.
var lowerNames = func() map[string]string {
	names := make(map[string]string)
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Cookie", "Dnt", "Host",
		"Origin", "Pragma", "Priority", "Referer", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform", "Sec-Fetch-Dest",
		"Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Websocket-Extensions", "Sec-Websocket-Key", "Sec-Websocket-Protocol",
		"Sec-Websocket-Version", "Upgrade", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip",
	} {
		names[name] = strings.ToLower(name)
	}
	return names
}()

func lowerCase(name string) string {
	if lower, ok := lowerNames[name]; ok {
		return lower
	}
	return strings.ToLower(name)
}
