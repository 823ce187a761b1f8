package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/token"
)

// ask sends a request through auth.HTTP to a handler that answers with the subject.
func ask(t *testing.T, v *auth.Verifier, opts auth.HTTPOptions, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	auth.HTTP(v, opts)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, auth.FromContext(r.Context()).Subject())
	})).ServeHTTP(w, r)
	return w
}

// request makes one with headers of these names and values.
func request(target string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, nil)
	r.Host = "chat.example"
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	good := sign(t, secret, map[string]any{"sub": "ada", "exp": now + 60, "chorus": map[string]any{"api": []string{"publish"}}})
	expired := sign(t, secret, map[string]any{"sub": "ada", "exp": now - 60})
	forged := sign(t, otherSecret, map[string]any{"sub": "ada", "exp": now + 60})
	const own, invalid = "https://chat.example", `Bearer realm="chorus", error="invalid_token", error_description=`
	const twice = `Bearer realm="chorus", error="invalid_request", error_description="the token must be one string: [token] or Bearer [token]"`
	all := auth.HTTPOptions{Cookie: "session", Query: "access_token", API: "publish"}

	tests := []struct {
		name      string
		opts      auth.HTTPOptions
		request   *http.Request
		status    int
		code      string
		challenge string
	}{
		{"header", auth.HTTPOptions{}, request("/", "Authorization", "Bearer "+good), 200, "ok", ""},
		{"header, other case", auth.HTTPOptions{}, request("/", "Authorization", "bEARER  "+good), 200, "ok", ""},
		{"query", all, request("/?access_token=" + good), 200, "ok", ""},
		{"cookie", all, request("/", "Cookie", "a=b; session="+good, "Origin", own), 200, "ok", ""},
		{"permitted", auth.HTTPOptions{API: "publish"}, request("/", "Authorization", "Bearer "+good), 200, "ok", ""},

		{"nothing", all, request("/"), 401, "credentials_required", `Bearer realm="chorus"`},
		{"Basic", all, request("/", "Authorization", "Basic YTpi"), 401, "credentials_required", `Bearer realm="chorus"`},
		{"no scheme", all, request("/", "Authorization", good), 401, "credentials_required", `Bearer realm="chorus"`},
		{"empty header", all, request("/", "Authorization", ""), 401, "credentials_required", `Bearer realm="chorus"`},
		{"query that is not on", auth.HTTPOptions{}, request("/?access_token=" + good), 401, "credentials_required", `Bearer realm="chorus"`},
		{"query of another name", all, request("/?token=" + good), 401, "credentials_required", `Bearer realm="chorus"`},
		{"cookie that is not on", auth.HTTPOptions{}, request("/", "Cookie", "session="+good, "Origin", own), 401, "credentials_required", `Bearer realm="chorus"`},
		{"preflight", all, httptest.NewRequest(http.MethodOptions, "/", nil), 401, "credentials_required", `Bearer realm="chorus"`},

		{"Bearer and no token", all, request("/", "Authorization", "Bearer "), 400, "credentials_bad_format", twice},
		{"header twice", all, request("/", "Authorization", "Bearer "+good, "Authorization", "Bearer "+good), 400, "credentials_bad_format", twice},
		{"query twice", all, request("/?access_token=" + good + "&access_token=" + good), 400, "credentials_bad_format", twice},
		{"cookie twice", all, request("/", "Cookie", "session=; session="+good+"; session=old", "Origin", own), 200, "ok", ""},
		{"header and query", all, request("/?access_token="+good, "Authorization", "Bearer "+good), 400, "credentials_bad_format", twice},
		{"header and cookie", all, request("/", "Authorization", "Bearer "+good, "Cookie", "session="+good, "Origin", own), 400, "credentials_bad_format", twice},
		{"query and cookie", all, request("/?access_token="+good, "Cookie", "session="+good, "Origin", own), 400, "credentials_bad_format", twice},

		{"expired", all, request("/", "Authorization", "Bearer "+expired), 401, "token_expired", invalid + `"jwt expired"`},
		{"forged", all, request("/?access_token=" + forged), 401, "invalid_token", invalid + `"invalid signature"`},
		{"malformed", all, request("/", "Authorization", "Bearer a b"), 401, "invalid_token", invalid + `"jwt malformed"`},
		{"too large", all, request("/", "Authorization", "Bearer "+strings.Repeat("a", 9000)), 401, "token_too_large", invalid + `"the token is too large"`},

		{"not permitted", auth.HTTPOptions{API: "disconnect"}, request("/", "Authorization", "Bearer "+good), 403, "forbidden",
			`Bearer realm="chorus", error="insufficient_scope", error_description="forbidden", scope="disconnect"`},
		{"cookie of a foreign page", all, request("/", "Cookie", "session="+good, "Origin", "https://evil.example"), 403, "origin_not_allowed", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var observed []string
			test.opts.Observe = func(code string) { observed = append(observed, code) }
			w := ask(t, newVerifier(t, nil), test.opts, test.request)
			if w.Code != test.status || w.Header().Get("WWW-Authenticate") != test.challenge {
				t.Errorf("got %d and %q, want %d and %q", w.Code, w.Header().Get("WWW-Authenticate"), test.status, test.challenge)
			}
			if len(observed) != 1 || observed[0] != test.code {
				t.Errorf("observed %q, want %s", observed, test.code)
			}
			body := w.Body.String()
			if test.code == "ok" {
				if body != "ada" {
					t.Errorf("got body %q", body)
				}
				return
			}
			if !strings.HasPrefix(body, `{"error":{`) || !strings.Contains(body, `"code":"`+test.code+`"`) || !strings.Contains(body, `"ok":false`) {
				t.Errorf("got body %s", body)
			}
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got headers %v", w.Header())
			}
			if strings.Contains(body, good) || strings.Contains(fmt.Sprint(w.Header()), good) {
				t.Error("the answer has the token in it")
			}
		})
	}
}

