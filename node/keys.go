package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"chorus/auth"
	"chorus/auth/token"
)

// maxKeyFileBytes bounds a file with public keys.
const maxKeyFileBytes = 1 << 20

// publicKeys returns the PEM texts of auth.public_keys, those of files included.
func publicKeys(c *Config) ([]string, error) {
	texts := make([]string, len(c.Auth.PublicKeys))
	for i, entry := range c.Auth.PublicKeys {
		if token.IsPEM(entry) {
			texts[i] = entry
			continue
		}
		text, err := readKeyFile(entry)
		if err != nil {
			return nil, &token.OptionError{Option: "PublicKeys", Err: fmt.Errorf("neither a PEM text nor a file that can be read (entry %d of %d): %w", i+1, len(texts), err)}
		}
		texts[i] = text
	}
	return texts, nil
}

// readKeyFile reads a file. Its errors do not name the file: the entry may be a key in a form that was not
// recognised.
func readKeyFile(path string) (string, error) {
	file, err := os.Open(path) //nolint:gosec // the operator's own choice of file
	if err != nil {
		return "", withoutPath(err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFileBytes+1))
	if err == nil && len(text) > maxKeyFileBytes {
		err = fmt.Errorf("it has more than %d bytes", maxKeyFileBytes)
	}
	return string(text), withoutPath(err)
}

func withoutPath(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
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
