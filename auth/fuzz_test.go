package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"chorus/auth"
)

func decodeB64(s string) (string, error) {
	data, err := base64.RawURLEncoding.DecodeString(s)
	return string(data), err
}

// FuzzVerify looks for a token that is let in without the signature of the secret.
func FuzzVerify(f *testing.F) {
	good := craft(secret, hs256, `{"sub":"ada",`+soon+`}`)
	for _, seed := range []string{
		good, rfc7515Token, "", "..", good[:len(good)-1], good + "=", good + "\n",
		b64(`{"alg":"none"}`) + "." + b64(`{}`) + ".",
		craft(secret, `{"alg":"HS256","crit":["x"]}`, `{`+soon+`}`),
		craft(otherSecret, hs256, `{`+soon+`}`),
	} {
		f.Add(seed)
	}
	v := newVerifierAt(f, nil)
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := v.Verify(t.Context(), token)
		if (claims == nil) == (err == nil) {
			t.Fatalf("claims %v with error %v", claims, err)
		}
		if err == nil && token != good {
			t.Fatalf("let in: %q", token)
		}
	})
}

// FuzzClaims feeds payloads that are signed, as a careless issuer could.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{` + soon + `}`, `{"exp":1e999}`, `{"exp":-0,"nbf":1.5e3}`, `{"a":1,"a":2}`, `{"aud":["a",1]}`, nested(33), `{"\ud800":1}`,
	} {
		f.Add(seed)
	}
	v := newVerifierAt(f, func(o *auth.Options) { o.AllowMissingExp = true; o.MaxTokenBytes = 1 << 20 })
	f.Fuzz(func(t *testing.T, payload string) {
		claims, err := v.Verify(t.Context(), seal(secret, b64(hs256)+"."+b64(payload), sha256.New))
		if err != nil {
			if errors.Is(err, auth.ErrSignatureInvalid) {
				t.Fatal(err)
			}
			return
		}
		if _, err := json.Marshal(claims); err != nil {
			t.Fatalf("claims that have no JSON: %v", err)
		}
		if !json.Valid([]byte(payload)) {
			t.Fatalf("let in: %q", payload)
		}
	})
}
