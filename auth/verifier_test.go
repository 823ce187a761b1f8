package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"chorus/auth"
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
		{"empty", "", auth.ErrCredentialsRequired},
		{"alg none", b64(`{"alg":"none"}`) + "." + payload + ".", auth.ErrAlgorithmRefused},
		{"alg None", b64(`{"alg":"None"}`) + "." + payload + ".", auth.ErrAlgorithmRefused},
		{"alg NONE", b64(`{"alg":"NONE"}`) + "." + payload + ".", auth.ErrAlgorithmRefused},
		{"alg nOnE, signed", craft(secret, `{"alg":"nOnE"}`, `{`+soon+`}`), auth.ErrAlgorithmRefused},
		{"alg empty", craft(secret, `{"alg":""}`, `{`+soon+`}`), auth.ErrAlgorithmRefused},
		{"kid a number", craft(secret, `{"alg":"HS256","kid":7}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"kid null", craft(secret, `{"alg":"HS256","kid":null}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"kid too long", craft(secret, `{"alg":"HS256","kid":"`+strings.Repeat("k", 257)+`"}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"typ a number", craft(secret, `{"alg":"HS256","typ":7}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"typ null", craft(secret, `{"alg":"HS256","typ":null}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"typ of a refresh token", craft(secret, `{"alg":"HS256","typ":"rt+jwt"}`, `{`+soon+`}`), auth.ErrTypeRefused},
		{"typ empty", craft(secret, `{"alg":"HS256","typ":""}`, `{`+soon+`}`), auth.ErrTypeRefused},
		{"alg missing", craft(secret, `{"typ":"JWT"}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"alg not a string", craft(secret, `{"alg":["HS256"]}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"alg in another case", craft(secret, `{"alg":"hs256"}`, `{`+soon+`}`), auth.ErrAlgorithmRefused},
		{"name of alg in another case", craft(secret, `{"ALG":"HS256"}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"alg RS256 with an HMAC", craft(secret, `{"alg":"RS256"}`, `{`+soon+`}`), auth.ErrAlgorithmRefused},
		{"alg HS512 over an HS256 signature", craft(secret, `{"alg":"HS512"}`, `{`+soon+`}`), auth.ErrSignatureInvalid},
		{"wrong secret", craft(otherSecret, hs256, `{`+soon+`}`), auth.ErrSignatureInvalid},
		{"empty secret", craft("", hs256, `{`+soon+`}`), auth.ErrSignatureInvalid},
		{"empty signature", header + "." + payload + ".", auth.ErrSignatureInvalid},
		{"swapped payload", header + "." + other[1] + "." + signature, auth.ErrSignatureInvalid},
		{"swapped signature", header + "." + payload + "." + other[2], auth.ErrSignatureInvalid},
		{"truncated signature", good[:len(good)-4], auth.ErrSignatureInvalid},
		{"truncated to two parts", header + "." + payload, auth.ErrTokenMalformed},
		{"one part", header, auth.ErrTokenMalformed},
		{"dots only", "..", auth.ErrTokenMalformed},
		{"padding", header + "." + payload + "." + signature + "=", auth.ErrTokenMalformed},
		{"base64 instead of base64url", header + "." + payload + "." + strings.Repeat("+/", 22), auth.ErrTokenMalformed},
		{"trailing bits", header + "." + payload + "." + signature[:len(signature)-1] + bump(signature), auth.ErrTokenMalformed},
		{"line break in a part", header + "\n." + payload + "." + signature, auth.ErrTokenMalformed},
		{"line break at the end", good + "\r\n", auth.ErrTokenMalformed},
		{"space before", " " + good, auth.ErrTokenMalformed},
		{"four parts", good + ".", auth.ErrTokenMalformed},
		{"five parts, a JWE", good + "." + payload + "." + signature, auth.ErrTokenMalformed},
		{"crit", craft(secret, `{"alg":"HS256","crit":["exp"],"exp":1}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"crit empty", craft(secret, `{"alg":"HS256","crit":[]}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"crit null", craft(secret, `{"alg":"HS256","crit":null}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"b64 false", craft(secret, `{"alg":"HS256","b64":false}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"b64 not a bool", craft(secret, `{"alg":"HS256","b64":"true"}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"header not an object", craft(secret, `["HS256"]`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"header twice", craft(secret, hs256+hs256, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"header cut short", craft(secret, hs256[:10], `{`+soon+`}`), auth.ErrTokenMalformed},
		{"duplicate name in the header", craft(secret, `{"alg":"none","alg":"HS256"}`, `{`+soon+`}`), auth.ErrTokenMalformed},
		{"payload not an object", craft(secret, hs256, `"ada"`), auth.ErrTokenMalformed},
		{"payload null", craft(secret, hs256, `null`), auth.ErrTokenMalformed},
		{"payload empty", craft(secret, hs256, ``), auth.ErrTokenMalformed},
		{"payload with a tail", craft(secret, hs256, `{`+soon+`} {}`), auth.ErrTokenMalformed},
		{"payload with a comma too many", craft(secret, hs256, `{`+soon+`,}`), auth.ErrTokenMalformed},
		{"payload is a token", craft(secret, hs256, good), auth.ErrTokenMalformed},
		{"duplicate claim", craft(secret, hs256, `{"sub":"ada",`+soon+`,"sub":"eve"}`), auth.ErrTokenMalformed},
		{"duplicate claim, escaped", craft(secret, hs256, `{"sub":"ada",`+soon+`,"\u0073ub":"eve"}`), auth.ErrTokenMalformed},
		{"duplicate name inside", craft(secret, hs256, `{`+soon+`,"a":[{"b":{"c":1,"c":1}}]}`), auth.ErrTokenMalformed},
		{"invalid UTF-8", craft(secret, hs256, `{`+soon+`,"sub":"`+"\xff"+`"}`), auth.ErrTokenMalformed},
		{"nested too deep", craft(secret, hs256, nested(40)), auth.ErrTokenMalformed},
		{"nested much too deep", craft(secret, hs256, nested(2500)), auth.ErrTokenMalformed},
		{"1 MiB", strings.Repeat("a", 1<<20), auth.ErrTokenTooLarge},
		{"1 MiB of dots", strings.Repeat(".", 1<<20), auth.ErrTokenTooLarge},
		{"no exp", craft(secret, hs256, `{"sub":"ada"}`), auth.ErrExpMissing},
		{"exp null", craft(secret, hs256, `{"exp":null}`), auth.ErrClaimInvalid},
		{"exp a string", craft(secret, hs256, `{"exp":"1700000060"}`), auth.ErrClaimInvalid},
		{"exp NaN", craft(secret, hs256, `{"exp":NaN}`), auth.ErrTokenMalformed},
		{"exp infinite", craft(secret, hs256, `{"exp":1e999}`), auth.ErrClaimInvalid},
		{"exp huge", craft(secret, hs256, `{"exp":1e300}`), auth.ErrClaimInvalid},
		{"exp in milliseconds", craft(secret, hs256, `{"exp":1700000060000}`), auth.ErrClaimInvalid},
		{"exp of many digits", craft(secret, hs256, `{"exp":`+strings.Repeat("9", 400)+`}`), auth.ErrClaimInvalid},
		{"exp negative", craft(secret, hs256, `{"exp":-1}`), auth.ErrTokenExpired},
		{"exp zero", craft(secret, hs256, `{"exp":0}`), auth.ErrTokenExpired},
		{"nbf a string", craft(secret, hs256, `{`+soon+`,"nbf":"0"}`), auth.ErrClaimInvalid},
		{"iat an object", craft(secret, hs256, `{`+soon+`,"iat":{}}`), auth.ErrClaimInvalid},
		{"sub a number", craft(secret, hs256, `{`+soon+`,"sub":7}`), auth.ErrClaimInvalid},
		{"jti a number", craft(secret, hs256, `{`+soon+`,"jti":7}`), auth.ErrClaimInvalid},
		{"iss null", craft(secret, hs256, `{`+soon+`,"iss":null}`), auth.ErrClaimInvalid},
		{"aud a number", craft(secret, hs256, `{`+soon+`,"aud":7}`), auth.ErrClaimInvalid},
		{"aud of numbers", craft(secret, hs256, `{`+soon+`,"aud":["a",7]}`), auth.ErrClaimInvalid},
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
		{"expires now", -1, map[string]any{"exp": now}, auth.ErrTokenExpired},
		{"expired a second ago", -1, map[string]any{"exp": now - 1}, auth.ErrTokenExpired},
		{"expired a second ago, default leeway", 0, map[string]any{"exp": now - 1}, nil},
		{"expired five seconds ago, default leeway", 0, map[string]any{"exp": now - 5}, auth.ErrTokenExpired},
		{"expired within a leeway of its own", time.Minute, map[string]any{"exp": now - 59}, nil},
		{"expires in half a second", -1, map[string]any{"exp": float64(now) + 0.5}, nil},
		{"far future", -1, map[string]any{"exp": int64(253402300799)}, nil},
		{"active now", -1, map[string]any{"exp": now + 60, "nbf": now}, nil},
		{"active in a second", -1, map[string]any{"exp": now + 60, "nbf": now + 1}, auth.ErrTokenNotActive},
		{"active in a second, default leeway", 0, map[string]any{"exp": now + 60, "nbf": now + 1}, nil},
		{"active in six seconds, default leeway", 0, map[string]any{"exp": now + 60, "nbf": now + 6}, auth.ErrTokenNotActive},
		{"issued now", -1, map[string]any{"exp": now + 60, "iat": now}, nil},
		{"issued in a second", -1, map[string]any{"exp": now + 60, "iat": now + 1}, auth.ErrTokenNotActive},
		{"issued in five seconds, default leeway", 0, map[string]any{"exp": now + 60, "iat": now + 5}, nil},
		{"issued in six seconds, default leeway", 0, map[string]any{"exp": now + 60, "iat": now + 6}, auth.ErrTokenNotActive},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifierAt(t, func(o *auth.Options) { o.Leeway = c.leeway })
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
		opts   func(*auth.Options)
		claims map[string]any
		want   error
	}{
		{"issuer", func(o *auth.Options) { o.Issuer = "us" }, map[string]any{"exp": exp, "iss": "us"}, nil},
		{"other issuer", func(o *auth.Options) { o.Issuer = "us" }, map[string]any{"exp": exp, "iss": "US"}, auth.ErrIssuerInvalid},
		{"no issuer", func(o *auth.Options) { o.Issuer = "us" }, map[string]any{"exp": exp}, auth.ErrIssuerInvalid},
		{"audience string", func(o *auth.Options) { o.Audience = []string{"a", "b"} }, map[string]any{"exp": exp, "aud": "b"}, nil},
		{"audience array", func(o *auth.Options) { o.Audience = []string{"b"} }, map[string]any{"exp": exp, "aud": []string{"a", "b"}}, nil},
		{"other audience", func(o *auth.Options) { o.Audience = []string{"b"} }, map[string]any{"exp": exp, "aud": []string{"a"}}, auth.ErrAudienceInvalid},
		{"empty audience", func(o *auth.Options) { o.Audience = []string{"b"} }, map[string]any{"exp": exp, "aud": []string{}}, auth.ErrAudienceInvalid},
		{"no audience", func(o *auth.Options) { o.Audience = []string{"b"} }, map[string]any{"exp": exp}, auth.ErrAudienceInvalid},
		{"audience not asked for", nil, map[string]any{"exp": exp, "aud": "anybody"}, nil},
		{"missing exp allowed", func(o *auth.Options) { o.AllowMissingExp = true }, map[string]any{"sub": "ada"}, nil},
		{"missing exp allowed, expired all the same", func(o *auth.Options) { o.AllowMissingExp = true }, map[string]any{"exp": 1}, auth.ErrTokenExpired},
		{"required claims", func(o *auth.Options) { o.RequiredClaims = []string{"sub", "tenant"} }, map[string]any{"exp": exp, "sub": "ada", "tenant": ""}, nil},
		{"required claim missing", func(o *auth.Options) { o.RequiredClaims = []string{"sub", "tenant"} }, map[string]any{"exp": exp, "sub": "ada"}, auth.ErrClaimMissing},
		{"required claim null", func(o *auth.Options) { o.RequiredClaims = []string{"tenant"} }, map[string]any{"exp": exp, "tenant": nil}, auth.ErrClaimMissing},
		{"types, one of them", func(o *auth.Options) { o.Types = []string{"chat+jwt", "application/jwt"} }, map[string]any{"exp": exp}, nil},
		{"types, another", func(o *auth.Options) { o.Types = []string{"at+jwt"} }, map[string]any{"exp": exp}, auth.ErrTypeRefused},
		{"second secret", func(o *auth.Options) { o.Secrets = []string{otherSecret, secret} }, map[string]any{"exp": exp}, nil},
		{"algorithm not listed", func(o *auth.Options) { o.Algorithms = []string{"HS512"} }, map[string]any{"exp": exp}, auth.ErrAlgorithmRefused},
		{"size at the bound", func(o *auth.Options) { o.MaxTokenBytes = len(sign(t, secret, map[string]any{"exp": exp})) }, map[string]any{"exp": exp}, nil},
		{"size past the bound", func(o *auth.Options) { o.MaxTokenBytes = len(sign(t, secret, map[string]any{"exp": exp})) - 1 }, map[string]any{"exp": exp}, auth.ErrTokenTooLarge},
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
	v := newVerifierAt(t, func(o *auth.Options) { o.RequiredClaims = []string{"tenant"} })
	if _, err := v.Verify(t.Context(), craft(secret, hs256, `{`+soon+`}`)); err == nil || !strings.Contains(err.Error(), "tenant") {
		t.Errorf("got %v", err)
	}
}

func TestVerifyWantsTypeWhenConfigured(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, func(o *auth.Options) { o.Types = []string{"JWT"} })
	if _, err := v.Verify(t.Context(), craft(secret, `{"alg":"HS256"}`, `{`+soon+`}`)); !errors.Is(err, auth.ErrTypeRefused) {
		t.Errorf("got %v, want %v", err, auth.ErrTypeRefused)
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
	if _, err := newVerifierAt(t, nil).Verify(t.Context(), token); !errors.Is(err, auth.ErrSignatureInvalid) {
		t.Errorf("got %v, want %v", err, auth.ErrSignatureInvalid)
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
	if code := auth.Code(err); code != auth.CodeInvalidToken {
		t.Errorf("got code %q", code)
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	cases := map[error]string{
		nil:                         "",
		errors.New("secret detail"): "invalid_token",
		auth.ErrCredentialsRequired: "credentials_required",
		auth.ErrCredentialsFormat:   "credentials_bad_format",
		auth.ErrTokenTooLarge:       "token_too_large",
		auth.ErrTokenMalformed:      "invalid_token",
		auth.ErrAlgorithmRefused:    "invalid_token",
		auth.ErrSignatureInvalid:    "invalid_token",
		auth.ErrClaimInvalid:        "invalid_token",
		auth.ErrExpMissing:          "invalid_token",
		auth.ErrTokenExpired:        "token_expired",
		auth.ErrTokenNotActive:      "token_not_active",
		auth.ErrIssuerInvalid:       "invalid_issuer",
		auth.ErrAudienceInvalid:     "invalid_audience",
		auth.ErrTypeRefused:         "invalid_token",
		auth.ErrKeyUnknown:          "invalid_token",
		auth.ErrKeysUnavailable:     "keys_unavailable",
		auth.ErrClaimMissing:        "missing_claim",
		auth.ErrMisconfigured:       "internal_error",
	}
	for err, want := range cases {
		if got := auth.Code(err); got != want {
			t.Errorf("Code(%v) = %q, want %q", err, got, want)
		}
		if reason := auth.Reason(err); strings.Contains(reason, "detail") || (reason == "") != (err == nil) {
			t.Errorf("Reason(%v) = %q", err, reason)
		}
	}
}
