package rest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Key is an API key as a node knows it: without its secret.
type Key struct {
	Name   string
	Hash   string // SHA-256 of the secret in hex, as NewKey returns it
	Scopes []string
	End    time.Time // when it stops being good; zero for never
}

// Scopes are the scopes that keys and tokens have. Each but the last stands for reading and changing; NAME:read stands for
// reading alone.
var Scopes = []string{"publish", "rooms", "history", "users", "moderate", "tokens", "admin"}

const (
	keyPrefix = "chk_"
	// ReadSuffix ends a scope that stands for reading alone.
	ReadSuffix = ":read"
)

var (
	keyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	keyHash = regexp.MustCompile(`^(sha256:)?[0-9a-fA-F]{64}$`)
)

// NewKey makes a key for a name and returns it with the hash that a node is configured with.
func NewKey(name string) (key, hash string, err error) {
	if !keyName.MatchString(name) {
		return "", "", errors.New("the name of a key has 1 to 64 characters A-Z a-z 0-9 . _ -, the first a letter or digit")
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	text := hex.EncodeToString(secret)
	return keyPrefix + name + "_" + text, hashOf(text), nil
}

// hashOf returns the hash of a secret. The secret is random and long, so nobody finds it by trying.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Check returns what is wrong with the configuration of a key.
func (k *Key) Check() error {
	switch {
	case !keyName.MatchString(k.Name):
		return errors.New("name: 1 to 64 characters A-Z a-z 0-9 . _ -, the first a letter or digit")
	case !keyHash.MatchString(k.Hash):
		return errors.New("hash: write the one that chorus api key prints, 64 hexadecimal digits; the key itself does not belong here")
	case len(k.Scopes) == 0:
		return errors.New("scopes: name what the key may do, as publish, rooms:read or admin")
	}
	for _, scope := range k.Scopes {
		if err := CheckScope(scope); err != nil {
			return fmt.Errorf("scopes: %w", err)
		}
	}
	return nil
}

// CheckScope returns an error when there is no such scope.
func CheckScope(scope string) error {
	if slices.Contains(Scopes, strings.TrimSuffix(scope, ReadSuffix)) {
		return nil
	}
	return fmt.Errorf("there is no scope of this name: choose of %s, each also with :read", strings.Join(Scopes, ", "))
}

// keyring holds the keys in force.
type keyring struct {
	keys   []Key
	hashes [][]byte
}

// SetKeys replaces the keys, all or nothing.
func (a *API) SetKeys(keys []Key) error {
	ring := &keyring{keys: slices.Clone(keys)}
	for i := range keys {
		if err := keys[i].Check(); err != nil {
			return fmt.Errorf("api.keys[%d]: %w", i, err)
		}
		hash, err := hex.DecodeString(strings.TrimPrefix(strings.ToLower(keys[i].Hash), "sha256:"))
		if err != nil {
			return fmt.Errorf("api.keys[%d]: hash: %w", i, err)
		}
		ring.hashes = append(ring.hashes, hash)
	}
	a.keys.Store(ring)
	return nil
}

// find returns the key in force that a text is. It compares with every key, whatever the name: how long that takes says
// nothing about them.
func (r *keyring) find(text string, now time.Time) *Key {
	name, secret := "", ""
	if rest, ok := strings.CutPrefix(text, keyPrefix); ok {
		if at := strings.LastIndexByte(rest, '_'); at > 0 {
			name, secret = rest[:at], rest[at+1:]
		}
	}
	sum := sha256.Sum256([]byte(secret))
	var found *Key
	for i, hash := range r.hashes {
		if subtle.ConstantTimeCompare(sum[:], hash) == 1 && r.keys[i].Name == name {
			found = &r.keys[i]
		}
	}
	if found == nil || !found.End.IsZero() && !now.Before(found.End) {
		return nil
	}
	return found
}
