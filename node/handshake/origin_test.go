package handshake

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"chorus/internal/origin"
)

// checkOrigins returns the check of origins in front of a handler.
func checkOrigins(t *testing.T, entries []string, next http.Handler) http.Handler {
	t.Helper()
	allowed, err := origin.NewList(entries)
	if err != nil {
		t.Fatal(err)
	}
	check := &OriginCheck{Allowed: allowed, Refused: func(*http.Request) {}}
	return check.Middleware(next)
}

func TestOriginGuard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		allowed []string
		origin  string
		host    string
		want    int
		site    string // Sec-Fetch-Site
	}{
		{"none sent", nil, "", "chat.example", http.StatusOK, ""},
		{"same", nil, "https://chat.example", "chat.example", http.StatusOK, ""},
		{"same, with port", nil, "http://localhost:3000", "localhost:3000", http.StatusOK, ""},
		{"same, other case", nil, "https://Chat.Example", "chat.example", http.StatusOK, ""},
		{"other port", nil, "http://localhost:8080", "localhost:3000", http.StatusForbidden, ""},
		{"foreign", nil, "https://evil.example", "chat.example", http.StatusForbidden, ""},
		{"foreign that begins alike", nil, "https://chat.example.evil.example", "chat.example", http.StatusForbidden, ""},
		{"null", nil, "null", "chat.example", http.StatusForbidden, ""},
		{"nonsense", nil, "://", "", http.StatusForbidden, ""},
		{"listed", []string{"https://app.example"}, "https://app.example", "chat.example", http.StatusOK, ""},
		{"listed, other scheme", []string{"https://app.example"}, "http://app.example", "chat.example", http.StatusForbidden, ""},
		{"not listed", []string{"https://app.example"}, "https://evil.example", "chat.example", http.StatusForbidden, ""},
		{"all", []string{"*"}, "https://evil.example", "chat.example", http.StatusOK, ""},
		{"script of the same page", nil, "", "chat.example", http.StatusOK, "same-origin"},
		{"script of a foreign page", nil, "", "chat.example", http.StatusForbidden, "cross-site"},
		{"script of a sister page", []string{"https://app.example"}, "", "chat.example", http.StatusForbidden, "same-site"},
		{"script of a foreign page, all", []string{"*"}, "", "chat.example", http.StatusOK, "cross-site"},
		{"same, default port in Host", nil, "https://chat.example", "chat.example:443", http.StatusOK, ""},
		{"listed below", []string{"https://*.example"}, "https://a.b.example", "chat.test", http.StatusOK, ""},
		{"app", []string{"capacitor://localhost"}, "capacitor://localhost", "chat.test", http.StatusOK, ""},
		{"null, named", []string{"null"}, "null", "chat.example", http.StatusOK, ""},
		{"listed, and it says so", []string{"https://app.example"}, "https://app.example", "chat.example", http.StatusOK, "cross-site"},
	}
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for _, test := range tests {
		for _, upgrade := range []bool{false, true} {
			name := test.name
			if upgrade {
				name += ", WebSocket"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=polling", nil)
				r.Host = test.host
				if test.origin != "" {
					r.Header.Set("Origin", test.origin)
				}
				if test.site != "" {
					r.Header.Set("Sec-Fetch-Site", test.site)
				}
				if upgrade {
					r.Header.Set("Connection", "Upgrade")
					r.Header.Set("Upgrade", "websocket")
				}
				w := httptest.NewRecorder()
				checkOrigins(t, test.allowed, served).ServeHTTP(w, r)
				if w.Code != test.want {
					t.Fatalf("got %d, want %d", w.Code, test.want)
				}
			})
		}
	}
}

// What a browser asks before a request that is not simple, and what its page may read.
func TestOriginGuardAnswersCORS(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, allowed, credentials string
	}{
		{"listed", "https://app.example", "true"},
		{"all", "*", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodOptions, "/socket.io/", nil)
			r.Header.Set("Origin", "https://app.example")
			r.Header.Set("Access-Control-Request-Method", http.MethodPost)
			w := httptest.NewRecorder()
			checkOrigins(t, []string{test.allowed}, http.NotFoundHandler()).ServeHTTP(w, r)
			if w.Code != http.StatusNoContent {
				t.Fatalf("got %d", w.Code)
			}
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != "https://app.example" && got != test.allowed {
				t.Errorf("allowed origin %q", got)
			}
			if got := w.Header().Get("Access-Control-Allow-Credentials"); got != test.credentials {
				t.Errorf("credentials %q, want %q", got, test.credentials)
			}
		})
	}
}

// Behind a proxy that rewrites Host, the browser alone says that a request is of the same origin. On a
// WebSocket that does not count.
func TestOriginBehindProxy(t *testing.T) {
	t.Parallel()
	served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for _, test := range []struct {
		name, site, upgrade string
		want                int
	}{
		{"long-polling", "same-origin", "", http.StatusOK},
		{"long-polling of another page", "cross-site", "", http.StatusForbidden},
		{"WebSocket", "same-origin", "websocket", http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/socket.io/?EIO=4&transport=polling", nil)
			r.Host = "node:3000"
			r.Header.Set("Origin", "https://chat.example")
			r.Header.Set("Sec-Fetch-Site", test.site)
			r.Header.Set("Upgrade", test.upgrade)
			w := httptest.NewRecorder()
			checkOrigins(t, nil, served).ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("got %d, want %d", w.Code, test.want)
			}
		})
	}
}
