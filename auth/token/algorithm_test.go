package token_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	tokens "chorus/auth/token"

	"github.com/golang-jwt/jwt/v5"
)

// Each kind of key checks tokens of its own algorithms and of no others.
func TestKeysAreBoundToAlgorithms(t *testing.T) {
	t.Parallel()
	rs := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	all := []string{"HS256", "HS384", "HS512", "ES256", "ES384", "ES512", "EdDSA"}
	cases := []struct {
		name   string
		secret string
		public []string
		can    []string
	}{
		{"secret", secret, nil, []string{"HS256", "HS384", "HS512"}},
		{"RSA", "", []string{keys().rsaPEM}, rs},
		{"RSA, PKCS #1", "", []string{keys().rsaPKCS1}, rs},
		{"RSA, expired certificate", "", []string{keys().rsaCertificate}, rs},
		{"P-256", "", []string{keys().p256PEM}, []string{"ES256"}},
		{"P-384", "", []string{keys().p384PEM}, []string{"ES384"}},
		{"P-521", "", []string{keys().p521PEM}, []string{"ES512"}},
		{"Ed25519", "", []string{keys().edPEM}, []string{"EdDSA"}},
		{"two in one text", "", []string{"both:\n" + keys().p256PEM + "and\n" + keys().edPEM}, []string{"ES256", "EdDSA"}},
		{"all", secret, keys().allPEMs(), append(all, rs...)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifierAt(t, func(o *tokens.Options) {
				o.PublicKeys = c.public
				if c.secret == "" {
					o.Secrets = nil
				}
			})
			for _, s := range keys().signers() {
				want := tokens.ErrAlgorithmRefused
				if slices.Contains(c.can, s.method.Alg()) {
					want = nil
				}
				if _, err := v.Verify(t.Context(), s.token(t, "")); !errors.Is(err, want) {
					t.Errorf("%s: got %v, want %v", s.method.Alg(), err, want)
				}
			}
		})
	}
}

func TestAlgorithmsNarrowWhatKeysCanDo(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, func(o *tokens.Options) {
		o.PublicKeys, o.Algorithms = keys().allPEMs(), []string{"PS256", "ES384"}
	})
	for _, s := range keys().signers() {
		want := tokens.ErrAlgorithmRefused
		if alg := s.method.Alg(); alg == "PS256" || alg == "ES384" {
			want = nil
		}
		if _, err := v.Verify(t.Context(), s.token(t, "")); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", s.method.Alg(), err, want)
		}
	}
}

