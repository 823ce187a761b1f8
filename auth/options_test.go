package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"chorus/auth"
)

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	const weak = "hunter2hunter2"
	cases := []struct {
		name  string
		opts  auth.Options
		want  error
		words string // in the message
	}{
		{"no secret", auth.Options{}, auth.ErrNoKey, "openssl rand -base64 48"},
		{"short secret", auth.Options{Secrets: []string{secret, weak}}, auth.ErrBadSecret, "secret 2 of 2 has 14 bytes"},
		{"short secret, remedy", auth.Options{Secrets: []string{weak}}, auth.ErrBadSecret, "openssl rand -base64 48"},
		{"empty secret", auth.Options{Secrets: []string{""}, AllowShortSecrets: true}, auth.ErrBadSecret, "secret 1 of 1 is empty"},
		{"PEM", auth.Options{Secrets: []string{"-----BEGIN PUBLIC KEY-----\n" + secret}}, auth.ErrBadSecret, "PEM"},
		{"none", auth.Options{Secrets: []string{secret}, Algorithms: []string{"none"}}, auth.ErrUnknownAlgorithm, `"none"`},
		{"None", auth.Options{Secrets: []string{secret}, Algorithms: []string{"HS256", "None"}}, auth.ErrUnknownAlgorithm, `"None"`},
		{"RS256", auth.Options{Secrets: []string{secret}, Algorithms: []string{"RS256"}}, auth.ErrUnknownAlgorithm, "HS256"},
		{"leeway", auth.Options{Secrets: []string{secret}, Leeway: 3 * time.Minute}, auth.ErrBadOption, "3m0s"},
		{"size", auth.Options{Secrets: []string{secret}, MaxTokenBytes: -1}, auth.ErrBadOption, "-1"},
		{"RS256 without a key", auth.Options{Secrets: []string{secret}, Algorithms: []string{"HS256", "RS256"}}, auth.ErrUnknownAlgorithm, `"RS256" is for none of the keys`},
		{"HS256 with a JWKS", auth.Options{JWKSURL: "https://x.example", Algorithms: []string{"HS256"}}, auth.ErrUnknownAlgorithm, `"HS256" is for none of the keys`},
		{"JWKS over http", auth.Options{JWKSURL: "http://login.example/jwks"}, auth.ErrBadOption, "use https"},
		{"JWKS over http from an address like a loopback one", auth.Options{JWKSURL: "http://127.0.0.1.example/jwks"}, auth.ErrBadOption, "use https"},
		{"JWKS over something else", auth.Options{JWKSURL: "file:///etc/passwd"}, auth.ErrBadOption, "https://"},
		{"JWKS over ftp", auth.Options{JWKSURL: "ftp://login.example/jwks", AllowInsecureJWKS: true}, auth.ErrBadOption, "https://"},
		{"JWKS without a URL, with a password", auth.Options{JWKSURL: "https://u:" + weak + "@login.example:port/"}, auth.ErrBadOption, "not a URL"},
		{"JWKS too often", auth.Options{JWKSURL: "https://login.example", JWKSRefresh: time.Millisecond}, auth.ErrBadOption, "the least is 1s"},
		{"required claim", auth.Options{Secrets: []string{secret}, RequiredClaims: []string{""}}, auth.ErrBadOption, "required claim 1 of 1"},
		{"type", auth.Options{Secrets: []string{secret}, Types: []string{"JWT", ""}}, auth.ErrBadOption, "type 2 of 2"},
		{"audience", auth.Options{Secrets: []string{secret}, Audience: []string{"a", ""}}, auth.ErrBadOption, "audience 2 of 2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := auth.NewVerifier(c.opts)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
				t.Fatalf("got %v, want %v with %q", err, c.want, c.words)
			}
			if of := (*auth.OptionError)(nil); !errors.As(err, &of) || of.Option == "" {
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
	if _, err := auth.NewVerifier(auth.Options{Secrets: []string{"x"}, AllowShortSecrets: true}); err != nil {
		t.Error(err)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	if _, err := auth.Sign("", "", nil); !errors.Is(err, auth.ErrNoKey) {
		t.Errorf("empty secret: %v", err)
	}
	if _, err := auth.Sign(secret, "none", nil); !errors.Is(err, auth.ErrUnknownAlgorithm) {
		t.Errorf("alg none: %v", err)
	}
	if _, err := auth.Sign(secret, "", map[string]any{"f": func() {}}); err == nil {
		t.Error("a claim that has no JSON was signed")
	}
}