// Neither good nor bad: the client asks again later.
func TestHTTPUndecided(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := request("/", "Authorization", "Bearer x").WithContext(ctx)
	w := ask(t, newVerifier(t, nil), auth.HTTPOptions{}, r)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"internal_error"`) {
		t.Errorf("got %d, %v, %s", w.Code, w.Header(), w.Body)
	}
	for _, err := range []error{token.ErrKeysUnavailable, fmt.Errorf("x: %w", auth.ErrMisconfigured)} {
		w := httptest.NewRecorder()
		auth.RefuseHTTP(w, err, "")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%v: got %d, %v", err, w.Code, w.Header())
		}
	}
}

// What a handler can log has no token in it, and all else.
func TestHTTPTakesTheTokenAway(t *testing.T) {
	t.Parallel()
	good := sign(t, secret, map[string]any{"sub": "ada", "exp": time.Now().Unix() + 60})
	opts := auth.HTTPOptions{Cookie: "session", Query: "token"}
	tests := []struct {
		name    string
		request *http.Request
	}{
		{"header", request("/a?b=1&c=%20", "Authorization", "Bearer "+good, "Cookie", "theme=dark")},
		{"query", request("/a?b=1&%74oken="+good+"&c=%20", "Cookie", "theme=dark")},
		{"cookie", request("/a?b=1&c=%20", "Cookie", "session="+good+"; theme=dark", "Origin", "http://chat.example")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_ = test.request.ParseForm() // as a handler before may have done
			before := fmt.Sprint(test.request.Header, test.request.RequestURI, test.request.URL, test.request.Form)
			var got *http.Request
			auth.HTTP(newVerifier(t, nil), opts)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r })).
				ServeHTTP(httptest.NewRecorder(), test.request)
			if got == nil {
				t.Fatal("it was refused")
			}
			if seen := fmt.Sprint(got.Header, got.RequestURI, got.URL, got.Form); strings.Contains(seen, good) {
				t.Errorf("the token stayed: %s", seen)
			}
			if got.RequestURI != "/a?b=1&c=%20" || got.URL.String() != "/a?b=1&c=%20" || got.Header.Get("Cookie") != "theme=dark" {
				t.Errorf("got %s, %s, %v", got.RequestURI, got.URL, got.Header)
			}
			if after := fmt.Sprint(test.request.Header, test.request.RequestURI, test.request.URL, test.request.Form); after != before {
				t.Errorf("the request itself was changed from %s to %s", before, after)
			}
		})
	}
}

func TestHTTPPrivateWithQuery(t *testing.T) {
	t.Parallel()
	good := sign(t, secret, map[string]any{"sub": "ada", "exp": time.Now().Unix() + 60})
	opts := auth.HTTPOptions{Query: "access_token"}
	if got := ask(t, newVerifier(t, nil), opts, request("/?access_token="+good)).Header().Get("Cache-Control"); got != "private" {
		t.Errorf("query: got %q", got)
	}
	if got := ask(t, newVerifier(t, nil), opts, request("/", "Authorization", "Bearer "+good)).Header().Get("Cache-Control"); got != "" {
		t.Errorf("header: got %q", got)
	}
}

func TestHTTPPanics(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, nil)
	for name, make := range map[string]func(){
		"no verifier":   func() { auth.HTTP(nil, auth.HTTPOptions{}) },
		"quote in API":  func() { auth.HTTP(v, auth.HTTPOptions{API: `a"b`}) },
		"space in API":  func() { auth.HTTP(v, auth.HTTPOptions{API: "a b"}) },
		"letter in API": func() { auth.HTTP(v, auth.HTTPOptions{API: "ü"}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			make()
		}()
	}
	if auth.FromContext(t.Context()) != nil {
		t.Error("claims out of nothing")
	}
}

