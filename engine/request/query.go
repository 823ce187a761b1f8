package request

import (
	"net/http"
	"net/url"
	"strings"
)

// Query returns the query of a request. It reads what Node.js reads: a semicolon is a character
// like any other, a % that begins no escape sequence stays as it is, and of several values of a name the last one counts.
func Query(r *http.Request) url.Values {
	values := make(url.Values)
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name = unescape(name)
		values[name] = []string{unescape(value)}
	}
	return values
}

// unescape decodes + and the escape sequences that are valid.
func unescape(s string) string {
	if !strings.ContainsAny(s, "+%") {
		return s
	}
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	var b strings.Builder
	for s = strings.ReplaceAll(s, "+", " "); s != ""; {
		if text, err := url.PathUnescape(s[:min(3, len(s))]); err == nil && s[0] == '%' {
			b.WriteString(text)
			s = s[3:]
			continue
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}
