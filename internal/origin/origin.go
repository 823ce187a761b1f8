// Package origin compares web origins (RFC 6454): the scheme, host and port that a browser names in
// the Origin header of a request.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Origin is a parsed origin. Two origins are the same when they are equal.
type Origin struct {
	scheme string // lower case
	host   string // lower case, IDN in ASCII, without the dot of the root
	port   string // never empty for http and https
}

// defaultPorts are the schemes of web pages, and the ports that their origins leave out.
var defaultPorts = map[string]string{"http": "80", "https": "443"}

// Parse reads the value of an Origin header. The value "null" is no origin: every page without one
// sends it.
func Parse(text string) (Origin, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !isScheme(scheme) {
		return Origin{}, errors.New("it does not begin with a scheme such as https://")
	}
	o := Origin{scheme: strings.ToLower(scheme)}
	if o.scheme == "file" {
		if rest != "" {
			return Origin{}, errors.New("the origin of files is file://, without a path")
		}
		return o, nil
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		return Origin{}, fmt.Errorf("an origin ends with the host or port, but this one goes on with %q", rest[i:])
	}
	if strings.Contains(rest, "@") {
		return Origin{}, errors.New("an origin holds no user name")
	}
	var err error
	if o.host, o.port, err = splitHost(rest, defaultPorts[o.scheme]); err != nil {
		return Origin{}, err
	}
	return o, nil
}

// isScheme reports whether text is a scheme of a URL (RFC 3986 section 3.1).
func isScheme(text string) bool {
	for i, r := range text {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return text != ""
}

// Serves reports whether a request with this Host header went to the origin itself. The schemes are
// not compared: behind a proxy that ends TLS, a server does not know the one that the page sees.
func (o Origin) Serves(host string) bool {
	port, web := defaultPorts[o.scheme]
	if !web || strings.Contains(host, "@") {
		return false
	}
	name, port, err := splitHost(host, port)
	return err == nil && name == o.host && port == o.port
}

// splitHost reads a host with an optional port, as a browser writes them.
func splitHost(text, defaultPort string) (host, port string, err error) {
	u, err := url.Parse("//" + text)
	if err != nil || u.Host != text {
		return "", "", fmt.Errorf("%q is not a host with an optional port", text)
	}
	if host, err = normalHost(u.Hostname()); err != nil {
		return "", "", err
	}
	port = defaultPort
	if u.Port() != "" {
		number, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return "", "", fmt.Errorf("%s is not a port", u.Port())
		}
		port = strconv.FormatUint(number, 10)
	}
	return host, port, nil
}

// lookup is how browsers read host names. Underscores are allowed, as in the names that Docker gives.
var lookup = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(false))

// normalHost returns a host in the form of an Origin header (URL standard: host serializing).
func normalHost(host string) (string, error) {
	if strings.Contains(host, ":") { // url.Parse has found brackets around it
		ip, err := netip.ParseAddr(host)
		if err != nil || ip.Zone() != "" {
			return "", fmt.Errorf("%q is not an IPv6 address that a browser can name", host)
		}
		if ip.Is4In6() {
			b := ip.As16()
			return fmt.Sprintf("::ffff:%x:%x", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15])), nil
		}
		return ip.String(), nil
	}
	name, err := lookup.ToASCII(host)
	if err != nil {
		return "", fmt.Errorf("%q is not a host name", host)
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "" || strings.HasPrefix(name, ".") || strings.Contains(name, "..") {
		return "", fmt.Errorf("%q is not a host name", host)
	}
	if strings.ContainsAny(name, "\x00\t\n\r #%/:<>?@[\\]^|*\"`{}") || strings.ContainsFunc(name, isControl) {
		return "", fmt.Errorf("%q is not a host name", host)
	}
	// A name whose last label is a number is an IPv4 address, and browsers write it in one way only.
	last := name[strings.LastIndexByte(name, '.')+1:]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil {
		if ip, err := netip.ParseAddr(name); err != nil || ip.String() != name {
			return "", fmt.Errorf("browsers write the address %q as four decimal numbers", host)
		}
	}
	return name, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