func TestRedactURL(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"/socket.io/":                              "/socket.io/",
		"/socket.io/?":                             "/socket.io/?",
		"/?EIO=4&token=abc&transport=polling":      "/?EIO=4&token=redacted&transport=polling",
		"https://a.example/x?access_token=a.b.c#f": "https://a.example/x?access_token=redacted",
		"/?%74oken=abc&t%6Fken=def":                "/?%74oken=redacted&t%6Fken=redacted",
		"/?token=a&token=b":                        "/?token=redacted&token=redacted",
		"/?a=1;token=abc;b=2":                      "/?a=1;token=redacted;b=2",
		"/?token":                                  "/?token=redacted",
		"/?token=a=b":                              "/?token=redacted",
		"/?%zz=abc":                                "/?%zz=redacted",
		"/?mytoken=a&tokens=b&q=token=c":           "/?mytoken=a&tokens=b&q=token=c",
	} {
		if got := auth.RedactURL(uri); got != want {
			t.Errorf("%s: got %s, want %s", uri, got, want)
		}
	}
}

func ExampleHTTP() {
	verifier, err := auth.NewVerifier(auth.Options{Secrets: []string{"a secret of at least thirty-two bytes"}})
	if err != nil {
		panic(err)
	}
	publish := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims := auth.FromContext(r.Context())
		if !claims.Can(permission.Publish, r.PathValue("room")) {
			http.Error(w, claims.Decide(permission.Publish, r.PathValue("room")).Rule(), http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintln(w, claims.Subject(), "may publish here")
	})
	mux := http.NewServeMux()
	mux.Handle("POST /rooms/{room}", auth.HTTP(verifier, auth.HTTPOptions{API: "publish"})(publish))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/rooms/lobby", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	fmt.Print(w.Body)
	// Output:
	// 401 Bearer realm="chorus"
	// {"error":{"code":"credentials_required","message":"no token provided"},"ok":false}
}
