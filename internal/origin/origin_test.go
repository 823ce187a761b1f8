package origin_test

import (
	"strings"
	"testing"

	"chorus/internal/origin"
)

func TestSame(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header, host string
		want               bool
	}{
		{"equal", "https://chat.example.com", "chat.example.com", true},
		{"explicit default port in Host", "https://chat.example.com", "chat.example.com:443", true},
		{"http with :80", "http://chat.example.com", "chat.example.com:80", true},
		{"default port in the origin", "https://chat.example.com:443", "chat.example.com", true},
		{"port of the other scheme", "https://chat.example.com", "chat.example.com:80", false},
		{"another port", "https://chat.example.com", "chat.example.com:8443", false},
		{"port with zeros", "https://chat.example.com:0443", "chat.example.com", true},
		{"case", "HTTPS://Chat.Example.COM", "chat.EXAMPLE.com", true},
		{"dot of the root in Host", "https://chat.example.com", "chat.example.com.", true},
		{"dot of the root in the origin", "https://chat.example.com.", "chat.example.com:443", true},
		{"IDN in Host", "https://xn--bcher-kva.example", "bücher.example", true},
		{"IDN in both", "https://BÜCHER.example", "xn--bcher-kva.example:443", true},
		{"IPv6", "http://[::1]:3000", "[::1]:3000", true},
		{"IPv6, long form", "http://[0:0:0:0:0:0:0:1]", "[::1]:80", true},
		{"underscore", "http://my_host:3000", "my_host:3000", true},
		{"parent", "https://example.com", "chat.example.com", false},
		{"begins alike", "https://chat.example.com.evil.example", "chat.example.com", false},
		{"user name", "https://chat.example.com@evil.example", "evil.example", false},
		{"user name in Host", "https://evil.example", "chat.example.com@evil.example", false},
		{"path", "https://chat.example.com/", "chat.example.com", false},
		{"null", "null", "null", false},
		{"no scheme", "chat.example.com", "chat.example.com", false},
		{"an app of the same host", "capacitor://localhost", "localhost", false},
		{"file", "file://", "", false},
		{"nothing", "", "", false},
		{"list", "https://chat.example.com https://evil.example", "chat.example.com", false},
		{"line end", "https://chat.example.com\r\n", "chat.example.com", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := origin.Same(test.header, test.host); got != test.want {
				t.Errorf("Same(%q, %q) = %v", test.header, test.host, got)
			}
		})
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, entries, header string
		want                  bool
	}{
		{"equal", "https://app.example.com", "https://app.example.com", true},
		{"of several", "https://a.example,https://b.example", "https://b.example", true},
		{"default port listed", "https://app.example.com:443", "https://app.example.com", true},
		{"case and dot", "https://App.Example.com.", "https://app.example.com", true},
		{"IDN listed in Unicode", "https://bücher.example", "https://xn--bcher-kva.example", true},
		{"other scheme", "https://app.example.com", "http://app.example.com", false},
		{"other port", "http://localhost:8080", "http://localhost:8081", false},
		{"one label", "https://*.example.com", "https://a.example.com", true},
		{"two labels", "https://*.example.com", "https://a.b.example.com", true},
		{"the parent itself", "https://*.example.com", "https://example.com", false},
		{"ends alike", "https://*.example.com", "https://badexample.com", false},
		{"below, other scheme", "https://*.example.com", "http://a.example.com", false},
		{"below, other port", "https://*.example.com", "https://a.example.com:8443", false},
		{"below, with port", "https://*.example.com:8443", "https://a.example.com:8443", true},
		{"below, IDN", "https://*.bücher.example", "https://a.xn--bcher-kva.example", true},
		{"file", "file://", "file://", true},
		{"capacitor", "capacitor://localhost", "capacitor://localhost", true},
		{"ionic", "ionic://localhost", "ionic://localhost", true},
		{"extension", "chrome-extension://abcdef", "chrome-extension://abcdef", true},
		{"other app", "capacitor://localhost", "ionic://localhost", false},
		{"null named", "null", "null", true},
		{"null not named", "https://app.example.com", "null", false},
		{"all", "*", "https://evil.example", true},
		{"all, null", "*", "null", true},
		{"none", "", "https://app.example.com", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			list, err := origin.NewList(split(test.entries))
			if err != nil {
				t.Fatal(err)
			}
			if got := list.Contains(test.header); got != test.want {
				t.Errorf("%q contains %q: %v", test.entries, test.header, got)
			}
		})
	}
}

func split(entries string) []string {
	if entries == "" {
		return nil
	}
	return strings.Split(entries, ",")
}

func TestListRefusesWhatNeverMatches(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{
		"", "example.com", "*.example.com", "https://", "https://app.example.com/", "https://app.example.com/path",
		"https://app.example.com?x", "https://user@app.example.com", "https://app.example.com:port", "https://app.example.com:99999",
		"https://*", "https://a.*.example.com", "https://*a.example.com", "https://*.", "https://**.example.com",
		"wss://app.example.com", "https:/app.example.com", "https://a b.example", "https://1.2.3", "https://127.1",
		"https://[::1", "https://[fe80::1%25eth0]", "https://..", "file:///home", "NULL", " https://app.example.com", "https://*.*",
	} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			if _, err := origin.NewList([]string{entry}); err == nil {
				t.Errorf("%q was taken", entry)
			}
		})
	}
}

// "*" and "null" let pages in, but never with the cookie of a visitor.
func TestNames(t *testing.T) {
	t.Parallel()
	list, err := origin.NewList([]string{"*", "null", "https://app.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]bool{"https://app.example.com": true, "https://evil.example": false, "null": false, "*": false} {
		if got := list.Names(header); got != want {
			t.Errorf("Names(%q) = %v", header, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"https://a.example:443", "null", "file://", "http://[::1]:80", "https://bücher.example", "https://*.x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := origin.Parse(text)
		if err != nil {
			return
		}
		scheme, host, _ := strings.Cut(text, "://")
		web := strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
		if o.Serves(host) != web {
			t.Errorf("%q serves %q: %v", text, host, !web)
		}
	})
}
