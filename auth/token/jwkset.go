package token

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/MicahParks/jwkset"
)

// maxJWKSKeys is the number of entries a JWKS may have: a token without a kid is tried with all of them.
const maxJWKSKeys = 100

// parseJWKSet reads the keys of a JWKS (RFC 7517 section 5) that can check signatures, in order of their
// fingerprints. Other entries are left out, as the RFC says, and why each of them is; a set without any is an
// error, so that an issuer's mistake does not lock everybody out.
func parseJWKSet(data []byte) (keys []key, ignored []error, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(data, &set) != nil {
		return nil, nil, errors.New("the answer is not a JWKS: not a JSON object with an array of keys")
	}
	if n := len(set.Keys); n > maxJWKSKeys {
		return nil, nil, fmt.Errorf("the JWKS has %d entries, at most %d can be", n, maxJWKSKeys)
	}
	for i, entry := range set.Keys {
		k, err := parseJWK(entry)
		if err != nil {
			ignored = append(ignored, fmt.Errorf("entry %d of %d: %w", i+1, len(set.Keys), err))
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, nil, fmt.Errorf("no entry of the JWKS can check signatures: %w", errors.Join(append(ignored, errors.New("there are no more"))...))
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Compare(a.fingerprint, b.fingerprint) })
	return slices.CompactFunc(keys, func(a, b key) bool { return a.fingerprint == b.fingerprint }), ignored, nil
}

// parseJWK reads one entry and honours what its issuer says it is for (RFC 7517 section 4).
func parseJWK(data []byte) (key, error) {
	var entry jwkset.JWKMarshal
	if json.Unmarshal(data, &entry) != nil {
		return key{}, errors.New("not a JSON object of the right types")
	}
	switch {
	case entry.KTY == jwkset.KtyOct:
		return key{}, errors.New("a secret that anybody can read is none")
	case entry.D+entry.P+entry.Q+entry.DP+entry.DQ+entry.QI != "":
		return key{}, errors.New("a private key that anybody can read is none: the issuer must replace it")
	case entry.USE != "" && entry.USE != jwkset.UseSig:
		return key{}, errors.New("use is not sig")
	case len(entry.KEYOPS) > 0 && !slices.Contains(entry.KEYOPS, jwkset.KeyOpsVerify):
		return key{}, errors.New("key_ops does not have verify")
	}
	// The URL is what is trusted here, so certificates are not looked at; and jwkset would refuse a good
	// key for one it cannot read, or for operations it does not know.
	entry.ALG = jwkset.ALG(canonicalAlgorithm(entry.ALG.String()))
	entry.X5C, entry.X5T, entry.X5TS256, entry.X5U, entry.KEYOPS = nil, "", "", "", nil
	jwk, err := jwkset.NewJWKFromMarshal(entry, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return key{}, fmt.Errorf("not a key: %w", err)
	}
	can, err := algorithmsOf(jwk.Key())
	if err != nil {
		return key{}, err
	}
	if alg := entry.ALG.String(); alg != "" {
		if !slices.Contains(can, alg) {
			return key{}, errors.New("alg is not for signatures of such a key")
		}
		can = []string{alg}
	}
	der, err := x509.MarshalPKIXPublicKey(jwk.Key())
	if err != nil {
		return key{}, fmt.Errorf("not a key: %w", err)
	}
	fingerprint := bytes.Join([][]byte{[]byte(entry.KID), []byte(strings.Join(can, " ")), der}, []byte{0})
	return key{material: jwk.Key(), algorithms: can, id: entry.KID, fingerprint: string(fingerprint)}, nil
}
