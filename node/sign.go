package node

import (
	"chorus/auth"
	"chorus/auth/token"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Sign makes a token that the nodes of a configuration accept, with its first secret. It adds iat and, after
// ttl, exp to the claims, and a random jti unless they have one: a token without it cannot be revoked alone.
func Sign(cfg Config, claims map[string]any, ttl time.Duration) (string, error) {
	secrets := cfg.Secrets()
	if len(secrets) == 0 {
		return "", errors.New("no secret to sign with: set CHORUS_AUTH_SECRET to that of the nodes")
	}
	now := time.Now()
	if claims["jti"] == nil {
		claims["jti"] = rand.Text()
	}
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(ttl).Unix()
	if cfg.Auth.Issuer != "" {
		claims["iss"] = cfg.Auth.Issuer
	}
	if len(cfg.Auth.Audience) > 0 {
		claims["aud"] = cfg.Auth.Audience[0]
	}
	algorithm, err := signingAlgorithm(cfg.Auth.Algorithms)
	if err != nil {
		return "", err
	}
	secret, err := token.DecodeSecret(secrets[0], token.SecretEncoding(cfg.Auth.SecretEncoding))
	if err != nil {
		return "", fmt.Errorf("auth.secret %w", err)
	}
	return auth.Sign(secret, algorithm, claims)
}

// signingAlgorithm returns the first algorithm for secrets, empty for the default of token.Sign.
func signingAlgorithm(allowed []string) (string, error) {
	for _, name := range allowed {
		if strings.HasPrefix(name, "HS") {
			return name, nil
		}
	}
	if len(allowed) > 0 {
		return "", fmt.Errorf("auth.algorithms (%s) has none for a secret: the owner of a private key signs its tokens", strings.Join(allowed, ", "))
	}
	return "", nil
}
