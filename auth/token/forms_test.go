package token_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"chorus/auth/refusal"
	tokens "chorus/auth/token"

	"github.com/golang-jwt/jwt/v5"
)

// TestKeysInEveryForm reads keys as variables, files and secret stores hand them out.
func TestKeysInEveryForm(t *testing.T) {
	t.Parallel()
	pem := keys().p256PEM
	forms := map[string]string{
		"as it is":                  pem,
		"literal line breaks":       strings.ReplaceAll(pem, "\n", `\n`),
		"literal CR and LF":         strings.ReplaceAll(pem, "\n", `\r\n`),
		"on one line":               strings.ReplaceAll(strings.TrimSpace(pem), "\n", " "),
		"on one line without space": strings.ReplaceAll(pem, "\n", ""),
		"CRLF":                      strings.ReplaceAll(pem, "\n", "\r\n"),
		"CR":                        strings.ReplaceAll(pem, "\n", "\r"),
		"a byte order mark":         "\uFEFF" + pem,
		"indented":                  "    " + strings.ReplaceAll(pem, "\n", "\n    "),
		"in quotes":                 `"` + strings.ReplaceAll(pem, "\n", `\n`) + `"`,
		"in base64":                 base64.StdEncoding.EncodeToString([]byte(pem)),
		"two on one line":           strings.ReplaceAll(keys().rsaPEM+pem, "\n", " "),
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !tokens.IsPEM(form) {
				t.Error("it is not recognised")
			}
			v := newVerifierAt(t, func(o *tokens.Options) { o.Secrets, o.PublicKeys = nil, []string{form} })
			for _, s := range keys().signers() {
				if s.method.Alg() != "ES256" {
					continue
				}
				if _, err := v.Verify(t.Context(), s.token(t, "")); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestFullySpecifiedNames uses the names of RFC 9864 in tokens, in a JWKS and in the options.
func TestFullySpecifiedNames(t *testing.T) {
	t.Parallel()
	names := map[string]string{"EdDSA": "Ed25519", "ES256": "ESP256", "ES384": "ESP384", "ES512": "ESP512"}
	for _, s := range keys().signers() {
		name, ok := names[s.method.Alg()]
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + name + `"}`))
			payload := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"ada","exp":4102444800}`))
			signature, err := s.method.Sign(header+"."+payload, s.key)
			if err != nil {
				t.Fatal(err)
			}
			token := header + "." + payload + "." + base64.RawURLEncoding.EncodeToString(signature)
			for _, pinned := range [][]string{nil, {name}, {s.method.Alg()}} {
				v := newVerifier(t, func(o *tokens.Options) {
					o.Secrets, o.PublicKeys, o.Algorithms = nil, keys().allPEMs(), pinned
				})
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Errorf("algorithms %q: %v", pinned, err)
				}
			}
		})
	}
}

func TestSecretEncodings(t *testing.T) {
	t.Parallel()
	raw := strings.Repeat("\x00\xff\xfb secret \n", 4)
	token, err := tokens.Sign(raw, "", goodClaims("ada"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		encoding tokens.SecretEncoding
		text     string
		want     error
	}{
		{"", raw, nil},
		{tokens.EncodingText, raw, nil},
		{tokens.EncodingBase64, base64.StdEncoding.EncodeToString([]byte(raw)), nil},
		{tokens.EncodingBase64, base64.RawURLEncoding.EncodeToString([]byte(raw)) + "\n", nil},
		{tokens.EncodingHex, strings.ToUpper(hex.EncodeToString([]byte(raw))), nil},
		{tokens.EncodingBase64, "MARKER!" + raw, tokens.ErrBadSecret},
		{tokens.EncodingHex, "MARKER" + raw, tokens.ErrBadSecret},
		{tokens.EncodingBase64, base64.StdEncoding.EncodeToString([]byte("MARKER")), tokens.ErrBadSecret}, // too short when decoded
		{"rot13", "MARKER" + raw, tokens.ErrBadOption},
	} {
		v, err := tokens.NewVerifier(tokens.Options{Secrets: []string{test.text}, SecretEncoding: test.encoding})
		if !errors.Is(err, test.want) || err != nil && strings.Contains(err.Error(), "MARKER") {
			t.Errorf("%s: got %v, want %v", test.encoding, err, test.want)
		}
		if err != nil {
			continue
		}
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", test.encoding, err)
		}
		if err := v.SetKeys([]string{test.text}, nil); err != nil {
			t.Errorf("%s: %v", test.encoding, err)
		}
	}
}

// TestErrorsOfKeysRepeatNothing puts a marker into keys that are wrong in every way.
func TestErrorsOfKeysRepeatNothing(t *testing.T) {
	t.Parallel()
	const marker = "TUFSS0VSIG9mIGEgc2VjcmV0"
	block := func(kind, body string) string {
		return "-----BEGIN " + kind + "-----\n" + body + "\n-----END " + kind + "-----\n"
	}
	for _, text := range []string{
		marker, block("PUBLIC KEY", marker), block("PRIVATE KEY", marker), block("EC PRIVATE KEY", marker), block("CERTIFICATE", marker),
		block(strings.ToUpper(marker), "AAAA"), "-----BEGIN PUBLIC KEY-----" + marker, base64.StdEncoding.EncodeToString([]byte(block("PRIVATE KEY", marker))),
		block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"+marker+"\n\n"+marker),
		strings.ReplaceAll(block("PRIVATE KEY", marker), "\n", `\n`),
	} {
		for name, opts := range map[string]tokens.Options{
			"public key": {PublicKeys: []string{text}},
			"secret":     {Secrets: []string{block("PUBLIC KEY", text)}},
			"short":      {Secrets: []string{text[:min(len(text), 24)]}},
			"base64":     {Secrets: []string{text + "!"}, SecretEncoding: tokens.EncodingBase64},
			"URL":        {JWKSURL: "ftp://user:" + marker + "@host/" + marker},
			"bad URL":    {JWKSURL: "://" + marker + "\x7f"},
		} {
			_, err := tokens.NewVerifier(opts)
			if err == nil {
				t.Errorf("%s: accepted", name)
			} else if strings.Contains(strings.ToUpper(err.Error()), strings.ToUpper(marker)) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestReasonsNameTheClaim has a claim of every kind wrong.
func TestReasonsNameTheClaim(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		claims map[string]any
		kind   error
		reason string
	}{
		"sub":         {map[string]any{"sub": 7}, tokens.ErrClaimInvalid, "invalid claim: sub is a number, not a string"},
		"sub, list":   {map[string]any{"sub": []string{}}, tokens.ErrClaimInvalid, "invalid claim: sub is not a string"},
		"jti":         {map[string]any{"jti": 1}, tokens.ErrClaimInvalid, "invalid claim: jti is not a string"},
		"iss":         {map[string]any{"iss": true}, tokens.ErrClaimInvalid, "invalid claim: iss is not a string"},
		"aud":         {map[string]any{"aud": []any{1}}, tokens.ErrClaimInvalid, "invalid claim: aud is not a string or an array of strings"},
		"exp":         {map[string]any{"exp": "soon"}, tokens.ErrClaimInvalid, "invalid claim: exp is not a finite number"},
		"iat":         {map[string]any{"iat": 1e15}, tokens.ErrClaimInvalid, "invalid claim: iat is not a date in seconds since 1970 and before the year 10000"},
		"nbf to come": {map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}, tokens.ErrNotActive, "jwt not active: nbf is still to come"},
		"missing":     {map[string]any{"tenant": nil}, tokens.ErrClaimMissing, "a required claim is missing: tenant"},
		"permissions": {map[string]any{"chorus": map[string]any{"rooms": 7}}, tokens.ErrClaimInvalid, "invalid claim: chorus.rooms: want an object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claims := goodClaims("ada")
			claims["tenant"] = "t"
			for claim, value := range test.claims {
				claims[claim] = value
			}
			v := newVerifier(t, func(o *tokens.Options) { o.RequiredClaims = []string{"tenant"} })
			_, err := v.Verify(t.Context(), sign(t, secret, claims))
			if !errors.Is(err, test.kind) || !strings.HasPrefix(refusal.Reason(err), test.reason) || refusal.Code(err) != refusal.Code(test.kind) {
				t.Errorf("got %q, code %q, %v", refusal.Reason(err), refusal.Code(err), err)
			}
		})
	}
}

func TestNumericSubject(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, func(o *tokens.Options) { o.NumericSub = true })
	for number, want := range map[string]string{"42": "42", "-7": "-7", "12345678901234567890123": "12345678901234567890123", "1.5": "", "1e3": ""} {
		claims := jwt.MapClaims(goodClaims(""))
		claims["sub"] = json.Number(number)
		verified, err := v.Verify(t.Context(), sign(t, secret, claims))
		switch {
		case want == "" && (err == nil || !strings.Contains(refusal.Reason(err), "sub")):
			t.Errorf("%s: got %v", number, err)
		case want != "" && (err != nil || verified.Subject() != want):
			t.Errorf("%s: got %v, %v", number, verified, err)
		}
	}
}
