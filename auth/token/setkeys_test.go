package token_test

import (
	"errors"
	"sync"
	"testing"

	tokens "chorus/auth/token"

	"github.com/golang-jwt/jwt/v5"
)

func TestSetKeys(t *testing.T) {
	t.Parallel()
	k := keys()
	v := newVerifierAt(t, nil)
	hmac, other := craft(secret, hs256, `{`+soon+`}`), craft(otherSecret, hs256, `{`+soon+`}`)
	es256 := signer{jwt.SigningMethodES256, k.p256}.token(t, "")
	want := func(token string, want error) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	set := func(secrets, public []string, want error) {
		t.Helper()
		if err := v.SetKeys(secrets, public); !errors.Is(err, want) {
			t.Fatalf("SetKeys: got %v, want %v", err, want)
		}
	}
	want(hmac, nil)
	want(hmac, nil) // from the cache
	want(other, tokens.ErrSignatureInvalid)

	set([]string{otherSecret, secret}, nil, nil)
	want(hmac, nil)
	want(other, nil)

	set([]string{otherSecret}, []string{k.p256PEM}, nil)
	want(hmac, tokens.ErrSignatureInvalid) // although it was in the cache
	want(other, nil)
	want(es256, nil)

	set(nil, nil, tokens.ErrNoKey)
	set([]string{"short"}, nil, tokens.ErrBadSecret)
	set([]string{secret}, []string{k.rsaPrivate}, tokens.ErrBadPublicKey)
	want(hmac, tokens.ErrSignatureInvalid) // nothing of that came into force
	want(other, nil)
	want(es256, nil)

	set(nil, []string{k.p256PEM}, nil)
	want(other, tokens.ErrAlgorithmRefused)
	want(es256, nil)
}

func TestSetKeysKeepsAlgorithms(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, func(o *tokens.Options) { o.Algorithms = []string{"HS256"} })
	if err := v.SetKeys(nil, []string{keys().rsaPEM}); !errors.Is(err, tokens.ErrUnknownAlgorithm) {
		t.Errorf("a key that cannot do the algorithm: %v", err)
	}
	if err := v.SetKeys([]string{otherSecret}, []string{keys().p256PEM}); err != nil {
		t.Fatal(err)
	}
	token := signer{jwt.SigningMethodES256, keys().p256}.token(t, "")
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, tokens.ErrAlgorithmRefused) {
		t.Errorf("got %v, want %v", err, tokens.ErrAlgorithmRefused)
	}
}

// From the moment SetKeys returns, whatever else is going on, removed keys are no good.
func TestSetKeysWhileInUse(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, nil)
	all := []string{craft(secret, hs256, `{`+soon+`}`), craft(otherSecret, hs256, `{`+soon+`}`)}
	secrets := []string{secret, otherSecret}
	ctx := t.Context()
	stop := make(chan struct{})
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for {
				for _, token := range all {
					if _, err := v.Verify(ctx, token); err != nil && !errors.Is(err, tokens.ErrSignatureInvalid) {
						t.Error(err)
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 500 {
		in := i % 2
		if err := v.SetKeys(secrets[in:in+1], nil); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(ctx, all[in]); err != nil {
			t.Errorf("token of the key that is there: %v", err)
		}
		if _, err := v.Verify(ctx, all[1-in]); !errors.Is(err, tokens.ErrSignatureInvalid) {
			t.Errorf("token of the key that is not: %v", err)
		}
	}
	close(stop)
	users.Wait()
}
