package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// DefaultLeeway is the difference between clocks that is forgiven unless Options say otherwise.
	DefaultLeeway = 5 * time.Second

	// MaxLeeway is the largest leeway: a longer one would make tokens live on after their end.
	MaxLeeway = 2 * time.Minute

	// DefaultMaxTokenBytes is the size of the largest token unless Options say otherwise.
	DefaultMaxTokenBytes = 8192

	// MinSecretBytes is the size of the shortest secret, that of the output of SHA-256 (RFC 7518
	// section 3.2).
	MinSecretBytes = 32
)

// Errors of [NewVerifier] and [Sign].
var (
	// ErrNoKey means that there is no secret: nobody could be told from anybody.
	ErrNoKey = errors.New("auth: no secret")

	// ErrBadSecret means that a secret is too short, empty, or a PEM text.
	ErrBadSecret = errors.New("auth: bad secret")

	// ErrUnknownAlgorithm means an algorithm other than HS256, HS384 and HS512.
	ErrUnknownAlgorithm = errors.New("auth: unknown algorithm")

	// ErrBadOption means any other option with a value that cannot be.
	ErrBadOption = errors.New("auth: bad option")
)

// Options are the keys and the rules of a [Verifier].
type Options struct {
	// Secrets are the HMAC keys; a token that one of them signed is good. With two, a new secret
	// can come in while tokens of the old one are still around.
	Secrets []string

	// AllowShortSecrets accepts secrets of less than MinSecretBytes, which can be guessed from
	// one token. For development only.
	AllowShortSecrets bool

	// Algorithms are those that tokens may use, out of HS256, HS384 and HS512; none stands for
	// all three. What a token's header says never adds to them (RFC 8725 section 3.1).
	Algorithms []string

	// Issuer, when not empty, is what iss must be.
	Issuer string

	// Audience, when not empty, holds the names of which aud must have at least one.
	Audience []string

	// Leeway is the difference between clocks that is forgiven: 0 stands for DefaultLeeway, a
	// negative value for none, and MaxLeeway is the most.
	Leeway time.Duration

	// AllowMissingExp accepts tokens without exp, which are good for ever.
	AllowMissingExp bool

	// MaxTokenBytes is the size of the largest token that is looked at; 0 stands for
	// DefaultMaxTokenBytes.
	MaxTokenBytes int

	// PermissionsClaim names the claim that says what a token may do, see [Permissions]; empty
	// stands for DefaultPermissionsClaim.
	PermissionsClaim string

	// Defaults is what a token may do as far as it does not say; nil stands for DefaultPermissions.
	Defaults *Permissions

	// Revocations, when not nil, knows which tokens are refused although they have not expired.
	Revocations *Revocations
}

// hmacMethods are the algorithms of this package. Everything else a token may name, "none" first
// of all, is unknown to it.
var hmacMethods = map[string]*jwt.SigningMethodHMAC{
	jwt.SigningMethodHS256.Name: jwt.SigningMethodHS256,
	jwt.SigningMethodHS384.Name: jwt.SigningMethodHS384,
	jwt.SigningMethodHS512.Name: jwt.SigningMethodHS512,
}

func (o *Options) keys() ([][]byte, error) {
	if len(o.Secrets) == 0 {
		return nil, fmt.Errorf("%w: set one of at least %d bytes, for example from `openssl rand -base64 48`", ErrNoKey, MinSecretBytes)
	}
	keys := make([][]byte, len(o.Secrets))
	for i, secret := range o.Secrets {
		if err := o.checkSecret(secret); err != nil {
			return nil, fmt.Errorf("%w: secret %d of %d %w", ErrBadSecret, i+1, len(o.Secrets), err)
		}
		keys[i] = []byte(secret)
	}
	return keys, nil
}

func (o *Options) checkSecret(secret string) error {
	switch {
	case secret == "":
		return errors.New("is empty: remove it or give it a value, for example from `openssl rand -base64 48`")
	case strings.Contains(secret, "-----BEGIN "):
		// A public key as a secret is known to everybody (RFC 8725 section 2.1).
		return errors.New("is a PEM text: an HMAC secret is a random string, for example from `openssl rand -base64 48`")
	case len(secret) < MinSecretBytes && !o.AllowShortSecrets:
		return fmt.Errorf("has %d bytes and needs at least %d: make one with `openssl rand -base64 48`", len(secret), MinSecretBytes)
	}
	return nil
}

func (o *Options) methods() (map[string]*jwt.SigningMethodHMAC, error) {
	if len(o.Algorithms) == 0 {
		return hmacMethods, nil
	}
	methods := make(map[string]*jwt.SigningMethodHMAC, len(o.Algorithms))
	for _, name := range o.Algorithms {
		method, err := hmacMethod(name)
		if err != nil {
			return nil, err
		}
		methods[name] = method
	}
	return methods, nil
}

func hmacMethod(name string) (*jwt.SigningMethodHMAC, error) {
	method, ok := hmacMethods[name]
	if !ok {
		return nil, fmt.Errorf("%w %q: use HS256, HS384 or HS512", ErrUnknownAlgorithm, name)
	}
	return method, nil
}

func (o *Options) leeway() (time.Duration, error) {
	switch {
	case o.Leeway > MaxLeeway:
		return 0, fmt.Errorf("%w: a leeway of %s is more than %s", ErrBadOption, o.Leeway, MaxLeeway)
	case o.Leeway < 0:
		return 0, nil
	case o.Leeway == 0:
		return DefaultLeeway, nil
	}
	return o.Leeway, nil
}

func (o *Options) maxTokenBytes() (int, error) {
	switch {
	case o.MaxTokenBytes < 0:
		return 0, fmt.Errorf("%w: a largest token of %d bytes", ErrBadOption, o.MaxTokenBytes)
	case o.MaxTokenBytes == 0:
		return DefaultMaxTokenBytes, nil
	}
	return o.MaxTokenBytes, nil
}

func (o *Options) checkAudience() error {
	for i, name := range o.Audience {
		if name == "" {
			return fmt.Errorf("%w: audience %d of %d is empty", ErrBadOption, i+1, len(o.Audience))
		}
	}
	return nil
}
