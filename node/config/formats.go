package config

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"chorus/internal/origin"
)

// formats are the values of the tag format. Each returns what is wrong with a text that is not empty.
var formats = map[string]func(text string) string{
	"address": func(text string) string {
		if _, _, err := net.SplitHostPort(text); err != nil {
			return "is not an address such as :3000 or 127.0.0.1:3000"
		}
		return ""
	},
	"api address": func(text string) string {
		if _, _, err := net.SplitHostPort(text); err != nil && text != APIAdmin && text != APIPublic {
			return "is not admin, public or an address such as :3100"
		}
		return ""
	},
	"time": func(text string) string {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return "is not a time such as 2027-01-31T00:00:00Z"
		}
		return ""
	},
	"reachable": func(text string) string {
		host, port, err := net.SplitHostPort(text)
		if number, convErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || convErr != nil || number == 0 {
			return "is not an address with a host and a port, such as 10.0.0.5:3000"
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
		if err := origin.Check(text); err != nil {
			return err.Error()
		}
		return ""
	},
	"url": func(text string) string {
		if u, err := url.Parse(text); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
			return "is not an address such as https://example.com/hooks"
		}
		return ""
	},
	"name": func(text string) string {
		if !isName.MatchString(text) {
			return "is not a name of 1 to 64 characters A-Z a-z 0-9 _ - ."
		}
		return ""
	},
	"network": func(text string) string {
		if _, err := ParseNetwork(text); err != nil {
			return err.Error()
		}
		return ""
	},
}

var isName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// ParseNetwork reads a network such as 10.0.0.0/8, or an address, which is a network of one.
func ParseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, errors.New("is not a network such as 10.0.0.0/8, nor an address")
		}
		network = netip.PrefixFrom(address, address.BitLen())
	}
	if network.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("is an IPv4 network in the form of IPv6: write it as IPv4")
	}
	return network.Masked(), nil
}
