package config

import (
	"log/slog"
	"net"
	"net/url"
	"strings"
)

// formats are the values of the tag format. Each returns what is wrong with a text that is not empty.
var formats = map[string]func(text string) string{
	"address": func(text string) string {
		if _, _, err := net.SplitHostPort(text); err != nil {
			return "is not an address such as :3000 or 127.0.0.1:3000"
		}
		return ""
	},
	"path": func(text string) string {
		if len(text) < 2 || !strings.HasPrefix(text, "/") || !strings.HasSuffix(text, "/") {
			return "must begin and end with a slash and name something, as /socket.io/ does"
		}
		return ""
	},
	"level": func(text string) string {
		if new(slog.Level).UnmarshalText([]byte(text)) != nil {
			return "is not debug, info, warn or error"
		}
		return ""
	},
	"origin": func(text string) string {
		if text == "*" || text == "null" {
			return ""
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
			return "is not an origin such as https://app.example.com (scheme and host, nothing behind), nor *"
		}
		return ""
	},
}
