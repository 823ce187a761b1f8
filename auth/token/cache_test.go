package token_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	tokens "chorus/auth/token"
)

func TestCacheSavesSignatureChecks(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, nil)
	token := craft(secret, hs256, `{"sub":"ada",`+soon+`}`)
	first, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	for range 9 {
		if claims, err := v.Verify(t.Context(), token); err != nil || claims != first {
			t.Fatalf("got other claims, or %v", err)
		}
	}
	if got := v.Stats(); got.CacheHits != 9 || got.CacheMisses != 1 || got.CacheEntries != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, func(o *tokens.Options) { o.CacheSize = 10 })
	for i := range 100 {
		if _, err := v.Verify(t.Context(), craft(secret, hs256, fmt.Sprintf(`{%s,"jti":"%d"}`, soon, i))); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.Stats().CacheEntries; got != 10 {
		t.Errorf("got %d entries", got)
	}
}

func TestCacheOff(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, func(o *tokens.Options) { o.CacheSize = -1 })
	token := craft(secret, hs256, `{`+soon+`}`)
	for range 2 {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.Stats(); got != (tokens.Stats{}) {
		t.Errorf("got %+v", got)
	}
}

// Bad tokens are not remembered, and so cannot push out good ones.
func TestCacheHoldsGoodTokensOnly(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, func(o *tokens.Options) { o.Issuer = "us" })
	for _, token := range []string{
		craft(otherSecret, hs256, `{"iss":"us",`+soon+`}`),
		craft(secret, hs256, `{"iss":"them",`+soon+`}`),
		craft(secret, hs256, `{"iss":"us","exp":1}`),
		craft(secret, hs256, `{"iss":"us",`+soon+`,"nbf":1700000050}`),
		craft(secret, `{"alg":"none"}`, `{"iss":"us",`+soon+`}`),
	} {
		if _, err := v.Verify(t.Context(), token); err == nil {
			t.Fatalf("let in: %s", token)
		}
	}
	if got := v.Stats().CacheEntries; got != 0 {
		t.Errorf("got %d entries", got)
	}
}

func TestCacheEndsWithTheToken(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, func(o *tokens.Options) { o.Leeway = -1 })
	var now atomic.Int64
	now.Store(1700000059)
	tokens.SetNow(v, func() time.Time { return time.Unix(now.Load(), 0) })
	token := craft(secret, hs256, `{`+soon+`}`)
	for range 2 {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	now.Store(1700000060)
	for range 2 {
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, tokens.ErrExpired) {
			t.Errorf("got %v, want %v", err, tokens.ErrExpired)
		}
	}
	if got := v.Stats(); got.CacheEntries != 0 || got.CacheHits != 2 {
		t.Errorf("got %+v", got)
	}
}
