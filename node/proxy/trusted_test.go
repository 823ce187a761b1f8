package proxy

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		trusted          []string
		peer             string
		header           http.Header
		wantAddr, wantIn string // address and host
	}{
		{"nobody trusted", nil, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.2.3.4"}, "X-Forwarded-Host": {"chat.example"}}, "10.0.0.1:1", "node:3000"},
		{"peer not trusted", []string{"10.0.0.0/8"}, "11.0.0.1:1", http.Header{"X-Forwarded-For": {"1.2.3.4"}, "X-Forwarded-Host": {"chat.example"}}, "11.0.0.1:1", "node:3000"},
		{"trusted", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.2.3.4"}, "X-Forwarded-Host": {"chat.example"}}, "1.2.3.4:0", "chat.example"},
		{"trusted, an address", []string{"10.0.0.1"}, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "1.2.3.4:0", "node:3000"},
		{"IPv4 peer on an IPv6 socket", []string{"10.0.0.0/8"}, "[::ffff:10.0.0.1]:1", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "1.2.3.4:0", "node:3000"},
		{"no header", []string{"10.0.0.0/8"}, "10.0.0.1:1", nil, "10.0.0.1:1", "node:3000"},
		{"made up by the client", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"9.9.9.9, 1.2.3.4"}}, "1.2.3.4:0", "node:3000"},
		{"two proxies", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"9.9.9.9, 1.2.3.4, 10.0.0.2"}}, "1.2.3.4:0", "node:3000"},
		{"two headers", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.2.3.4", "10.0.0.2"}}, "1.2.3.4:0", "node:3000"},
		{"all trusted", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"10.0.0.3, 10.0.0.2"}}, "10.0.0.3:0", "node:3000"},
		{"with a port", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.2.3.4:5678"}}, "1.2.3.4:0", "node:3000"},
		{"IPv6 with a port", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"[2001:db8::1]:5678"}}, "[2001:db8::1]:0", "node:3000"},
		{"nonsense", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.2.3.4, nonsense"}}, "10.0.0.1:1", "node:3000"},
		{"Forwarded", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"Forwarded": {`for=9.9.9.9, For="[2001:db8::1]:77";host="chat.example:443";proto=https`}}, "[2001:db8::1]:0", "node:3000"},
		{"Forwarded, one element", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"Forwarded": {`for=1.2.3.4;host=chat.example`}}, "1.2.3.4:0", "chat.example"},
		{"Forwarded, hidden", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"Forwarded": {`for=_secret`}}, "10.0.0.1:1", "node:3000"},
		{"X-Forwarded-For goes first", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"Forwarded": {`for=9.9.9.9`}, "X-Forwarded-For": {"1.2.3.4"}}, "1.2.3.4:0", "node:3000"},
		{"several hosts", []string{"10.0.0.0/8"}, "10.0.0.1:1", http.Header{"X-Forwarded-Host": {"chat.example, inner"}}, "10.0.0.1:1", "chat.example"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proxies, err := Parse(test.trusted)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Host = test.peer, "node:3000"
			for name, values := range test.header {
				r.Header[name] = values
			}
			proxies.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.RemoteAddr != test.wantAddr || r.Host != test.wantIn {
					t.Errorf("got %s and %s, want %s and %s", r.RemoteAddr, r.Host, test.wantAddr, test.wantIn)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}

func TestParseProxiesRefuses(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"", "10.0.0.0/33", "proxy.example", "10.0.0.1:80", "::ffff:10.0.0.0/104", "fe80::1%eth0"} {
		if _, err := Parse([]string{entry}); err == nil {
			t.Errorf("%q was taken", entry)
		}
	}
}
