package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	tokens "chorus/auth/token"
)

// jwk is an entry of a JWKS.
type jwk map[string]any

// entry makes one of a public key; a kid, and other members over it, are put in if they are given.
func entry(public crypto.PublicKey, kid string, more jwk) jwk {
	var e jwk
	switch public := public.(type) {
	case *rsa.PublicKey:
		e = jwk{"kty": "RSA", "n": b64(string(public.N.Bytes())), "e": b64(string(big.NewInt(int64(public.E)).Bytes()))}
	case *ecdsa.PublicKey:
		point := string(must(public.Bytes()))[1:] // 4, X, Y
		e = jwk{"kty": "EC", "crv": public.Params().Name, "x": b64(point[:len(point)/2]), "y": b64(point[len(point)/2:])}
	case ed25519.PublicKey:
		e = jwk{"kty": "OKP", "crv": "Ed25519", "x": b64(string(public))}
	}
	if kid != "" {
		e["kid"] = kid
	}
	maps.Copy(e, more)
	return e
}

func jwks(entries ...any) string { return quote(map[string]any{"keys": entries}) }

// issuer publishes a JWKS. What it answers can be changed at any time.
type issuer struct {
	*httptest.Server
	mu       sync.Mutex
	answer   http.HandlerFunc
	requests int
}

func newIssuer(t *testing.T, entries ...any) *issuer {
	t.Helper()
	i := &issuer{answer: text(jwks(entries...))}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests++
	answer := i.answer
	i.mu.Unlock()
	answer(w, r)
}

func (i *issuer) set(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// trusting is a verifier with nothing but the JWKS at a URL, for which it is always epoch.
func trusting(t *testing.T, url string, change func(*tokens.Options)) *tokens.Verifier {
	t.Helper()
	v := newVerifierAt(t, func(o *tokens.Options) {
		o.Secrets, o.JWKSURL = nil, url
		if change != nil {
			change(o)
		}
	})
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// verify fails the test unless each token is refused with want, or let in when that is nil.
func verify(t *testing.T, v *tokens.Verifier, want error, all ...string) {
	t.Helper()
	for _, token := range all {
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}
