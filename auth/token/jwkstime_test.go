package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tokens "chorus/auth/token"
	"chorus/internal/testlog"

	"github.com/golang-jwt/jwt/v5"
)

// inProcess is an issuer without a network, for tests in which time does not pass by itself.
type inProcess struct {
	mu     sync.Mutex
	answer http.HandlerFunc // nil: it does not answer
	looks  []time.Time
}

func (p *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	answer := p.answer
	p.looks = append(p.looks, time.Now())
	p.mu.Unlock()
	if answer == nil {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	answer(w, r)
	return w.Result(), nil
}

func (p *inProcess) set(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// pauses returns the times between looks since the last call, and what came before the first one.
func (p *inProcess) pauses(since time.Time) []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	pauses := make([]time.Duration, 0, len(p.looks))
	for _, at := range p.looks {
		pauses = append(pauses, at.Sub(since))
		since = at
	}
	p.looks = nil
	return pauses
}

// records are what a logger has got, a level and a message each.
type records struct{ testlog.Buffer }

// take returns the levels since the last call.
func (r *records) take(t *testing.T) []string {
	t.Helper()
	var levels []string //nolint:prealloc // lines are not counted before
	for line := range strings.Lines(r.Take()) {
		var record struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		levels = append(levels, record.Level)
		if strings.Contains(line, "hidden") {
			t.Errorf("the log holds the query: %s", line)
		}
	}
	return levels
}

func trustingInProcess(t *testing.T, p *inProcess) (*tokens.Verifier, *records) {
	t.Helper()
	log := &records{}
	return trusting(t, "https://login.example/jwks?key=hidden", func(o *tokens.Options) {
		o.JWKSTransport, o.Logger = p, slog.New(slog.NewJSONHandler(log, nil))
	}), log
}

// check fails the test unless what was seen is this.
func check[T comparable](t *testing.T, what string, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestJWKSIsReadInTheBackground(t *testing.T) {
	t.Parallel()
	k := keys() // made outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		p := &inProcess{answer: text(jwks(entry(k.rsa.Public(), "1", nil)))}
		v, log := trustingInProcess(t, p)
		start := time.Now()
		token := signer{jwt.SigningMethodRS256, k.rsa}.token(t, "1")
		verify(t, v, nil, token)
		time.Sleep(12 * time.Minute)
		check(t, "looks", p.pauses(start), 0, 5*time.Minute, 5*time.Minute)
		check(t, "log", log.take(t), "INFO") // the first keys
		if age, ok := v.JWKSAge(); !ok || age != 2*time.Minute {
			t.Errorf("got age %s, %v", age, ok)
		}

		p.set(text(jwks(entry(k.p256.Public(), "2", nil))))
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		verify(t, v, tokens.ErrKeyUnknown, token)
		check(t, "log", log.take(t), "INFO") // the new ones
	})
}

func TestJWKSOutageInTheBackground(t *testing.T) {
	t.Parallel()
	k := keys()
	synctest.Test(t, func(t *testing.T) {
		p := &inProcess{answer: text(jwks(entry(k.rsa.Public(), "1", nil)))}
		v, log := trustingInProcess(t, p)
		start := time.Now()
		token := signer{jwt.SigningMethodRS256, k.rsa}.token(t, "1")
		verify(t, v, nil, token)
		synctest.Wait()
		p.set(status(500))
		time.Sleep(20 * time.Minute)
		s := time.Second
		check(t, "looks", p.pauses(start), 0, 5*time.Minute, s, 2*s, 4*s, 8*s, 16*s, 32*s, 64*s, 128*s, 256*s, 5*time.Minute)
		check(t, "log", log.take(t), "INFO", "WARN") // one word for the whole outage
		verify(t, v, nil, token)
		if got := v.Stats(); got.JWKSReads != 1 || got.JWKSFailures != 11 {
			t.Errorf("got %+v", got)
		}

		p.set(text(jwks(entry(k.rsa.Public(), "1", nil))))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		check(t, "log", log.take(t), "INFO") // it is over
		if age, ok := v.JWKSAge(); !ok || age > 5*time.Minute {
			t.Errorf("got age %s, %v", age, ok)
		}
	})
}

func TestJWKSThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	k := keys()
	synctest.Test(t, func(t *testing.T) {
		p := &inProcess{}
		v, log := trustingInProcess(t, p)
		start := time.Now()
		token := signer{jwt.SigningMethodRS256, k.rsa}.token(t, "")

		// Who comes early waits for the first look, as long as they like.
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := v.Verify(ctx, token); !errors.Is(err, tokens.ErrKeysUnavailable) || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		verify(t, v, tokens.ErrKeysUnavailable, token)
		if after := time.Since(start); after != 10*time.Second {
			t.Errorf("given up after %s", after)
		}
		if err := v.Ready(); !errors.Is(err, tokens.ErrKeysUnavailable) || !strings.Contains(err.Error(), "login.example: no answer in time") {
			t.Errorf("Ready says %v", err)
		}
		synctest.Wait()
		check(t, "log", log.take(t), "ERROR") // nobody can come in

		p.set(text(jwks(entry(k.rsa.Public(), "1", nil))))
		time.Sleep(time.Second)
		verify(t, v, nil, token)
		synctest.Wait()
		check(t, "log", log.take(t), "INFO", "INFO")
	})
}

// Tokens of unknown keys have the JWKS read three times in a row, and then once in 10 s.
func TestJWKSUnknownKidsAreRateLimited(t *testing.T) {
	t.Parallel()
	k := keys()
	synctest.Test(t, func(t *testing.T) {
		p := &inProcess{answer: text(jwks(entry(k.ed25519.Public(), "1", nil)))}
		v, _ := trustingInProcess(t, p)
		start := time.Now()
		stranger := signer{jwt.SigningMethodEdDSA, k.ed25519}
		verify(t, v, nil, stranger.token(t, "1"))
		for range 10 {
			verify(t, v, tokens.ErrKeyUnknown, stranger.token(t, "2"))
		}
		check(t, "looks at once", p.pauses(start), 0, 0, 0, 0)
		start = time.Now()
		for range 60 {
			time.Sleep(time.Second)
			verify(t, v, tokens.ErrKeyUnknown, stranger.token(t, "2"))
		}
		s := time.Second
		check(t, "looks within a minute", p.pauses(start), 10*s, 10*s, 10*s, 10*s, 10*s, 10*s)

		// The issuer has it now; the next look finds it.
		p.set(text(jwks(entry(k.ed25519.Public(), "2", nil))))
		verify(t, v, tokens.ErrKeyUnknown, stranger.token(t, "2"))
		time.Sleep(10 * time.Second)
		verify(t, v, nil, stranger.token(t, "2"))
	})
}

// spaces is an answer without an end, which counts what was read of it.
type spaces struct{ read int }

func (s *spaces) Read(p []byte) (int, error) {
	s.read += len(p)
	return copy(p, strings.Repeat(" ", len(p))), nil
}

func (s *spaces) Close() error { return nil }

func TestJWKSWithoutAnEnd(t *testing.T) {
	t.Parallel()
	body := &spaces{}
	v := trusting(t, "https://login.example", func(o *tokens.Options) {
		o.JWKSTransport = roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
		})
	})
	verify(t, v, tokens.ErrKeysUnavailable, signer{jwt.SigningMethodEdDSA, keys().ed25519}.token(t, "1"))
	if err := v.Ready(); err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
		t.Errorf("Ready says %v", err)
	}
	_ = v.Close()
	if body.read > 4<<20 { // of two looks at most, buffers included
		t.Errorf("%d bytes were read", body.read)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }
