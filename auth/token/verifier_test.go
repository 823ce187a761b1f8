package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"chorus/auth/refusal"
	tokens "chorus/auth/token"
)

func TestVerifyRefusesHostileTokens(t *testing.T) {
	t.Parallel()
	good := craft(secret, hs256, `{"sub":"ada",`+soon+`}`)
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	other := strings.Split(craft(secret, hs256, `{"sub":"eve",`+soon+`}`), ".")

	cases := []struct {
		name  string
		token string
		want  error
	}{
		{"empty", "", tokens.ErrRequired},
		{"alg none", b64(`{"alg":"none"}`) + "." + payload + ".", tokens.ErrAlgorithmRefused},
		{"alg None", b64(`{"alg":"None"}`) + "." + payload + ".", tokens.ErrAlgorithmRefused},
		{"alg NONE", b64(`{"alg":"NONE"}`) + "." + payload + ".", tokens.ErrAlgorithmRefused},
		{"alg nOnE, signed", craft(secret, `{"alg":"nOnE"}`, `{`+soon+`}`), tokens.ErrAlgorithmRefused},
		{"alg empty", craft(secret, `{"alg":""}`, `{`+soon+`}`), tokens.ErrAlgorithmRefused},
		{"kid a number", craft(secret, `{"alg":"HS256","kid":7}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"kid null", craft(secret, `{"alg":"HS256","kid":null}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"kid too long", craft(secret, `{"alg":"HS256","kid":"`+strings.Repeat("k", 257)+`"}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"typ a number", craft(secret, `{"alg":"HS256","typ":7}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"typ null", craft(secret, `{"alg":"HS256","typ":null}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"typ of a refresh token", craft(secret, `{"alg":"HS256","typ":"rt+jwt"}`, `{`+soon+`}`), tokens.ErrTypeRefused},
		{"typ empty", craft(secret, `{"alg":"HS256","typ":""}`, `{`+soon+`}`), tokens.ErrTypeRefused},
		{"alg missing", craft(secret, `{"typ":"JWT"}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"alg not a string", craft(secret, `{"alg":["HS256"]}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"alg in another case", craft(secret, `{"alg":"hs256"}`, `{`+soon+`}`), tokens.ErrAlgorithmRefused},
		{"name of alg in another case", craft(secret, `{"ALG":"HS256"}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"alg RS256 with an HMAC", craft(secret, `{"alg":"RS256"}`, `{`+soon+`}`), tokens.ErrAlgorithmRefused},
		{"alg HS512 over an HS256 signature", craft(secret, `{"alg":"HS512"}`, `{`+soon+`}`), tokens.ErrSignatureInvalid},
		{"wrong secret", craft(otherSecret, hs256, `{`+soon+`}`), tokens.ErrSignatureInvalid},
		{"empty secret", craft("", hs256, `{`+soon+`}`), tokens.ErrSignatureInvalid},
		{"empty signature", header + "." + payload + ".", tokens.ErrSignatureInvalid},
		{"swapped payload", header + "." + other[1] + "." + signature, tokens.ErrSignatureInvalid},
		{"swapped signature", header + "." + payload + "." + other[2], tokens.ErrSignatureInvalid},
		{"truncated signature", good[:len(good)-4], tokens.ErrSignatureInvalid},
		{"truncated to two parts", header + "." + payload, tokens.ErrMalformed},
		{"one part", header, tokens.ErrMalformed},
		{"dots only", "..", tokens.ErrMalformed},
		{"padding", header + "." + payload + "." + signature + "=", tokens.ErrMalformed},
		{"base64 instead of base64url", header + "." + payload + "." + strings.Repeat("+/", 22), tokens.ErrMalformed},
		{"trailing bits", header + "." + payload + "." + signature[:len(signature)-1] + bump(signature), tokens.ErrMalformed},
		{"line break in a part", header + "\n." + payload + "." + signature, tokens.ErrMalformed},
		{"line break at the end", good + "\r\n", tokens.ErrMalformed},
		{"space before", " " + good, tokens.ErrMalformed},
		{"four parts", good + ".", tokens.ErrMalformed},
		{"five parts, a JWE", good + "." + payload + "." + signature, tokens.ErrMalformed},
		{"crit", craft(secret, `{"alg":"HS256","crit":["exp"],"exp":1}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"crit empty", craft(secret, `{"alg":"HS256","crit":[]}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"crit null", craft(secret, `{"alg":"HS256","crit":null}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"b64 false", craft(secret, `{"alg":"HS256","b64":false}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"b64 not a bool", craft(secret, `{"alg":"HS256","b64":"true"}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"header not an object", craft(secret, `["HS256"]`, `{`+soon+`}`), tokens.ErrMalformed},
		{"header twice", craft(secret, hs256+hs256, `{`+soon+`}`), tokens.ErrMalformed},
		{"header cut short", craft(secret, hs256[:10], `{`+soon+`}`), tokens.ErrMalformed},
		{"duplicate name in the header", craft(secret, `{"alg":"none","alg":"HS256"}`, `{`+soon+`}`), tokens.ErrMalformed},
		{"payload not an object", craft(secret, hs256, `"ada"`), tokens.ErrMalformed},
		{"payload null", craft(secret, hs256, `null`), tokens.ErrMalformed},
		{"payload empty", craft(secret, hs256, ``), tokens.ErrMalformed},
		{"payload with a tail", craft(secret, hs256, `{`+soon+`} {}`), tokens.ErrMalformed},
		{"payload with a comma too many", craft(secret, hs256, `{`+soon+`,}`), tokens.ErrMalformed},
		{"payload is a token", craft(secret, hs256, good), tokens.ErrMalformed},
		{"duplicate claim", craft(secret, hs256, `{"sub":"ada",`+soon+`,"sub":"eve"}`), tokens.ErrMalformed},
		{"duplicate claim, escaped", craft(secret, hs256, `{"sub":"ada",`+soon+`,"\u0073ub":"eve"}`), tokens.ErrMalformed},
		{"duplicate name inside", craft(secret, hs256, `{`+soon+`,"a":[{"b":{"c":1,"c":1}}]}`), tokens.ErrMalformed},
		{"invalid UTF-8", craft(secret, hs256, `{`+soon+`,"sub":"`+"\xff"+`"}`), tokens.ErrMalformed},
		{"nested too deep", craft(secret, hs256, nested(40)), tokens.ErrMalformed},
		{"nested much too deep", craft(secret, hs256, nested(2500)), tokens.ErrMalformed},
		{"1 MiB", strings.Repeat("a", 1<<20), tokens.ErrTooLarge},
		{"1 MiB of dots", strings.Repeat(".", 1<<20), tokens.ErrTooLarge},
		{"no exp", craft(secret, hs256, `{"sub":"ada"}`), tokens.ErrExpMissing},
		{"exp null", craft(secret, hs256, `{"exp":null}`), tokens.ErrClaimInvalid},
		{"exp a string", craft(secret, hs256, `{"exp":"1700000060"}`), tokens.ErrClaimInvalid},
		{"exp NaN", craft(secret, hs256, `{"exp":NaN}`), tokens.ErrMalformed},
		{"exp infinite", craft(secret, hs256, `{"exp":1e999}`), tokens.ErrClaimInvalid},
		{"exp huge", craft(secret, hs256, `{"exp":1e300}`), tokens.ErrClaimInvalid},
		{"exp in milliseconds", craft(secret, hs256, `{"exp":1700000060000}`), tokens.ErrClaimInvalid},
		{"exp of many digits", craft(secret, hs256, `{"exp":`+strings.Repeat("9", 400)+`}`), tokens.ErrClaimInvalid},
		{"exp negative", craft(secret, hs256, `{"exp":-1}`), tokens.ErrExpired},
		{"exp zero", craft(secret, hs256, `{"exp":0}`), tokens.ErrExpired},
		{"nbf a string", craft(secret, hs256, `{`+soon+`,"nbf":"0"}`), tokens.ErrClaimInvalid},
		{"iat an object", craft(secret, hs256, `{`+soon+`,"iat":{}}`), tokens.ErrClaimInvalid},
		{"sub a number", craft(secret, hs256, `{`+soon+`,"sub":7}`), tokens.ErrClaimInvalid},
		{"jti a number", craft(secret, hs256, `{`+soon+`,"jti":7}`), tokens.ErrClaimInvalid},
		{"iss null", craft(secret, hs256, `{`+soon+`,"iss":null}`), tokens.ErrClaimInvalid},
		{"aud a number", craft(secret, hs256, `{`+soon+`,"aud":7}`), tokens.ErrClaimInvalid},
		{"aud of numbers", craft(secret, hs256, `{`+soon+`,"aud":["a",7]}`), tokens.ErrClaimInvalid},
	}
	v := newVerifierAt(t, nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			claims, err := v.Verify(t.Context(), c.token)
			if !errors.Is(err, c.want) {
				t.Fatalf("got error %v, want %v", err, c.want)
			}
			if claims != nil {
				t.Error("claims came with an error")
			}
			for _, part := range strings.Split(c.token, ".") {
				if len(part) > 3 && strings.Contains(err.Error(), part) {
					t.Errorf("the error holds a part of the token: %v", err)
				}
			}
		})
	}
}

// bump returns the last character of a base64url text with one of its unused bits set.
func bump(segment string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, segment[len(segment)-1])
	return string(alphabet[i|1])
}

func TestVerifyTimes(t *testing.T) {
	t.Parallel()
	now := epoch.Unix()
	cases := []struct {
		name   string
		leeway time.Duration
		claims map[string]any
		want   error
	}{
		{"expires in a second", -1, map[string]any{"exp": now + 1}, nil},
		{"expires now", -1, map[string]any{"exp": now}, tokens.ErrExpired},
		{"expired a second ago", -1, map[string]any{"exp": now - 1}, tokens.ErrExpired},
		{"expired a second ago, default leeway", 0, map[string]any{"exp": now - 1}, nil},
		{"expired five seconds ago, default leeway", 0, map[string]any{"exp": now - 5}, tokens.ErrExpired},
		{"expired within a leeway of its own", time.Minute, map[string]any{"exp": now - 59}, nil},
		{"expires in half a second", -1, map[string]any{"exp": float64(now) + 0.5}, nil},
		{"far future", -1, map[string]any{"exp": int64(253402300799)}, nil},
		{"active now", -1, map[string]any{"exp": now + 60, "nbf": now}, nil},
		{"active in a second", -1, map[string]any{"exp": now + 60, "nbf": now + 1}, tokens.ErrNotActive},
		{"active in a second, default leeway", 0, map[string]any{"exp": now + 60, "nbf": now + 1}, nil},
		{"active in six seconds, default leeway", 0, map[string]any{"exp": now + 60, "nbf": now + 6}, tokens.ErrNotActive},
		{"issued now", -1, map[string]any{"exp": now + 60, "iat": now}, nil},
		{"issued in a second", -1, map[string]any{"exp": now + 60, "iat": now + 1}, tokens.ErrNotActive},
		{"issued in five seconds, default leeway", 0, map[string]any{"exp": now + 60, "iat": now + 5}, nil},
		{"issued in six seconds, default leeway", 0, map[string]any{"exp": now + 60, "iat": now + 6}, tokens.ErrNotActive},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifierAt(t, func(o *tokens.Options) { o.Leeway = c.leeway })
			if _, err := v.Verify(t.Context(), sign(t, secret, c.claims)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestVerifyConfiguredClaims(t *testing.T) {
	t.Parallel()
	exp := epoch.Unix() + 60
	cases := []struct {
		name   string
		opts   func(*tokens.Options)
		claims map[string]any
		want   error
	}{
		{"issuer", func(o *tokens.Options) { o.Issuer = "us" }, map[string]any{"exp": exp, "iss": "us"}, nil},
		{"other issuer", func(o *tokens.Options) { o.Issuer = "us" }, map[string]any{"exp": exp, "iss": "US"}, tokens.ErrIssuerInvalid},
		{"no issuer", func(o *tokens.Options) { o.Issuer = "us" }, map[string]any{"exp": exp}, tokens.ErrIssuerInvalid},
		{"audience string", func(o *tokens.Options) { o.Audience = []string{"a", "b"} }, map[string]any{"exp": exp, "aud": "b"}, nil},
		{"audience array", func(o *tokens.Options) { o.Audience = []string{"b"} }, map[string]any{"exp": exp, "aud": []string{"a", "b"}}, nil},
		{"other audience", func(o *tokens.Options) { o.Audience = []string{"b"} }, map[string]any{"exp": exp, "aud": []string{"a"}}, tokens.ErrAudienceInvalid},
		{"empty audience", func(o *tokens.Options) { o.Audience = []string{"b"} }, map[string]any{"exp": exp, "aud": []string{}}, tokens.ErrAudienceInvalid},
		{"no audience", func(o *tokens.Options) { o.Audience = []string{"b"} }, map[string]any{"exp": exp}, tokens.ErrAudienceInvalid},
		{"audience not asked for", nil, map[string]any{"exp": exp, "aud": "anybody"}, nil},
		{"missing exp allowed", func(o *tokens.Options) { o.AllowMissingExp = true }, map[string]any{"sub": "ada"}, nil},
		{"missing exp allowed, expired all the same", func(o *tokens.Options) { o.AllowMissingExp = true }, map[string]any{"exp": 1}, tokens.ErrExpired},
		{"required claims", func(o *tokens.Options) { o.RequiredClaims = []string{"sub", "tenant"} }, map[string]any{"exp": exp, "sub": "ada", "tenant": ""}, nil},
		{"required claim missing", func(o *tokens.Options) { o.RequiredClaims = []string{"sub", "tenant"} }, map[string]any{"exp": exp, "sub": "ada"}, tokens.ErrClaimMissing},
		{"required claim null", func(o *tokens.Options) { o.RequiredClaims = []string{"tenant"} }, map[string]any{"exp": exp, "tenant": nil}, tokens.ErrClaimMissing},
		{"types, one of them", func(o *tokens.Options) { o.Types = []string{"chat+jwt", "application/jwt"} }, map[string]any{"exp": exp}, nil},
		{"types, another", func(o *tokens.Options) { o.Types = []string{"at+jwt"} }, map[string]any{"exp": exp}, tokens.ErrTypeRefused},
		{"second secret", func(o *tokens.Options) { o.Secrets = []string{otherSecret, secret} }, map[string]any{"exp": exp}, nil},
		{"algorithm not listed", func(o *tokens.Options) { o.Algorithms = []string{"HS512"} }, map[string]any{"exp": exp}, tokens.ErrAlgorithmRefused},
		{"size at the bound", func(o *tokens.Options) { o.MaxTokenBytes = len(sign(t, secret, map[string]any{"exp": exp})) }, map[string]any{"exp": exp}, nil},
		{"size past the bound", func(o *tokens.Options) { o.MaxTokenBytes = len(sign(t, secret, map[string]any{"exp": exp})) - 1 }, map[string]any{"exp": exp}, tokens.ErrTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifierAt(t, c.opts)
			if _, err := v.Verify(t.Context(), sign(t, secret, c.claims)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestVerifyNamesTheMissingClaim(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, func(o *tokens.Options) { o.RequiredClaims = []string{"tenant"} })
	if _, err := v.Verify(t.Context(), craft(secret, hs256, `{`+soon+`}`)); err == nil || !strings.Contains(err.Error(), "tenant") {
		t.Errorf("got %v", err)
	}
}

func TestVerifyWantsTypeWhenConfigured(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, func(o *tokens.Options) { o.Types = []string{"JWT"} })
	if _, err := v.Verify(t.Context(), craft(secret, `{"alg":"HS256"}`, `{`+soon+`}`)); !errors.Is(err, tokens.ErrTypeRefused) {
		t.Errorf("got %v, want %v", err, tokens.ErrTypeRefused)
	}
}

func TestVerifyAccepts(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"no typ":                   craft(secret, `{"alg":"HS256"}`, `{`+soon+`}`),
		"typ of an access token":   craft(secret, `{"typ":"at+jwt","alg":"HS256"}`, `{`+soon+`}`),
		"typ as a media type":      craft(secret, `{"typ":"Application/AT+JWT","alg":"HS256"}`, `{`+soon+`}`),
		"longest kid":              craft(secret, `{"alg":"HS256","kid":"`+strings.Repeat("k", 256)+`"}`, `{`+soon+`}`),
		"kid that is a path":       craft(secret, `{"alg":"HS256","kid":"../../../dev/null"}`, `{`+soon+`}`),
		"kid that is SQL":          craft(secret, `{"alg":"HS256","kid":"x' UNION SELECT 'a"}`, `{`+soon+`}`),
		"keys in the header":       craft(secret, `{"alg":"HS256","jwk":{"kty":"oct","k":"AA"},"jku":"https://evil.example","x5u":"https://evil.example","x5c":["AA"]}`, `{`+soon+`}`),
		"b64 true":                 craft(secret, `{"alg":"HS256","b64":true}`, `{`+soon+`}`),
		"white space in the JSON":  craft(secret, hs256, " {\r\n\t"+soon+"} "),
		"nested within the bounds": craft(secret, hs256, nested(30)),
	}
	for name, newHash := range hashes {
		cases[name] = seal(secret, b64(`{"alg":"`+name+`"}`)+"."+b64(`{`+soon+`}`), newHash)
	}
	v := newVerifierAt(t, nil)
	for name, token := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
}

// A key in a token's header must not become the key: this token is signed with the key it brings.
func TestVerifyIgnoresKeyInHeader(t *testing.T) {
	t.Parallel()
	token := craft(otherSecret, `{"alg":"HS256","jwk":{"kty":"oct","k":"`+b64(otherSecret)+`"}}`, `{`+soon+`}`)
	if _, err := newVerifierAt(t, nil).Verify(t.Context(), token); !errors.Is(err, tokens.ErrSignatureInvalid) {
		t.Errorf("got %v, want %v", err, tokens.ErrSignatureInvalid)
	}
}

func TestVerifyEndedContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newVerifierAt(t, nil).Verify(ctx, craft(secret, hs256, `{`+soon+`}`))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if code := refusal.Code(err); code != refusal.CodeInvalidToken {
		t.Errorf("got code %q", code)
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	cases := map[error]string{
		nil:                         "",
		errors.New("secret detail"): "invalid_token",
		tokens.ErrRequired:          "credentials_required",
		tokens.ErrTooLarge:          "token_too_large",
		tokens.ErrMalformed:         "invalid_token",
		tokens.ErrAlgorithmRefused:  "invalid_token",
		tokens.ErrSignatureInvalid:  "invalid_token",
		tokens.ErrClaimInvalid:      "invalid_token",
		tokens.ErrExpMissing:        "invalid_token",
		tokens.ErrExpired:           "token_expired",
		tokens.ErrNotActive:         "token_not_active",
		tokens.ErrIssuerInvalid:     "invalid_issuer",
		tokens.ErrAudienceInvalid:   "invalid_audience",
		tokens.ErrTypeRefused:       "invalid_token",
		tokens.ErrKeyUnknown:        "invalid_token",
		tokens.ErrKeysUnavailable:   "keys_unavailable",
		tokens.ErrClaimMissing:      "missing_claim",
	}
	for err, want := range cases {
		if got := refusal.Code(err); got != want {
			t.Errorf("Code(%v) = %q, want %q", err, got, want)
		}
		if reason := refusal.Reason(err); strings.Contains(reason, "detail") || (reason == "") != (err == nil) {
			t.Errorf("Reason(%v) = %q", err, reason)
		}
	}
}
