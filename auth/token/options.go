package token

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"chorus/auth/permission"
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

// Errors of [NewVerifier], [Verifier.SetKeys] and [Sign].
var (
	// ErrNoKey means that there is no key at all: nobody could be told from anybody.
	ErrNoKey = errors.New("auth: no key")

	// ErrBadSecret means that a secret is too short, empty, or a PEM text.
	ErrBadSecret = errors.New("auth: bad secret")

	// ErrBadPublicKey means that a text of Options.PublicKeys holds something else than public keys that
	// are safe to use.
	ErrBadPublicKey = errors.New("auth: bad public key")

	// ErrUnknownAlgorithm means an algorithm that this package does not know, or that is for none of
	// the keys.
	ErrUnknownAlgorithm = errors.New("auth: unknown algorithm")

	// ErrBadOption means any other option with a value that cannot be.
	ErrBadOption = errors.New("auth: bad option")
)

// OptionError is what the errors of [NewVerifier] and [Verifier.SetKeys] are: it names the field of
// [Options] that is wrong, for programs whose own settings have other names.
type OptionError struct {
	Option string // as "Secrets"
	Err    error  // wraps one of the errors above
}

func (e *OptionError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *OptionError) Unwrap() error { return e.Err }

func badOption(option, format string, args ...any) error {
	return &OptionError{Option: option, Err: fmt.Errorf(format, args...)}
}

// Options are the keys and the rules of a [Verifier]. At least one key is needed: a secret, a public
// key, or a JWKS.
type Options struct {
	// Secrets are the HMAC keys; a token that one of them signed is good. With two, a new secret
	// can come in while tokens of the old one are still around.
	Secrets []string

	// SecretEncoding says how Secrets are written; empty stands for EncodingText.
	SecretEncoding SecretEncoding

	// AllowShortSecrets accepts secrets of less than MinSecretBytes, which can be guessed from
	// one token. For development only.
	AllowShortSecrets bool

	// PublicKeys are PEM texts with one or more blocks PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE,
	// which is taken for its key alone: RSA of at least 2048 bits, EC on P-256, P-384 or P-521, or
	// Ed25519. A token that one of them signed is good.
	PublicKeys []string

	// JWKSURL is where the issuer publishes its keys (RFC 7517 section 5), read in the background by
	// a goroutine that [Verifier.Close] ends. A token whose kid is not there has it read again at
	// once, three times in a row and then every 10 s at most. While the issuer does not answer, or
	// with something else than keys, those read before stay in force. It must begin with https,
	// but for an address of the same machine.
	JWKSURL string

	// JWKSRefresh is the time between two looks at the JWKS, at least MinJWKSRefresh; 0 stands for
	// DefaultJWKSRefresh. After a failure the next look comes sooner.
	JWKSRefresh time.Duration

	// AllowInsecureJWKS accepts a JWKSURL that begins with http: whoever can change what comes over
	// the network decides who comes in. For development only.
	AllowInsecureJWKS bool

	// JWKSTransport sends the requests for the JWKS; nil stands for one that knows the certificate
	// authorities of the system and the proxy of the environment.
	JWKSTransport http.RoundTripper

	// Algorithms are those that tokens may use, out of HS256, HS384, HS512, RS256, RS384, RS512, PS256,
	// PS384, PS512, ES256, ES384, ES512 and EdDSA (also ESP256, ESP384, ESP512 and Ed25519, as RFC 9864 has them), and each must be one that a key can do; none stands
	// for all that the keys can do. What a token's header says never adds to them, and each key is
	// used with the algorithms of its type only (RFC 8725 section 3.1).
	Algorithms []string

	// Issuer, when not empty, is what iss must be.
	Issuer string

	// Audience, when not empty, holds the names of which aud must have at least one.
	Audience []string

	// Leeway is the difference between clocks that is forgiven in exp, nbf and iat: 0 stands for
	// DefaultLeeway, a negative value for none, and MaxLeeway is the most.
	Leeway time.Duration

	// AllowMissingExp accepts tokens without exp, which are good for ever.
	AllowMissingExp bool

	// RequiredClaims are names of claims that a token must have, with another value than null.
	RequiredClaims []string

	// NumericSub accepts a sub that is a whole number, and takes its decimal text.
	NumericSub bool

	// Types are the values of which the header's typ must be one, without regard to case and to
	// "application/" before them; none stands for "JWT", "at+jwt" or no typ at all. Tokens of one
	// issuer that are for different purposes are told apart by them (RFC 8725 section 3.11).
	Types []string

	// MaxTokenBytes is the size of the largest token that is looked at; 0 stands for
	// DefaultMaxTokenBytes.
	MaxTokenBytes int

	// PermissionsClaim names the claim that says what a token permits, see [permission.Table]; empty stands for
	// permission.DefaultClaim.
	PermissionsClaim string

	// Defaults is what a token permits where it does not say; nil stands for [permission.Defaults].
	Defaults *permission.Table

	// CacheSize is the number of tokens whose good signature is remembered, so that it is not checked
	// again; 0 stands for DefaultCacheSize, a negative value for none. One with the usual claims takes
	// 1 to 2 KiB of memory. Dates, revocation and a change of keys are honoured all the same.
	CacheSize int

	// Revoked reports whether a token is refused although it has not expired; nil stands for none. It must not block.
	Revoked func(*Claims) bool

	// Logger gets what becomes of the JWKS: an outage and its end, new keys. Nil stands for none.
	Logger *slog.Logger
}

