package auth_test

import (
	"testing"

	"chorus/auth"
	"chorus/auth/token"
)

const (
	secret      = "0123456789abcdef0123456789abcdef"
	otherSecret = "fedcba9876543210fedcba9876543210"
)

func newVerifier(tb testing.TB, change func(*auth.Options)) *auth.Verifier {
	tb.Helper()
	opts := auth.Options{Secrets: []string{secret}}
	if change != nil {
		change(&opts)
	}
	v, err := auth.NewVerifier(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func sign(tb testing.TB, key string, claims map[string]any) string {
	tb.Helper()
	text, err := token.Sign(key, "", claims)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
