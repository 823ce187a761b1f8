package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Sizes of RSA keys, in bits. Below the least a key is not safe (RFC 7518 section 3.3); beyond the most
// each hostile token would cost a long calculation.
const (
	minRSABits = 2048
	maxRSABits = 16384
)

// algorithms are those of this package (RFC 7518 section 3.1, RFC 8037 section 3.1). Everything else a
// token may name, "none" first of all, is unknown to it. The list that golang-jwt keeps is not asked:
// any package of the program can add to it.
var algorithms = func() map[string]jwt.SigningMethod {
	byName := make(map[string]jwt.SigningMethod)
	for _, method := range []jwt.SigningMethod{
		jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512,
		jwt.SigningMethodRS256, jwt.SigningMethodRS384, jwt.SigningMethodRS512,
		jwt.SigningMethodPS256, jwt.SigningMethodPS384, jwt.SigningMethodPS512,
		jwt.SigningMethodES256, jwt.SigningMethodES384, jwt.SigningMethodES512,
		jwt.SigningMethodEdDSA,
	} {
		byName[method.Alg()] = method
	}
	return byName
}()

// fullySpecified are the names of RFC 9864, which say the curve too. The keys are the same, and so are the
// algorithms: only the name differs.
var fullySpecified = map[string]string{"Ed25519": "EdDSA", "ESP256": "ES256", "ESP384": "ES384", "ESP512": "ES512"}

// canonicalAlgorithm returns the name under which this package knows an algorithm.
func canonicalAlgorithm(name string) string {
	if canonical, ok := fullySpecified[name]; ok {
		return canonical
	}
	return name
}

// What each type of key can do; nothing else is done with it, whatever a token says (RFC 8725 section
// 3.1).
var (
	hmacAlgorithms  = []string{"HS256", "HS384", "HS512"}
	rsaAlgorithms   = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	p256Algorithms  = []string{"ES256"}
	p384Algorithms  = []string{"ES384"}
	p521Algorithms  = []string{"ES512"}
	eddsaAlgorithms = []string{"EdDSA"}
)

func isHMAC(algorithm string) bool { return slices.Contains(hmacAlgorithms, algorithm) }

// algorithmsOf returns what a public key can do, or why it can do nothing.
func algorithmsOf(public any) ([]string, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		switch bits := public.N.BitLen(); {
		case bits < minRSABits:
			return nil, fmt.Errorf("an RSA key of %d bits is not safe: it needs at least %d", bits, minRSABits)
		case bits > maxRSABits:
			return nil, fmt.Errorf("an RSA key of %d bits takes too long: it may have %d", bits, maxRSABits)
		}
		return rsaAlgorithms, nil
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return p256Algorithms, nil
		case elliptic.P384():
			return p384Algorithms, nil
		case elliptic.P521():
			return p521Algorithms, nil
		}
		return nil, errors.New("an EC key must be on the curve P-256, P-384 or P-521")
	case ed25519.PublicKey:
		return eddsaAlgorithms, nil
	}
	return nil, errors.New("it must be an RSA, EC or Ed25519 key: keys of other kinds sign no tokens")
}

// names lists algorithms for people, in order.
func names(methods map[string]jwt.SigningMethod) string {
	return strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
}
