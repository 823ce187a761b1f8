package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	tokens "chorus/auth/token"
)

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	const weak = "hunter2hunter2"
	cases := []struct {
		name  string
		opts  tokens.Options
		want  error
		words string // in the message
	}{
		{"no secret", tokens.Options{}, tokens.ErrNoKey, "openssl rand -base64 48"},
		{"short secret", tokens.Options{Secrets: []string{secret, weak}}, tokens.ErrBadSecret, "secret 2 of 2 has 14 bytes"},
		{"short secret, remedy", tokens.Options{Secrets: []string{weak}}, tokens.ErrBadSecret, "openssl rand -base64 48"},
		{"empty secret", tokens.Options{Secrets: []string{""}, AllowShortSecrets: true}, tokens.ErrBadSecret, "secret 1 of 1 is empty"},
		{"PEM", tokens.Options{Secrets: []string{"-----BEGIN PUBLIC KEY-----\n" + secret}}, tokens.ErrBadSecret, "PEM"},
		{"none", tokens.Options{Secrets: []string{secret}, Algorithms: []string{"none"}}, tokens.ErrUnknownAlgorithm, `"none"`},
		{"None", tokens.Options{Secrets: []string{secret}, Algorithms: []string{"HS256", "None"}}, tokens.ErrUnknownAlgorithm, `"None"`},
		{"RS256", tokens.Options{Secrets: []string{secret}, Algorithms: []string{"RS256"}}, tokens.ErrUnknownAlgorithm, "HS256"},
		{"leeway", tokens.Options{Secrets: []string{secret}, Leeway: 3 * time.Minute}, tokens.ErrBadOption, "3m0s"},
		{"size", tokens.Options{Secrets: []string{secret}, MaxTokenBytes: -1}, tokens.ErrBadOption, "-1"},
		{"RS256 without a key", tokens.Options{Secrets: []string{secret}, Algorithms: []string{"HS256", "RS256"}}, tokens.ErrUnknownAlgorithm, `"RS256" is for none of the keys`},
		{"HS256 with a JWKS", tokens.Options{JWKSURL: "https://x.example", Algorithms: []string{"HS256"}}, tokens.ErrUnknownAlgorithm, `"HS256" is for none of the keys`},
		{"JWKS over http", tokens.Options{JWKSURL: "http://login.example/jwks"}, tokens.ErrBadOption, "use https"},
		{"JWKS over http from an address like a loopback one", tokens.Options{JWKSURL: "http://127.0.0.1.example/jwks"}, tokens.ErrBadOption, "use https"},
		{"JWKS over something else", tokens.Options{JWKSURL: "file:///etc/passwd"}, tokens.ErrBadOption, "https://"},
		{"JWKS over ftp", tokens.Options{JWKSURL: "ftp://login.example/jwks", AllowInsecureJWKS: true}, tokens.ErrBadOption, "https://"},
		{"JWKS without a URL, with a password", tokens.Options{JWKSURL: "https://u:" + weak + "@login.example:port/"}, tokens.ErrBadOption, "not a URL"},
		{"JWKS too often", tokens.Options{JWKSURL: "https://login.example", JWKSRefresh: time.Millisecond}, tokens.ErrBadOption, "the least is 1s"},
		{"required claim", tokens.Options{Secrets: []string{secret}, RequiredClaims: []string{""}}, tokens.ErrBadOption, "required claim 1 of 1"},
		{"type", tokens.Options{Secrets: []string{secret}, Types: []string{"JWT", ""}}, tokens.ErrBadOption, "type 2 of 2"},
		{"audience", tokens.Options{Secrets: []string{secret}, Audience: []string{"a", ""}}, tokens.ErrBadOption, "audience 2 of 2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := tokens.NewVerifier(c.opts)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("got %v, want %v with %q", err, c.want, c.words)
			}
			if of := (*tokens.OptionError)(nil); !errors.As(err, &of) || of.Option == "" {
				t.Errorf("the error names no option: %v", err)
			}
			if again := c.opts.Validate(); again == nil || again.Error() != err.Error() {
				t.Errorf("Validate says %v, NewVerifier %v", again, err)
			}
			if strings.Contains(err.Error(), weak) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestNewVerifierAllowsShortSecretsWhenTold(t *testing.T) {
	t.Parallel()
	if _, err := tokens.NewVerifier(tokens.Options{Secrets: []string{"x"}, AllowShortSecrets: true}); err != nil {
		t.Error(err)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	if _, err := tokens.Sign("", "", nil); !errors.Is(err, tokens.ErrNoKey) {
		t.Errorf("empty secret: %v", err)
	}
	if _, err := tokens.Sign(secret, "none", nil); !errors.Is(err, tokens.ErrUnknownAlgorithm) {
		t.Errorf("alg none: %v", err)
	}
	if _, err := tokens.Sign(secret, "", map[string]any{"f": func() {}}); err == nil {
		t.Error("a claim that has no JSON was signed")
	}
}