// Tokens that were made to pass for ones of a public key.
func TestVerifyRefusesHostileTokensOfPublicKeys(t *testing.T) {
	t.Parallel()
	k := keys()
	claims := b64(`{` + soon + `}`)
	input := func(header string) string { return b64(header) + "." + claims }
	hmacWith := func(key string) string { return craft(key, hs256, `{`+soon+`}`) }
	block, _ := pem.Decode([]byte(k.rsaPEM))
	es256 := signer{jwt.SigningMethodES256, k.p256}.sign(t, input(`{"alg":"ES256"}`))
	raw := must(decodeB64(es256[strings.LastIndexByte(es256, '.')+1:]))
	r, s := new(big.Int).SetBytes([]byte(raw[:32])), new(big.Int).SetBytes([]byte(raw[32:]))
	der := string(must(asn1.Marshal(struct{ R, S *big.Int }{r, s})))
	signed := func(method jwt.SigningMethod, key any, header string) string {
		return signer{method, key}.sign(t, input(header))
	}

	cases := []struct {
		name  string
		token string
		want  error // of a verifier that has secrets as well
	}{
		{"none", input(`{"alg":"none"}`) + ".", tokens.ErrAlgorithmRefused},
		{"nOnE", input(`{"alg":"nOnE"}`) + ".", tokens.ErrAlgorithmRefused},
		{"HS256 with the RSA key as PEM", hmacWith(k.rsaPEM), tokens.ErrSignatureInvalid},
		{"HS256 with the RSA key as PEM, trimmed", hmacWith(strings.TrimSpace(k.rsaPEM)), tokens.ErrSignatureInvalid},
		{"HS256 with the RSA key as DER", hmacWith(string(block.Bytes)), tokens.ErrSignatureInvalid},
		{"HS256 with the RSA key as PKCS #1", hmacWith(k.rsaPKCS1), tokens.ErrSignatureInvalid},
		{"HS256 with the EC key as PEM", hmacWith(k.p256PEM), tokens.ErrSignatureInvalid},
		{"HS256 with the Ed25519 key", hmacWith(string(k.ed25519[32:])), tokens.ErrSignatureInvalid},
		{"RS256, empty signature", input(`{"alg":"RS256"}`) + ".", tokens.ErrSignatureInvalid},
		{"RS256, all zero", input(`{"alg":"RS256"}`) + "." + b64(strings.Repeat("\x00", 256)), tokens.ErrSignatureInvalid},
		{"RS256 of another key", signed(jwt.SigningMethodRS256, k.otherRSA, `{"alg":"RS256"}`), tokens.ErrSignatureInvalid},
		{"RS256 called PS256", signed(jwt.SigningMethodRS256, k.rsa, `{"alg":"PS256"}`), tokens.ErrSignatureInvalid},
		{"PS256 called RS256", signed(jwt.SigningMethodPS256, k.rsa, `{"alg":"RS256"}`), tokens.ErrSignatureInvalid},
		{"RS512 called RS256", signed(jwt.SigningMethodRS512, k.rsa, `{"alg":"RS256"}`), tokens.ErrSignatureInvalid},
		{"PS256 of another key", signed(jwt.SigningMethodPS256, k.otherRSA, `{"alg":"PS256"}`), tokens.ErrSignatureInvalid},
		{"ES256 of another key", signed(jwt.SigningMethodES256, k.otherP256, `{"alg":"ES256"}`), tokens.ErrSignatureInvalid},
		{"ES256 as DER", input(`{"alg":"ES256"}`) + "." + b64(der), tokens.ErrSignatureInvalid},
		{"ES256, all zero", input(`{"alg":"ES256"}`) + "." + b64(strings.Repeat("\x00", 64)), tokens.ErrSignatureInvalid},
		{"ES384, all zero", input(`{"alg":"ES384"}`) + "." + b64(strings.Repeat("\x00", 96)), tokens.ErrSignatureInvalid},
		{"ES512, all zero", input(`{"alg":"ES512"}`) + "." + b64(strings.Repeat("\x00", 132)), tokens.ErrSignatureInvalid},
		{"ES256, too long", input(`{"alg":"ES256"}`) + "." + b64(raw+"\x00"), tokens.ErrSignatureInvalid},
		{"ES384 called ES256", signed(jwt.SigningMethodES384, k.p384, `{"alg":"ES256"}`), tokens.ErrSignatureInvalid},
		{"EdDSA of another key", signed(jwt.SigningMethodEdDSA, k.otherEd25519, `{"alg":"EdDSA"}`), tokens.ErrSignatureInvalid},
		{"EdDSA, all zero", input(`{"alg":"EdDSA"}`) + "." + b64(strings.Repeat("\x00", 64)), tokens.ErrSignatureInvalid},
		{"EdDSA, empty signature", input(`{"alg":"EdDSA"}`) + ".", tokens.ErrSignatureInvalid},
		{"the newer name of another curve", signed(jwt.SigningMethodEdDSA, k.ed25519, `{"alg":"Ed448"}`), tokens.ErrAlgorithmRefused},
		{"the newer name of another type of key", signed(jwt.SigningMethodEdDSA, k.ed25519, `{"alg":"ESP256"}`), tokens.ErrSignatureInvalid},
		{"jwk in the header", signed(jwt.SigningMethodEdDSA, k.otherEd25519,
			`{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"`+b64(string(k.otherEd25519[32:]))+`"}}`), tokens.ErrSignatureInvalid},
		{"jku and x5u in the header", signed(jwt.SigningMethodRS256, k.otherRSA, `{"alg":"RS256","kid":"1","jku":"https://evil.example","x5u":"https://evil.example"}`), tokens.ErrSignatureInvalid},
		{"kid that is a path", signed(jwt.SigningMethodRS256, k.otherRSA, `{"alg":"RS256","kid":"../../dev/null"}`), tokens.ErrSignatureInvalid},
		{"kid that is SQL", signed(jwt.SigningMethodRS256, k.otherRSA, `{"alg":"RS256","kid":"' OR 1=1 --"}`), tokens.ErrSignatureInvalid},
		{"crit with a good signature", signed(jwt.SigningMethodRS256, k.rsa, `{"alg":"RS256","crit":["exp"]}`), tokens.ErrMalformed},
		{"b64 false with a good signature", signed(jwt.SigningMethodRS256, k.rsa, `{"alg":"RS256","b64":false}`), tokens.ErrMalformed},
	}
	v := newVerifierAt(t, func(o *tokens.Options) { o.PublicKeys = k.allPEMs() })
	publicOnly := only(t, k.allPEMs()...)
	if _, err := v.Verify(t.Context(), es256); err != nil {
		t.Fatalf("the token that others are made of: %v", err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := v.Verify(t.Context(), c.token); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			want := c.want
			if strings.HasPrefix(c.name, "HS256") {
				want = tokens.ErrAlgorithmRefused // without secrets there is no HMAC at all
			}
			if _, err := publicOnly.Verify(t.Context(), c.token); !errors.Is(err, want) {
				t.Errorf("without secrets: got %v, want %v", err, want)
			}
		})
	}
}

