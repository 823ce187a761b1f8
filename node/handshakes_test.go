package node_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"chorus/auth"
)

// Each refused handshake is one line with code, address and remedy, and counts.
func TestRefusedHandshakesAreLogged(t *testing.T) {
	var log capture
	cfg := valid()
	cfg.Logger = log.logger(slog.LevelInfo)
	cfg.Admin.Listen = freeAddr(t)
	n := run(t, cfg)
	url := "http://" + n.addr

	ask := func(path, name, value string) func() {
		return func() {
			r, _ := http.NewRequest(http.MethodGet, url+path, nil)
			if name != "" {
				r.Header.Set(name, value)
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
		}
	}
	connect := func(packet string) func() {
		return func() {
			c := dial(t, n.addr)
			c.send(packet)
			c.await("44")
		}
	}
	wrong, err := auth.Sign(strings.Repeat("another secret", 4), "HS256", map[string]any{"sub": "eve", "exp": 9e9})
	if err != nil {
		t.Fatal(err)
	}
	expired, err := auth.Sign(secret, "HS256", map[string]any{"sub": "eve", "exp": 1e9})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		code, remedy string
		do           func()
	}{
		{"origin_not_allowed", "cors.origins", ask("/socket.io/?EIO=4&transport=polling", "Origin", "https://evil.example")},
		{"unknown_session", "sticky", ask("/socket.io/?EIO=4&transport=polling&sid=gone", "", "")},
		{"engine_io_3", "allow_eio3", ask("/socket.io/?EIO=3&transport=polling", "", "")},
		{"unsupported_protocol", "EIO", ask("/socket.io/?EIO=9&transport=polling", "", "")},
		{"unknown_transport", "polling", ask("/socket.io/?EIO=4&transport=pigeon", "", "")},
		{"unknown_path", "path", ask("/chat/?EIO=4&transport=polling", "", "")},
		{"unknown_namespace", "namespace", connect(`40/typo,{"token":"` + token(t) + `"}`)},
		{"credentials_required", "auth", connect(`40`)},
		{"invalid_token", "auth.secret", connect(`40{"token":"` + wrong + `"}`)},
		{"token_expired", "new token", connect(`40{"token":"` + expired + `"}`)},
	}
	for _, test := range tests {
		t.Run(test.code, func(t *testing.T) {
			test.do()
			line := log.await(t, map[string]any{"code": test.code})
			if address := fmt.Sprint(line["address"]); !strings.HasPrefix(address, "127.0.0.1:") {
				t.Errorf("the address is %q", address)
			}
			if remedy := fmt.Sprint(line["remedy"]); !strings.Contains(remedy, test.remedy) {
				t.Errorf("the remedy is %q, want one with %q", remedy, test.remedy)
			}
			_, metrics := get(t, "http://"+cfg.Admin.Listen+"/metrics")
			if want := fmt.Sprintf("chorus_handshakes_refused_total{code=%q} 1\n", test.code); !strings.Contains(metrics, want) {
				t.Errorf("no %q in the metrics", want)
			}
		})
	}
}

