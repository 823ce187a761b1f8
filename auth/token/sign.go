package token

import (
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Sign makes a token out of claims, with HS256 when algorithm is empty. Dates are seconds since
// 1970, as numbers. It takes any secret but an empty one; whether the token is good is for
// [Verifier.Verify] to say.
func Sign(secret, algorithm string, claims map[string]any) (string, error) {
	if secret == "" {
		return "", ErrNoKey
	}
	if algorithm == "" {
		algorithm = jwt.SigningMethodHS256.Name
	}
	if !isHMAC(algorithm) {
		return "", fmt.Errorf("%w %q: a secret signs with HS256, HS384 or HS512", ErrUnknownAlgorithm, algorithm)
	}
	token, err := jwt.NewWithClaims(algorithms[algorithm], jwt.MapClaims(claims)).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("auth: sign: %w", err)
	}
	return token, nil
}