// golang-jwt alone looks at the type of the key and not at its curve, so a signature of the wrong curve
// that is made as long as that of the right one would be good.
func TestCurveOfAnotherAlgorithm(t *testing.T) {
	t.Parallel()
	k := keys()
	sign := func(method *jwt.SigningMethodECDSA, key *ecdsa.PrivateKey) string {
		input := b64(`{"alg":"`+method.Name+`"}`) + "." + b64(`{`+soon+`}`)
		hash := method.Hash.New()
		hash.Write([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, key, hash.Sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		size := method.KeySize
		signature := make([]byte, 2*size)
		r.FillBytes(signature[:size])
		s.FillBytes(signature[size:])
		return input + "." + b64(string(signature))
	}
	all := map[string]string{
		"ES384 with a P-256 key": sign(jwt.SigningMethodES384, k.p256),
		"ES512 with a P-256 key": sign(jwt.SigningMethodES512, k.p256),
		"ES512 with a P-384 key": sign(jwt.SigningMethodES512, k.p384),
		"ES256 with a P-384 key": signer{jwt.SigningMethodES384, k.p384}.sign(t, b64(`{"alg":"ES256"}`)+"."+b64(`{`+soon+`}`)),
	}
	i := newIssuer(t, entry(k.p256.Public(), "", nil), entry(k.p384.Public(), "", nil), entry(k.p521.Public(), "", nil))
	for name, v := range map[string]*tokens.Verifier{"PEM": only(t, k.allPEMs()...), "JWKS": trusting(t, i.URL, nil)} {
		verify(t, v, nil, sign(jwt.SigningMethodES256, k.p256), sign(jwt.SigningMethodES384, k.p384), sign(jwt.SigningMethodES512, k.p521))
		for of, token := range all {
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, tokens.ErrSignatureInvalid) {
				t.Errorf("%s, keys from %s: got %v, want %v", of, name, err, tokens.ErrSignatureInvalid)
			}
		}
	}
	verify(t, only(t, k.p384PEM), tokens.ErrAlgorithmRefused, all["ES512 with a P-384 key"], all["ES256 with a P-384 key"])
}