// A token that a client sends with the event "authenticate" is refused as one of the handshake is.
func TestRefusedAuthenticateIsLogged(t *testing.T) {
	var log capture
	cfg := valid()
	cfg.Logger = log.logger(slog.LevelInfo)
	cfg.Admin.Listen = freeAddr(t)
	cfg.Auth.Mode = "event"
	cfg.Auth.EventTimeout = time.Second
	n := run(t, cfg)
	wrong, err := auth.Sign(strings.Repeat("another secret", 4), "HS256", map[string]any{"sub": "eve", "exp": 9e9})
	if err != nil {
		t.Fatal(err)
	}
	client := dial(t, n.addr)
	client.send("40")
	client.await("40")
	client.send(`42["authenticate",{"token":"` + wrong + `"}]`)
	client.await("42") // "unauthorized", with an acknowledgement
	late := dial(t, n.addr)
	late.send("40")
	late.await("41") // it has sent no token in time
	for code, remedy := range map[string]string{"invalid_token": "auth.secret", "credentials_required": "token"} {
		line := log.await(t, map[string]any{"code": code, "event": "authenticate", "namespace": "/"})
		if !strings.Contains(fmt.Sprint(line["remedy"]), remedy) || !strings.HasPrefix(fmt.Sprint(line["address"]), "127.0.0.1:") {
			t.Errorf("got %v", line)
		}
		_, metrics := get(t, "http://"+cfg.Admin.Listen+"/metrics")
		if want := fmt.Sprintf("chorus_handshakes_refused_total{code=%q}", code); !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
}

// What others can cause is limited, with a count of the rest.
func TestLogIsLimited(t *testing.T) {
	var log capture
	cfg := valid()
	cfg.Logger = log.logger(slog.LevelInfo)
	n := run(t, cfg)
	const requests = 100
	for range requests {
		status, _ := get(t, "http://"+n.addr+"/socket.io/?EIO=4&transport=polling&sid=gone")
		if status != http.StatusBadRequest {
			t.Fatalf("got %d", status)
		}
	}
	counted := func() int {
		sum := 0
		for _, line := range log.find(map[string]any{"code": "unknown_session"}) {
			left, _ := line["not_logged"].(float64)
			sum += 1 + int(left)
		}
		return sum
	}
	eventually(t, "all are accounted for", func() bool { return counted() == requests })
	if lines := len(log.find(map[string]any{"code": "unknown_session"})); lines > requests/2 {
		t.Errorf("%d lines", lines)
	}
}

// A refused origin is one warning a minute, which names the setting.
func TestRefusedOriginIsAWarning(t *testing.T) {
	var log capture
	cfg := valid()
	cfg.Logger = log.logger(slog.LevelWarn)
	n := run(t, cfg)
	for range 3 {
		for _, origin := range []string{"https://one.example", "https://two.example"} {
			r, _ := http.NewRequest(http.MethodGet, "http://"+n.addr+"/socket.io/?EIO=4&transport=polling", nil)
			r.Header.Set("Origin", origin)
			if origin == "https://two.example" {
				r.Header.Set("X-Forwarded-Host", "two.example") // of a proxy that nobody trusts
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
		}
	}
	for origin, setting := range map[string]string{"https://one.example": "CHORUS_CORS_ORIGINS", "https://two.example": "CHORUS_TRUSTED_PROXIES"} {
		lines := log.find(map[string]any{"level": "WARN", "origin": origin})
		if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0]["remedy"]), setting) {
			t.Errorf("%s: got %v, want one line with %s", origin, lines, setting)
		}
	}
}

// Browsers let a page read a refusal only with the headers of CORS.
func TestRefusalsByLimitCarryCORS(t *testing.T) {
	cfg := valid()
	cfg.CORS.Origins = []string{"https://app.example"}
	cfg.MaxConnections = 1
	n := run(t, cfg)
	dial(t, n.addr)
	handshake := func() *http.Response {
		r, _ := http.NewRequest(http.MethodGet, "http://"+n.addr+"/socket.io/?EIO=4&transport=polling", nil)
		r.Header.Set("Origin", "https://app.example")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response
	}
	check := func(what string) {
		t.Helper()
		response := handshake()
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d with %v", what, response.StatusCode, response.Header)
		}
	}
	check("one too many")
	if err := n.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("the node ends")
}

// At level debug each client that comes and goes is a line.
func TestConnectsAreLoggedAtDebug(t *testing.T) {
	var log capture
	cfg := valid()
	cfg.Logger = log.logger(slog.LevelDebug)
	n := run(t, cfg)
	c := join(t, n.addr, token(t))
	line := log.await(t, map[string]any{"msg": "client connected"})
	if line["subject"] != "alice" || line["namespace"] != "/" || line["socket"] == nil || line["address"] == nil {
		t.Errorf("got %v", line)
	}
	_ = c.ws.Close()
	if line := log.await(t, map[string]any{"msg": "client disconnected", "socket": line["socket"]}); line["reason"] == nil {
		t.Errorf("got %v", line)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if bytes.Contains(fmt.Appendf(nil, "%v", log.lines), []byte("eyJ")) {
		t.Error("a token is in the log")
	}
}
