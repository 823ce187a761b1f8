package token_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	tokens "chorus/auth/token"
)

func TestPublicKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	k := keys()
	cut := k.rsaPEM[:len(k.rsaPEM)/2]
	cases := []struct {
		name  string
		texts []string
		words string
	}{
		{"empty", []string{""}, "text 1 of 1: is not a PEM text"},
		{"a secret", []string{k.rsaPEM, secret}, "text 2 of 2: is not a PEM text"},
		{"cut short", []string{cut}, "only 0 can be read"},
		{"second block cut short", []string{k.rsaPEM + cut}, "2 blocks of PEM, of which only 1 can be read"},
		{"first block cut short", []string{cut + "\n" + k.rsaPEM}, "2 blocks of PEM, of which only 1 can be read"},
		{"private key", []string{k.rsaPrivate}, "public one belongs here"},
		{"private key of PKCS #8", []string{k.edPEM + k.p8ec}, "block 2 of 2: is a private key"},
		{"encrypted private key", []string{asPEM("ENCRYPTED PRIVATE KEY", []byte("x"))}, "is a private key"},
		{"something else", []string{asPEM("CERTIFICATE REQUEST", []byte("x"))}, `"CERTIFICATE REQUEST"`},
		{"not a key", []string{asPEM("PUBLIC KEY", []byte("x"))}, "cannot be read"},
		{"not a certificate", []string{asPEM("CERTIFICATE", []byte("x"))}, "cannot be read"},
		{"RSA of 1024 bits", []string{publicPEM(k.smallRSA.Public())}, "RSA key of 1024 bits"},
		{"X25519, which signs nothing", []string{publicPEM(must(ecdh.X25519().GenerateKey(rand.Reader)).Public())}, "RSA, EC or Ed25519"},
		{"P-224", []string{publicPEM(k.p224.Public())}, "P-256, P-384 or P-521"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := tokens.NewVerifier(tokens.Options{PublicKeys: c.texts})
			var of *tokens.OptionError
			if !errors.Is(err, tokens.ErrBadPublicKey) || !strings.Contains(err.Error(), c.words) || !errors.As(err, &of) || of.Option != "PublicKeys" {
				t.Errorf("got %v, want %v with %q", err, tokens.ErrBadPublicKey, c.words)
			}
		})
	}
}
