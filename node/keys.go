package node

import (
	"fmt"

	"chorus/auth"
	"chorus/auth/token"
	"chorus/node/config"
)

// publicKeys returns the PEM texts of auth.public_keys, those of files included.
func publicKeys(c *Config) ([]string, error) {
	texts := make([]string, len(c.Auth.PublicKeys))
	for i, entry := range c.Auth.PublicKeys {
		if token.IsPEM(entry) {
			texts[i] = entry
			continue
		}
		text, err := config.ReadFile(entry)
		if err != nil {
			return nil, &token.OptionError{Option: "PublicKeys", Err: fmt.Errorf("neither a PEM text nor a file that can be read (entry %d of %d): %w", i+1, len(texts), err)}
		}
		texts[i] = string(text)
	}
	return texts, nil
}

// verifierOptions returns what the configuration says about tokens.
func verifierOptions(c *Config) (auth.Options, error) {
	keys, err := publicKeys(c)
	if err != nil {
		return auth.Options{}, err
	}
	return auth.Options{
		Secrets:           c.Secrets(),
		SecretEncoding:    token.SecretEncoding(c.Auth.SecretEncoding),
		NumericSub:        c.Auth.NumericSub,
		AllowShortSecrets: c.Insecure,
		PublicKeys:        keys,
		JWKSURL:           c.Auth.JWKSURL,
		JWKSRefresh:       c.Auth.JWKSRefresh,
		AllowInsecureJWKS: c.Insecure,
		Algorithms:        c.Auth.Algorithms,
		Issuer:            c.Auth.Issuer,
		Audience:          c.Auth.Audience,
		Leeway:            orNone(c.Auth.Leeway),
		AllowMissingExp:   !c.Auth.RequireExp,
		RequiredClaims:    c.Auth.RequiredClaims,
		Types:             c.Auth.Types,
		MaxTokenBytes:     int(c.Auth.MaxToken),
		CacheSize:         orNone(int(c.Auth.Cache)),
		PermissionsClaim:  c.Auth.PermissionsClaim,
		Defaults:          &c.Auth.Defaults,
	}, nil
}

// orNone turns the zero of a setting, which stands for none, into that of package auth, where zero stands for
// the default and a negative value for none.
func orNone[T ~int | ~int64](value T) T {
	if value == 0 {
		return -1
	}
	return value
}
