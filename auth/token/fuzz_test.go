package token_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	tokens "chorus/auth/token"

	"github.com/golang-jwt/jwt/v5"
)

func decodeB64(s string) (string, error) {
	data, err := base64.RawURLEncoding.DecodeString(s)
	return string(data), err
}

// FuzzVerify looks for a token that is let in without the signature of one of the keys.
func FuzzVerify(f *testing.F) {
	k := keys()
	signers := k.signers()
	good := make([]string, 0, 2*len(signers))
	for _, s := range signers {
		good = append(good, s.token(f, ""), s.token(f, "kid"))
	}
	last := good[0]
	for _, seed := range append(good,
		rfc7515Token, "", "..", last[:len(last)-1], last+"=", last+"\n",
		b64(`{"alg":"none"}`)+"."+b64(`{}`)+".",
		b64(`{"alg":"ES256"}`)+"."+b64(`{`+soon+`}`)+"."+b64(strings.Repeat("\x00", 64)),
		craft(secret, `{"alg":"HS256","crit":["x"]}`, `{`+soon+`}`),
		craft(otherSecret, hs256, `{`+soon+`}`),
		craft(k.rsaPEM, hs256, `{`+soon+`}`),
		signer{jwt.SigningMethodES384, k.p384}.sign(f, b64(`{"alg":"ES256"}`)+"."+b64(`{`+soon+`}`)),
	) {
		f.Add(seed)
	}
	// A signature of ECDSA has a twin, (r, n-s), so what was signed is compared.
	signed := make(map[string]bool)
	for _, token := range good {
		signed[token[:strings.LastIndexByte(token, '.')]] = true
	}
	i := httptest.NewServer(text(jwks(entry(k.otherRSA.Public(), "kid", nil), entry(k.otherP256.Public(), "", nil))))
	f.Cleanup(i.Close)
	v := newVerifierAt(f, func(o *tokens.Options) { o.PublicKeys, o.JWKSURL = k.allPEMs(), i.URL })
	f.Cleanup(func() { _ = v.Close() })
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := v.Verify(t.Context(), token)
		if (claims == nil) == (err == nil) {
			t.Fatalf("claims %v with error %v", claims, err)
		}
		if err == nil && !signed[token[:strings.LastIndexByte(token, '.')]] {
			t.Fatalf("let in: %q", token)
		}
	})
}

// FuzzJWKS looks for an answer of an issuer that makes its reader fall over, or be wrong about it.
func FuzzJWKS(f *testing.F) {
	k := keys()
	for _, seed := range []string{
		jwks(entry(k.rsa.Public(), "1", nil), entry(k.p256.Public(), "2", jwk{"use": "enc"})),
		jwks(entry(k.p521.Public(), "1", jwk{"key_ops": []string{"verify"}}), entry(k.ed25519.Public(), "1", jwk{"alg": "EdDSA"})),
		jwks(entry(k.p384.Public(), "", jwk{"x": "AA", "y": "AA"}), jwk{"kty": "oct", "k": "AA"}), jwks(), "{}", "null", `{"keys":[{"kty":"RSA","n":"AA","e":""}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		n, err := tokens.ReadJWKS([]byte(answer))
		if (n == 0) == (err == nil) || n > 100 {
			t.Fatalf("%d keys with error %v", n, err)
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
	v := newVerifierAt(f, func(o *tokens.Options) { o.AllowMissingExp = true; o.MaxTokenBytes = 1 << 20 })
	f.Fuzz(func(t *testing.T, payload string) {
		claims, err := v.Verify(t.Context(), seal(secret, b64(hs256)+"."+b64(payload), sha256.New))
		if err != nil {
			if errors.Is(err, tokens.ErrSignatureInvalid) {
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