// Validate returns the error that NewVerifier would, and starts nothing.
func (o *Options) Validate() error {
	_, _, err := o.verifier()
	return err
}

// verifier puts together a verifier that does not know the keys of a JWKS yet, and how to read those.
func (o *Options) verifier() (*Verifier, jwksFetch, error) {
	static, err := parseKeys(o.Secrets, o.SecretEncoding, o.PublicKeys, o.AllowShortSecrets)
	if err != nil {
		return nil, nil, err
	}
	fetch, err := o.jwksFetch()
	if err != nil {
		return nil, nil, err
	}
	keys, err := newKeyring(static, fetch != nil, o.Algorithms)
	if err != nil {
		return nil, nil, err
	}
	cache, err := newCache(cmp.Or(o.CacheSize, DefaultCacheSize))
	if err != nil {
		return nil, nil, badOption("CacheSize", "%w: a cache of %d tokens: %w", ErrBadOption, o.CacheSize, err)
	}
	if err := o.checkRules(); err != nil {
		return nil, nil, err
	}
	policy, err := permission.NewPolicy(o.PermissionsClaim, o.Defaults)
	if err != nil {
		return nil, nil, badOption("Defaults", "%w: %w", ErrBadOption, err)
	}
	return &Verifier{
		keys:              keys,
		cache:             cache,
		allowShortSecrets: o.AllowShortSecrets,
		secretEncoding:    o.SecretEncoding,
		numericSub:        o.NumericSub,
		types:             newTypeRule(o.Types),
		issuer:            o.Issuer,
		audience:          slices.Clone(o.Audience),
		leeway:            max(cmp.Or(o.Leeway, DefaultLeeway), 0),
		requireExp:        !o.AllowMissingExp,
		required:          slices.Clone(o.RequiredClaims),
		maxTokenBytes:     cmp.Or(o.MaxTokenBytes, DefaultMaxTokenBytes),
		now:               time.Now,
		policy:            policy,
		revoked:           o.Revoked,
	}, fetch, nil
}

// jwksFetch returns how to read the JWKS, nil without one.
func (o *Options) jwksFetch() (jwksFetch, error) {
	if o.JWKSRefresh != 0 && o.JWKSRefresh < MinJWKSRefresh {
		return nil, badOption("JWKSRefresh", "%w: reading the JWKS every %s: the least is %s", ErrBadOption, o.JWKSRefresh, MinJWKSRefresh)
	}
	if o.JWKSURL == "" {
		return nil, nil //nolint:nilnil // no JWKS is not an error
	}
	fetch, err := newJWKSFetch(o.JWKSURL, o.AllowInsecureJWKS, o.JWKSTransport)
	if err != nil {
		return nil, badOption("JWKSURL", "%w: the URL of the JWKS: %w", ErrBadOption, err)
	}
	return fetch, nil
}

func (o *Options) checkRules() error {
	if o.Leeway > MaxLeeway {
		return badOption("Leeway", "%w: a leeway of %s is more than %s", ErrBadOption, o.Leeway, MaxLeeway)
	}
	if o.MaxTokenBytes < 0 {
		return badOption("MaxTokenBytes", "%w: a largest token of %d bytes", ErrBadOption, o.MaxTokenBytes)
	}
	if IsRegistered(o.PermissionsClaim) {
		return badOption("PermissionsClaim", "%w: permissions in the claim %q, which means something else (RFC 7519 section 4.1): name another one", ErrBadOption, o.PermissionsClaim)
	}
	if err := noneEmpty("Audience", "audience", o.Audience); err != nil {
		return err
	}
	if err := noneEmpty("RequiredClaims", "required claim", o.RequiredClaims); err != nil {
		return err
	}
	return noneEmpty("Types", "type", o.Types)
}

// noneEmpty refuses an empty name, which is what is left of a forgotten value.
func noneEmpty(option, what string, names []string) error {
	if i := slices.Index(names, ""); i >= 0 {
		return badOption(option, "%w: %s %d of %d is empty", ErrBadOption, what, i+1, len(names))
	}
	return nil
}
