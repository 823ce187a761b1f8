package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// key checks signatures, with the algorithms it is bound to and no others.
type key struct {
	material   any // a []byte secret, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	algorithms []string

	// Of an entry of a JWKS only:
	id          string // its kid
	fingerprint string // equal for equal entries
}

func (k *key) fits(algorithm string) bool { return slices.Contains(k.algorithms, algorithm) }

// parseKeys reads the keys of Options.Secrets and Options.PublicKeys.
func parseKeys(secrets []string, encoding SecretEncoding, publicKeys []string, allowShort bool) ([]key, error) {
	keys := make([]key, 0, len(secrets)+len(publicKeys))
	for i, text := range secrets {
		secret, err := DecodeSecret(text, encoding)
		if errors.Is(err, ErrBadOption) {
			return nil, badOption("SecretEncoding", "%w", err)
		}
		if err != nil {
			return nil, badOption("Secrets", "%w: secret %d of %d %w", ErrBadSecret, i+1, len(secrets), err)
		}
		if err := checkSecret(secret, allowShort); err != nil {
			return nil, badOption("Secrets", "%w: secret %d of %d %w", ErrBadSecret, i+1, len(secrets), err)
		}
		keys = append(keys, key{material: []byte(secret), algorithms: hmacAlgorithms})
	}
	for i, text := range publicKeys {
		public, err := parsePEM(text)
		if err != nil {
			return nil, badOption("PublicKeys", "%w: text %d of %d: %w", ErrBadPublicKey, i+1, len(publicKeys), err)
		}
		keys = append(keys, public...)
	}
	return keys, nil
}

func checkSecret(secret string, allowShort bool) error {
	switch {
	case secret == "":
		return errors.New("is empty: remove it or give it a value, for example from `openssl rand -base64 48`")
	case strings.Contains(secret, "-----BEGIN "):
		// A public key as a secret is known to everybody (RFC 8725 section 2.1).
		return errors.New("is a PEM text: public keys have an option of their own, and an HMAC secret is a random string, for example from `openssl rand -base64 48`")
	case len(secret) < MinSecretBytes && !allowShort:
		return fmt.Errorf("has %d bytes and needs at least %d: make one with `openssl rand -base64 48`", len(secret), MinSecretBytes)
	}
	return nil
}
