package auth_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chorus/auth"
)

// originTests are about who may use a cookie. The host is chat.example.
var originTests = []struct {
	name    string
	listed  []string
	header  http.Header
	allowed bool
}{
	{"own", nil, http.Header{"Origin": {"https://chat.example"}}, true},
	{"own, other scheme, as behind a proxy", nil, http.Header{"Origin": {"http://chat.example"}}, true},
	{"own, other case", nil, http.Header{"Origin": {"https://Chat.Example"}}, true},
	{"other port", nil, http.Header{"Origin": {"https://chat.example:8443"}}, false},
	{"foreign", nil, http.Header{"Origin": {"https://evil.example"}}, false},
	{"begins alike", nil, http.Header{"Origin": {"https://chat.example.evil.example"}}, false},
	{"ends alike", nil, http.Header{"Origin": {"https://evilchat.example"}}, false},
	{"user information", nil, http.Header{"Origin": {"https://chat.example@evil.example"}}, false},
	{"two", nil, http.Header{"Origin": {"https://chat.example", "https://evil.example"}}, false},
	{"nonsense", nil, http.Header{"Origin": {"://"}}, false},
	{"empty", nil, http.Header{"Origin": {""}}, false},
	{"null", nil, http.Header{"Origin": {"null"}}, false},
	{"null, listed", []string{"null"}, http.Header{"Origin": {"null"}}, false},
	{"listed", []string{"https://a.example", "https://app.example"}, http.Header{"Origin": {"https://app.example"}}, true},
	{"listed, other case", []string{"https://App.Example"}, http.Header{"Origin": {"https://app.example"}}, true},
	{"listed, other scheme", []string{"https://app.example"}, http.Header{"Origin": {"http://app.example"}}, false},
	{"all", []string{"*"}, http.Header{"Origin": {"https://evil.example"}}, false},
	{"all, and it says so", []string{"*"}, http.Header{"Origin": {"*"}}, false},
	{"all, own", []string{"*"}, http.Header{"Origin": {"https://chat.example"}}, true},
	{"neither header", nil, nil, false},
	{"no origin, same-origin", nil, http.Header{"Sec-Fetch-Site": {"same-origin"}}, true},
	{"no origin, same-site", nil, http.Header{"Sec-Fetch-Site": {"same-site"}}, false},
	{"no origin, cross-site", []string{"*"}, http.Header{"Sec-Fetch-Site": {"cross-site"}}, false},
	{"no origin, typed by the user", nil, http.Header{"Sec-Fetch-Site": {"none"}}, false},
	{"no origin, two sites", nil, http.Header{"Sec-Fetch-Site": {"same-origin", "cross-site"}}, false},
	{"foreign that says same-origin", nil, http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"same-origin"}}, false},
}

func TestOriginOfHTTP(t *testing.T) {
	t.Parallel()
	good := sign(t, secret, map[string]any{"sub": "ada", "exp": time.Now().Unix() + 60})
	v := newVerifier(t, nil)
	for _, test := range originTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			opts := auth.HTTPOptions{Cookie: "session", Origins: test.listed}
			r := request("/", "Cookie", "session="+good)
			for name, values := range test.header {
				r.Header[name] = values
			}
			want := http.StatusForbidden
			if test.allowed {
				want = http.StatusOK
			}
			if w := ask(t, v, opts, r); w.Code != want {
				t.Errorf("got %d, want %d", w.Code, want)
			}
			r.Header.Del("Cookie")
			r.Header.Set("Authorization", "Bearer "+good)
			if w := ask(t, v, opts, r); w.Code != http.StatusOK {
				t.Errorf("without a cookie the origin is of no matter, but got %d", w.Code)
			}
		})
	}
}

func TestOriginOfSocketIO(t *testing.T) {
	t.Parallel()
	good := sign(t, secret, goodClaims("ada"))
	for _, test := range originTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			io := serve(t, auth.MiddlewareOptions{Cookie: "session", Origins: test.listed})
			header := test.header.Clone()
			if header == nil {
				header = http.Header{}
			}
			header.Set("Cookie", "session="+good)
			header.Set("Host", "chat.example")
			cl := dial(t, io, "", header)
			cl.send("0")
			want := `4{"data":{"code":"origin_not_allowed"`
			if test.allowed {
				want = `0{"sid":`
			}
			packet := cl.next()
			if !strings.HasPrefix(packet, want) && (test.allowed || !strings.Contains(packet, `"code":"origin_not_allowed"`)) {
				t.Errorf("got %s, want %s", packet, want)
			}
		})
	}
}

// A cookie is not looked at when the token is elsewhere.
func TestOriginOfOtherSources(t *testing.T) {
	t.Parallel()
	good := sign(t, secret, goodClaims("ada"))
	io := serve(t, auth.MiddlewareOptions{Cookie: "session"})
	dial(t, io, "", http.Header{"Cookie": {"session=x"}, "Origin": {"https://evil.example"}}).connect(tokenObject(good))
}

// The list of origins may change while the server runs.
func TestOriginsThatChange(t *testing.T) {
	t.Parallel()
	good := sign(t, secret, goodClaims("ada"))
	var listed atomic.Bool
	io := serve(t, auth.MiddlewareOptions{Cookie: "session", OriginListed: func(origin string) bool {
		return listed.Load() && origin == "https://app.example"
	}})
	for _, want := range []string{`"code":"origin_not_allowed"`, `0{"sid":`} {
		cl := dial(t, io, "", http.Header{"Cookie": {"session=" + good}, "Origin": {"https://app.example"}})
		cl.send("0")
		if packet := cl.next(); !strings.Contains(packet, want) {
			t.Errorf("got %s, want %s", packet, want)
		}
		listed.Store(true)
	}
}
