package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"hash"
	"strings"
	"testing"
	"time"

	tokens "chorus/auth/token"
)

const (
	secret      = "0123456789abcdef0123456789abcdef"
	otherSecret = "fedcba9876543210fedcba9876543210"
)

// epoch is the time of day in tests of the verifier alone.
var epoch = time.Unix(1_700_000_000, 0)

func newVerifier(tb testing.TB, change func(*tokens.Options)) *tokens.Verifier {
	tb.Helper()
	opts := tokens.Options{Secrets: []string{secret}}
	if change != nil {
		change(&opts)
	}
	v, err := tokens.NewVerifier(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// newVerifierAt is a verifier for which it is always epoch.
func newVerifierAt(tb testing.TB, change func(*tokens.Options)) *tokens.Verifier {
	tb.Helper()
	v := newVerifier(tb, change)
	tokens.SetNow(v, func() time.Time { return epoch })
	return v
}

func sign(tb testing.TB, key string, claims map[string]any) string {
	tb.Helper()
	token, err := tokens.Sign(key, "", claims)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// goodClaims returns a claim set that is good for a minute of real time.
func goodClaims(sub string) map[string]any {
	return map[string]any{"sub": sub, "exp": time.Now().Unix() + 60}
}

func quote(v any) string { return string(must(json.Marshal(v))) }

// craft signs any header and payload, well-formed or not.
func craft(key, header, payload string) string {
	return seal(key, b64(header)+"."+b64(payload), sha256.New)
}

func seal(key, input string, newHash func() hash.Hash) string {
	mac := hmac.New(newHash, []byte(key))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

const (
	hs256 = `{"alg":"HS256","typ":"JWT"}`
	soon  = `"exp":1700000060` // a minute after epoch
)

var hashes = map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}

// nested is an object around depth arrays.
func nested(depth int) string {
	return `{` + soon + `,"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
}

func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
