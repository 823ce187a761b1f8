package token

import "time"

// SetNow gives a verifier a clock.
func SetNow(v *Verifier, now func() time.Time) { v.now = now }

// ReadJWKS returns how many keys of a JWKS can be used.
func ReadJWKS(data []byte) (int, error) {
	keys, _, err := parseJWKSet(data)
	return len(keys), err
}
