package origin

import (
	"errors"
	"fmt"
	"strings"
)

// List is a set of origins that may use a server. The zero value contains none.
type List struct {
	all   bool
	null  bool
	exact map[Origin]bool
	below []Origin // the host is what stands behind "*."
}

// NewList reads a list of
//   - origins, such as https://app.example.com, http://localhost:8080, capacitor://localhost or file://;
//   - https://*.example.com: every name below example.com, with one label or more in place of the
//     star, but not example.com itself;
//   - null: pages without an origin, such as sandboxed frames;
//   - *: all pages.
//
// The error names each entry that can never match, and what to write instead.
func NewList(entries []string) (*List, error) {
	l := &List{exact: make(map[Origin]bool)}
	var errs []error
	for _, entry := range entries {
		if err := l.add(entry); err != nil {
			errs = append(errs, fmt.Errorf("%q %w", entry, err))
		}
	}
	return l, errors.Join(errs...)
}

// Check returns why an entry of a list can never match, and what to write instead.
func Check(entry string) error {
	return (&List{exact: make(map[Origin]bool)}).add(entry)
}

func (l *List) add(entry string) error {
	switch entry {
	case "*":
		l.all = true
		return nil
	case "null":
		l.null = true
		return nil
	}
	scheme, rest, _ := strings.Cut(entry, "://")
	if suffix, wild := strings.CutPrefix(rest, "*."); wild {
		o, err := Parse(scheme + "://" + suffix)
		if err != nil || o.host == "" {
			return errors.New("can never match: a star stands for the first labels of a host, as in https://*.example.com")
		}
		l.below = append(l.below, o)
		return nil
	}
	o, err := Parse(entry)
	switch {
	case err != nil:
		return fmt.Errorf("can never match: %w; write scheme, host and port alone, as https://app.example.com, or * for all", err)
	case o.scheme == "ws" || o.scheme == "wss":
		return fmt.Errorf("can never match: the origin of a page that opens a WebSocket begins with %s://",
			strings.Replace(o.scheme, "ws", "http", 1))
	}
	l.exact[o] = true
	return nil
}

// All reports whether the list contains every page.
func (l *List) All() bool { return l.all }

// Contains reports whether pages that send this Origin header are in the list.
func (l *List) Contains(header string) bool {
	return l.all || l.null && header == "null" || l.Names(header)
}

// Names reports whether the list contains the origin without the help of "*" and "null", which stand
// for pages that nobody knows.
func (l *List) Names(header string) bool {
	o, err := Parse(header)
	if err != nil {
		return false
	}
	if l.exact[o] {
		return true
	}
	for _, parent := range l.below {
		if o.scheme == parent.scheme && o.port == parent.port && strings.HasSuffix(o.host, "."+parent.host) {
			return true
		}
	}
	return false
}

// Same reports whether an Origin header names the host that the request went to.
func Same(header, host string) bool {
	o, err := Parse(header)
	return err == nil && o.Serves(host)
}
